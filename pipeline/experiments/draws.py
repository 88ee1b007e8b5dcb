"""Draws of the share of a corpus that a transfer is trained on; the rest is what it is tested on."""

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np

from pipeline.config.transfers import TransferParams
from pipeline.errors import UserError
from pipeline.experiments.labelled import Fold, Labelled
from pipeline.experiments.tied_speakers import tied_speakers

ATTEMPTS = 1000
"""random draws among which one is looked for that has every class and is no earlier one"""

Draw = Callable[[np.random.Generator], frozenset[str]]
"""what gives the contents of a share, see `Labelled`"""


def draws(rows: Sequence[Labelled], plan: TransferParams, seed: int) -> list[Fold]:
    """The training and test parts of each draw, the same for every transfer with these rows, share and seed.

    Whole speakers are drawn, or utterances of each class, as many as are nearest to the share (a half is rounded up);
    recordings of one content are on one side, and so are speakers who have one in common. Every share has every class,
    and is another than those before it: a random one that is not is drawn again. Fewer draws are the first of more.
    Where numbers are predicted, all utterances are of one class, "": no share is drawn with regard to its numbers.

    Args:
        rows: the target's utterances, with the classes of the source.
        plan: says the share, what it is of, and how many draws there are.
        seed: of the draws, each with its number.

    Raises:
        UserError: a speaker is not known, the share is no speaker or all of them, a class has one recording, or there
            are not so many draws with every class.
    """
    every = np.arange(len(rows))
    if not plan.share:
        return [Fold(every[:0], every[:0], every)]
    draw = _speaker_draw(rows, plan.share) if plan.of == "speakers" else _utterance_draw(rows, plan.share)
    folds, taken = [], set[frozenset[str]]()
    for number in range(plan.draws):
        share = _next(rows, draw, np.random.default_rng([seed, number]), taken, plan.draws)
        taken.add(share)
        drawn = np.array([row.content in share for row in rows])
        folds.append(Fold(np.flatnonzero(drawn), every[:0], np.flatnonzero(~drawn), number))
    return folds


def _next(
    rows: Sequence[Labelled], draw: Draw, rng: np.random.Generator, taken: set[frozenset[str]], count: int
) -> frozenset[str]:
    classes = {row.emotion for row in rows}
    lacking: set[str] = set()
    for share in islice(iter(lambda: draw(rng), None), ATTEMPTS):
        missing = classes - {row.emotion for row in rows if row.content in share}
        if not missing and share not in taken:
            return share
        lacking |= missing
    corpus = rows[0].dataset
    if lacking and not taken:
        raise UserError(f"{corpus}: no such share has {min(lacking)!r} and all other classes; raise share")
    every = " with every class" if any(classes) else ""
    raise UserError(f"{corpus}: there are fewer than {count} draws of such a share{every}; lower draws")


def _rounded(share: float, count: int) -> int:
    """The nearest number of so many; a half is rounded up."""
    return int(np.floor(share * count + 0.5))


def _speaker_draw(rows: Sequence[Labelled], share: float) -> Draw:
    corpus = rows[0].dataset
    if unknown := next((row for row in rows if not row.speaker), None):
        raise UserError(
            f"{corpus}: the speaker of {unknown.key!r} is not known, and speakers are drawn; name speakers (folder "
            "reader: a speaker column or speaker_pattern), or take of: utterances"
        )
    groups = tied_speakers(rows)
    contents = [frozenset(row.content for row in rows if row.speaker in group) for group in groups]
    speakers = sum(map(len, groups))
    wanted = _rounded(share, speakers)
    if not wanted:
        raise UserError(f"{corpus}: share {share:g} of {speakers} speakers is none; {1 / speakers:.2g} is one")
    if wanted >= speakers or len(groups) < 2:
        raise UserError(f"{corpus}: share {share:g} of {speakers} speakers leaves none to test; lower it")

    def draw(rng: np.random.Generator) -> frozenset[str]:
        order = rng.permutation(len(groups)).tolist()
        sizes = np.cumsum([len(groups[i]) for i in order])
        taken = min(int(np.searchsorted(sizes, wanted)) + 1, len(order) - 1)
        return frozenset().union(*(contents[i] for i in order[:taken]))

    return draw


def _utterance_draw(rows: Sequence[Labelled], share: float) -> Draw:
    of_class: dict[str, list[str]] = {}
    for content, emotion in {row.content: row.emotion for row in reversed(rows)}.items():
        of_class.setdefault(emotion, []).append(content)
    lone = min((name for name, contents in of_class.items() if len(contents) < 2), default=None)
    if lone == "":
        raise UserError(f"{rows[0].dataset}: has one recording, which cannot be trained on and tested")
    if lone is not None:
        raise UserError(
            f"{rows[0].dataset}: has one recording of {lone!r}, which cannot be trained on and tested; leave the class "
            "out of the source's `emotions`"
        )
    pools = [sorted(of_class[name]) for name in sorted(of_class)]

    def draw(rng: np.random.Generator) -> frozenset[str]:
        drawn: set[str] = set()
        for pool in pools:
            wanted = min(max(1, _rounded(share, len(pool))), len(pool) - 1)
            drawn |= {pool[i] for i in rng.permutation(len(pool))[:wanted].tolist()}
        return frozenset(drawn)

    return draw
