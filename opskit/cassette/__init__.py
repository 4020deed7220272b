"""The cassette: exchanges in a file, how they are written, found again, redacted and paced."""
