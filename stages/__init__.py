"""Stages of the graph: one thin command each."""

import sys
from pathlib import Path

from pipeline import arithmetic
from pipeline.jobs import interrupts

if any(each.startswith("stages.") for each in sys.orig_argv):  # `python -m stages.NAME`, also of a profiler
    arithmetic.hold(Path("params.yaml"))

sys.excepthook = interrupts.excepthook
