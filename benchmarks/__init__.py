"""Benchmarks: mapsto and its peers on the same rows, side by side. `python -m benchmarks` lists them."""
