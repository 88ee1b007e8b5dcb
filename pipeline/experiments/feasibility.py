"""Whether a corpus can serve a protocol, from keys, speakers, sessions and labels alone."""

from collections.abc import Sequence
from typing import Any

from pipeline.config.protocols import ProtocolParams
from pipeline.errors import UserError
from pipeline.experiments.protocols import inner_folds, split


def protocol_problem(rows: Sequence[Any], protocol: ProtocolParams, seed: int) -> str | None:
    """Why a corpus cannot be cut as a protocol says, in one line; None when it can.

    Args:
        rows: objects with `key`, `dataset`, `speaker`, `session` and `emo`.
        protocol: how to cut.
        seed: of the cut.
    """
    try:
        for fold in split(rows, protocol, seed):
            inner_folds(rows, fold.train, protocol, seed)
    except UserError as error:
        return str(error)
    return None
