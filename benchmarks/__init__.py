"""Measurements: each module prints one, `python -m benchmarks.<name>`."""
