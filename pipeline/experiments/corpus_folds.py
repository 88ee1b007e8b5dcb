"""Folds by corpus: each corpus of an experiment on several is tested by models that were trained on all others."""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

import numpy as np

from pipeline.errors import UserError
from pipeline.experiments.labelled import Fold, Labelled, corpus_title, datasets_of


def corpus_folds(rows: Sequence[Labelled], validation_speakers: int) -> Iterator[Fold]:
    """A fold for each corpus, in their order.

    Args:
        rows: the utterances of an experiment on several corpora.
        validation_speakers: how many speakers of the training corpora are validated on, of each corpus in turn.

    Raises:
        UserError: there is one corpus; or a speaker is unknown, or there are too few, where some are validated on.
    """
    corpora = datasets_of(rows)
    if len(corpora) < 2:
        raise UserError(
            f"{corpus_title(rows)}: leave_one_corpus_out needs two corpora or more; list them, as corpus: [a, b], or "
            "choose leave_one_speaker_out"
        )
    datasets, speakers = (np.array([getattr(row, name) for row in rows]) for name in ("dataset", "speaker"))
    for corpus in corpora:
        validation = _validation(rows, corpus, validation_speakers)
        tested, validated = datasets == corpus, np.isin(speakers, validation)
        yield Fold(np.flatnonzero(~tested & ~validated), np.flatnonzero(validated), np.flatnonzero(tested))


def _validation(rows: Sequence[Labelled], tested: str, count: int) -> list[str]:
    """The speakers that are validated on: the first of each training corpus, then the second of each, and so on."""
    if not count:
        return []
    others: dict[str, set[str]] = {}
    for row in rows:
        if row.dataset != tested:
            if not row.speaker:
                raise UserError(
                    f"{row.dataset}: the speaker of {row.key!r} is unknown, and validation_speakers takes speakers out "
                    "of the training part; name speakers, or set validation_speakers to 0"
                )
            others.setdefault(row.dataset, set()).add(row.speaker)
    if sum(map(len, others.values())) <= count:
        raise UserError(
            f"{' and '.join(others)}: {count} validation_speakers leave nobody to train on; lower it, or bring more "
            "speakers"
        )
    in_turn = chain.from_iterable(zip_longest(*map(sorted, others.values())))
    return [speaker for speaker in in_turn if speaker is not None][:count]
