"""Processes, clusters, devices, progress."""
