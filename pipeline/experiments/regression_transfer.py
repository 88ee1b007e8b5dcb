"""Transfers of experiments with targets: as those of classes are, with numbers in the place of probabilities."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.corpora.manifest import Row
from pipeline.experiments.cost import Cost
from pipeline.experiments.fold_result import FoldResult
from pipeline.experiments.model_folder import read_card, validated_card
from pipeline.experiments.reference import TrainedReference
from pipeline.experiments.regression import FORMAT
from pipeline.experiments.regressor_card import RegressorCard
from pipeline.experiments.targets import lacking, target_values
from pipeline.experiments.transfer import Indices, Transfer
from pipeline.experiments.transfer_run import add_draw, draws_of, mean_outputs, transfer_card, transferred
from pipeline.experiments.values import Values
from pipeline.storage.identity import canonical_json
from pipeline.systems.regression import VALUE_CURVE


class ValueReference(TrainedReference[RegressorCard]):
    """A source whose models predict numbers; all of its utterances have them."""

    @classmethod
    def card_of(cls, folder: Path) -> RegressorCard:
        """The card of a folder of models."""
        return validated_card(RegressorCard, read_card(folder), folder)

    def fitted(self, keys: Sequence[str], seed: int) -> list[str]:
        """All of them, each once."""
        return [*keys]

    def truth(self, keys: Sequence[str]) -> NDArray[np.float64]:
        """Numbers (N, targets) of utterances, or of what they are copies of."""
        known = {row.key: row for row in self.rows}
        return target_values([known[source_key(key)] for key in keys], self.card.targets)


@dataclass(frozen=True, repr=False)
class RegressionTransfer(Transfer):
    """Everything that a transfer of numbers needs; the rows have all of the source's, and no emotions.

    Attributes:
        left_out: the target's other rows, for the card.
    """

    left_out: Sequence[Row] = ()

    @cached_property
    def classes(self) -> list[str]:
        """What there is a column of: the source's targets."""
        return [*self.reference.card.targets]

    @property
    def untested(self) -> list[str]:
        """None: a target without one of the numbers is refused."""
        return []

    @property
    def curve(self) -> Sequence[str]:
        """What is known of each epoch."""
        return VALUE_CURVE

    def truth_of(self, indices: Indices) -> NDArray[np.float64]:
        """Numbers (n, targets) of some of the target's utterances."""
        return target_values([self.rows[i] for i in indices], self.classes)

    def fitted_share(self, train: Indices) -> Indices:
        """A share as models are fitted to it: all, each once."""
        return train

    def joined(self, known: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers of the source's utterances, and of the target's after these."""
        return np.concatenate([known, share])

    def outputs_in(self, start: int) -> int:
        """How many targets the source's models have."""
        return len(self.classes)

    def predicted(self, model: Any, test: Indices) -> NDArray[np.float64]:
        """Numbers (n, targets) that a model gives for a test part, on the scale that it was trained on."""
        values: NDArray[np.float64] = model.values(self.view(test))
        return values

    def variants(self, model: Any, test: Indices) -> dict[str, NDArray[np.float64]]:
        """Nothing."""
        return {}

    def outputs_of(self, model: Any) -> Indices:
        """All targets."""
        return np.arange(len(self.classes))

    def identity(self) -> str:
        """Says all that the models depend on, the numbers included."""
        values = [target_values(rows, self.classes).tolist() for rows in (self.rows, self.reference.rows)]
        return canonical_json({"of all": super().identity(), "targets": self.classes, "values": values})


def run_value_transfer(
    transfer: RegressionTransfer,
    models: Path,
    workers: int | None = None,
    cluster: str | None = None,
    executor: Executor | None = None,
) -> tuple[Values, Cost]:
    """Make and test the models of every draw; see `transfer_run.run_transfer`."""
    return transferred(transfer, models, _collected, _model_card, (workers, cluster, executor))


def _collected(transfer: RegressionTransfer, results: Sequence[FoldResult]) -> Values:
    """The numbers of all draws, each the mean of its models'."""
    values = Values(transfer.classes, card=_card(transfer))
    for number, fold, models in draws_of(transfer, results):
        keys, speakers = transfer.keys_of(fold.test), [transfer.rows[i].speaker for i in fold.test]
        values.add(number, "test", keys, speakers, transfer.truth_of(fold.test), mean_outputs(models))
        add_draw(values, transfer, number, fold, models)
    return values


def _card(transfer: RegressionTransfer) -> dict[str, Any]:
    return {
        **transfer_card(transfer),
        "task": "regression",
        "targets": transfer.classes,
        "without_targets": lacking(transfer.left_out, transfer.only, transfer.classes),
    }


def _model_card(transfer: RegressionTransfer, results: Sequence[FoldResult]) -> Mapping[str, Any]:
    return {"format": FORMAT}
