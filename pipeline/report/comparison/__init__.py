"""Experiments and revisions of a project side by side: their scores, what was changed, and which is better."""
