"""What no recording is beyond."""

LONGEST = 24
"""hours; a few bytes of a damaged or malicious file can stand for years of silence"""
