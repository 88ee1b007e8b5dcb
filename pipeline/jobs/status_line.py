"""A line at the bottom of a terminal that says what is going on, below the lines that others write there."""

import os
import shutil
import sys

CLEAR = "\r\x1b[K"
"""moves to the beginning of the line, and empties it"""


class StatusLine:
    """A line on standard error that is written over; nothing where that is no terminal, or one that cannot.

    Whoever else writes lines to the terminal begins each with `clear`, and it is shown again below.
    """

    def __init__(self) -> None:
        self.clear = CLEAR if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" else ""

    def show(self, text: str) -> None:
        """Show a text, cut to the width of the terminal; "" takes the line away."""
        if self.clear:
            sys.stderr.write(self.clear + text[: shutil.get_terminal_size().columns - 1])
            sys.stderr.flush()
