"""opskit's own measurements: ``python -m benchmarks``."""
