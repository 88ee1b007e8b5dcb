"""Cross-validate one experiment with targets: as those of classes are, with numbers in the place of probabilities."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.experiments.cost import Cost
from pipeline.experiments.cross_validation import cross_validated, curve_of, experiment_card
from pipeline.experiments.experiment import Experiment, Indices
from pipeline.experiments.fold_result import PARTS, FoldResult
from pipeline.experiments.labelled import Fold
from pipeline.experiments.targets import lacking, target_values
from pipeline.experiments.values import Values
from pipeline.storage.identity import canonical_json
from pipeline.systems.regression import VALUE_CURVE

FORMAT: Final = "ser-regressor/1"
"""of the card of an experiment's models"""


@dataclass(frozen=True, repr=False)
class RegressionExperiment(Experiment):
    """Everything that a cross-validation of numbers needs; the rows have all of them, and no emotions.

    Attributes:
        targets: the numbers' names.
    """

    targets: Sequence[str] = ()

    @cached_property
    def classes(self) -> list[str]:
        """What there is a column of: the targets."""
        return [*self.targets]

    @property
    def curve(self) -> Sequence[str]:
        """What is known of each epoch."""
        return VALUE_CURVE

    def predicted(self, model: Any, indices: Indices) -> NDArray[np.float64]:
        """Numbers (n, targets) of a part."""
        values: NDArray[np.float64] = model.values(self.view(self.part(indices)[0]))
        return values

    def variants(self, model: Any, indices: Indices) -> dict[str, NDArray[np.float64]]:
        """Nothing."""
        return {}

    def outputs_of(self, model: Any) -> Indices:
        """All targets."""
        return np.arange(len(self.targets))

    def part(self, indices: Indices) -> tuple[list[str], Any]:
        """Keys and numbers (n, targets) of a validation or test part."""
        rows = [self.rows[i] for i in indices]
        return [row.key for row in rows], target_values(rows, self.targets)

    def training_part(self, train: Indices) -> tuple[list[str], Any]:
        """Keys and numbers of a training part, with the copies of its own utterances at the end."""
        keys, values = self.part(train)
        copies = self.copies()
        extra = [copy for key in keys for copy in copies.get(key, [])]
        places = {key: i for i, key in enumerate(keys)}
        return keys + extra, np.concatenate([values, values[[places[source_key(copy)] for copy in extra]]])

    def identity(self, folds: Sequence[Fold]) -> str:
        """Says all that the trained folds depend on, the numbers included."""
        values = target_values(self.rows, self.targets).tolist()
        return canonical_json({"of all": super().identity(folds), "targets": [*self.targets], "values": values})


def cross_validate_values(
    experiment: RegressionExperiment,
    models: Path,
    workers: int | None = None,
    cluster: str | None = None,
    executor: Executor | None = None,
) -> tuple[Values, Cost]:
    """Train and predict every fold; see `cross_validation.cross_validate`."""
    return cross_validated(experiment, models, _collected, _model_card, (workers, cluster, executor))


def _model_card(experiment: RegressionExperiment, results: Sequence[FoldResult]) -> dict[str, Any]:
    return {"format": FORMAT}


def _collected(experiment: RegressionExperiment, folds: Sequence[Fold], results: Sequence[FoldResult]) -> Values:
    """The numbers of all folds."""
    values = Values([*experiment.targets], card=_card(experiment, folds))
    for number, (fold, result) in enumerate(zip(folds, results, strict=True)):
        for name in PARTS:
            part = result.parts[name]
            speakers = [experiment.rows[i].speaker for i in part.rows]
            keys, truth = experiment.part(part.rows)
            values.add(number, name, keys, speakers, truth, part.probabilities)
        held_out = {name: experiment.part(getattr(fold, name))[0] for name in ("validation", "test")}
        values.choices += [{"fold": number, **result.choices}] if result.choices else []
        values.folds.append({"train": experiment.training_part(fold.train)[0], **held_out})
        values.curves += curve_of(experiment, number, result)
    return values


def _card(experiment: RegressionExperiment, folds: Sequence[Fold]) -> dict[str, Any]:
    return {
        **experiment_card(experiment, folds),
        "task": "regression",
        "targets": [*experiment.targets],
        "without_targets": lacking(experiment.left_out, experiment.only, experiment.targets),
    }
