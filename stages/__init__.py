"""Stages of the graph: one thin command each."""

import sys
from types import TracebackType


def _interrupted(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Say Ctrl-C during a stage's imports in one line; `pipeline.commands.command` does so afterwards."""
    chain: BaseException | None = error
    while chain is not None and not isinstance(chain, KeyboardInterrupt):
        chain = chain.__cause__ or chain.__context__  # pydantic wraps it
    if chain is None:
        sys.__excepthook__(kind, error, traceback)
        return
    print("interrupted; run again to go on", file=sys.stderr)
    raise SystemExit(130)


sys.excepthook = _interrupted
