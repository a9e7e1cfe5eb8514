"""Measurements on real parts. `python -m benchmarks` runs them all; figures go to benchmarks/RESULTS.md."""
