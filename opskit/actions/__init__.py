"""The calls that change an engine: run, stop, exec, copy, pull, push, build, prune.

Each module is one mixin of `opskit.Engine`, or what several of them share: `targets` (what a call
acts on), `batch` (many at once), `progress` (streams that report progress), `tar` (archives that
are never held in memory).
"""
