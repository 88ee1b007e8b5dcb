"""Balanced training parts: utterances are repeated until each class, corpus, or class of each corpus has as many.

Repeating works for every system alike, neural or not; a system's own inner folds keep an utterance and its repetition
together, as they keep recordings of one content.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.config.experiments import Balance


def balance_cells(balance: Balance, corpora: Sequence[str], emotions: Sequence[str]) -> list[str]:
    """What each utterance is counted under; "" for all where nothing is balanced.

    Args:
        balance: what for.
        corpora: of each utterance.
        emotions: likewise.
    """
    if balance == "none":
        return [""] * len(emotions)
    if balance == "class":
        return [*emotions]
    if balance == "corpus":
        return [*corpora]
    return [f"{corpus}/{emotion}" for corpus, emotion in zip(corpora, emotions, strict=True)]


def balanced(cells: Sequence[str], seed: int) -> list[int]:
    """Numbers of the utterances, all of them once, and then those that are repeated, so that all cells have as many.

    Each utterance of a cell is taken as often as any other, or once more; who is, is drawn.

    Args:
        cells: what each utterance is counted under.
        seed: of the draw.
    """
    every = np.array(cells)
    members = {cell: np.flatnonzero(every == cell) for cell in np.unique(every)}
    largest = max((len(own) for own in members.values()), default=0)
    rng = np.random.default_rng([seed, largest])
    extra: list[int] = []
    for own in members.values():
        times, rest = divmod(largest, len(own))
        extra += np.tile(own, times - 1).tolist() + np.sort(rng.permutation(own)[:rest]).tolist()
    return [*range(len(cells)), *extra]
