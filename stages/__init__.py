"""Stages of the graph: one thin command each."""

import sys

from pipeline.jobs import interrupts

sys.excepthook = interrupts.excepthook
