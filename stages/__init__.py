"""Stages of the graph: one thin command each."""

import os
import sys
from pathlib import Path

from pipeline import arithmetic
from pipeline.jobs import interrupts

if any(each.startswith("stages.") for each in sys.orig_argv):  # `python -m stages.NAME`, also of a profiler
    arithmetic.hold(Path("params.yaml"))
    # Else pydantic looks through all installed packages for plugins of its own, in each of a graph's processes.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

sys.excepthook = interrupts.excepthook
