"""The recordings of a corpus, or of a command's inputs, that cannot be used: all of them in one error."""

from collections.abc import Mapping

from pipeline.errors import UserError

SHOWN = 20
"""recordings that are named, at most"""


class RecordingsError(UserError):
    """Recordings that cannot be used: each has a line, of which the first `SHOWN` are printed.

    Args:
        reasons: key, or path relative to the corpus -> what is wrong, with the path and what to do.
        otherwise: how to go on without them, in params or options; "" where there is no such way.
    """

    def __init__(self, reasons: Mapping[str, str], otherwise: str = "") -> None:
        self.reasons = dict(reasons)
        lines = [*self.reasons.values()]
        if len(lines) == 1:
            super().__init__(lines[0] + (f", or leave it out: {otherwise}" if otherwise else ""))
            return
        more = f", of which {SHOWN} are named above" if len(lines) > SHOWN else ""
        advice = f", or leave them out: {otherwise}" if otherwise else ""
        last = f"{len(lines)} recordings cannot be used{more}; mend or remove the files{advice}"
        super().__init__("\n".join([*lines[:SHOWN], last]))
