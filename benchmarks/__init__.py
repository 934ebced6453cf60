"""The project's figures: `python -m benchmarks` measures them, each beside its raw limit in the same run."""
