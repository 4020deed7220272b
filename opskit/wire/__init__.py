"""The relay: one HTTP/1.1 hop that records, replays, guards and audits."""
