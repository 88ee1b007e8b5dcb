"""Leak checks, scores, intervals, tests, comparison, costs."""
