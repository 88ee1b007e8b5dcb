"""Whether folds are speaker-independent, by looking at who is in them, whatever made them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.experiments.labelled import Fold, Labelled


@dataclass(frozen=True)
class SharedSpeakers:
    """How many of the speakers that are tested were trained on in the same fold.

    Attributes:
        shared: how many were.
        tested: how many there are.
        unknown: whether the speaker of some recording is unknown, so that nobody can say.
    """

    shared: int
    tested: int
    unknown: bool

    @property
    def dependent(self) -> bool:
        """Whether scores are no estimate for new speakers, as far as is known."""
        return self.unknown or self.shared > 0

    def __str__(self) -> str:
        """As `10 of 10`."""
        return "unknown" if self.unknown else f"{self.shared} of {self.tested}"


def shared_speakers(rows: Sequence[Labelled], folds: Iterable[Fold]) -> SharedSpeakers:
    """Look at the speakers of every fold's training and test part."""
    shared, tested = set[str](), set[str]()
    for fold in folds:
        trained = {rows[i].speaker for i in fold.train}
        own = {rows[i].speaker for i in fold.test}
        tested |= own
        shared |= own & trained
        if "" in trained | own:
            return SharedSpeakers(0, 0, unknown=True)
    return SharedSpeakers(len(shared), len(tested), unknown=False)
