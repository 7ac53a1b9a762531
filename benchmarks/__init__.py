"""Benchmarks: what `./dev bench` runs. Each gives its ratio to a baseline measured in the same run."""
