"""Benchmarks, `ser bench`: each makes its own data from a seed, and prints its figures beside their targets."""
