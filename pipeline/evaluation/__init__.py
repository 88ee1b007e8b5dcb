"""Leak checks, scores, intervals, tests, comparison."""
