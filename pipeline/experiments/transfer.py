"""What a transfer works on: an experiment's trained models, and the rows and features of another corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline import arithmetic
from pipeline.config.transfers import TransferParams
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.experiments.balance import balance_cells, balanced
from pipeline.experiments.classes import ClassSet
from pipeline.experiments.cross_validation import columns_of_all
from pipeline.experiments.draws import draws
from pipeline.experiments.experiment import groups_of, models_of, program_digests
from pipeline.experiments.labelled import Fold
from pipeline.experiments.model_folder import checked_numbers
from pipeline.experiments.reference import Files, TrainedReference, check_apart, qualified_rows
from pipeline.experiments.selection import Only
from pipeline.experiments.votes import share_table
from pipeline.storage.identity import canonical_json
from pipeline.storage.qualified import Qualified
from pipeline.storage.source import Source
from pipeline.strict import Strict
from pipeline.systems import CURVE
from pipeline.systems.soft_labels import SoftLabels
from pipeline.systems.starting_weights import starting_digest
from pipeline.systems.view import View

if TYPE_CHECKING:
    from pipeline.systems.system import System

Indices = NDArray[np.int64]
FRESH = None
"""the start of a model that begins untrained"""


@dataclass(frozen=True, repr=False)
class Transfer:
    """Everything a transfer needs.

    In each draw a model is made of each of `starts`: the source's of a fold, as it is or tuned on the share; or one
    that begins untrained, and is fitted to the share, or (a system that cannot be tuned) to what the source was fitted
    to and the share, whose utterances are repeated until they count as much. Their probabilities are averaged.

    Attributes:
        name: the transfer's name.
        plan: its params.
        reference: the source.
        classifier: the system's class.
        settings: the system's params in the tuning.
        rows: the target's utterances, with the source's classes for their emotions.
        emotions: the class set of those classes that the target has; None where it is all of the target's labels.
        files: role -> feature file of the target.
        seed: of draws and training.
        device: torch device.
        copies: pairs of the target's keys and the source's, `qualified`, whose recordings sound the same.

    Raises:
        UserError: the target has a recording of the source.
    """

    name: str
    plan: TransferParams
    reference: TrainedReference[Any]
    classifier: Any
    settings: Strict
    rows: Sequence[Row]
    emotions: ClassSet | None
    files: Files
    seed: int = 0
    device: str = "cpu"
    copies: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        check_apart(self._rows, self.files, self.reference, self.copies)

    @property
    def corpus(self) -> str:
        """The target."""
        return self.plan.corpus

    @property
    def only(self) -> Only:
        """The languages and genders that the rows were chosen by."""
        return self.plan.only

    @cached_property
    def classes(self) -> list[str]:
        """The source's."""
        return [*self.reference.card.classes]

    @property
    def untested(self) -> list[str]:
        """The source's classes that the target lacks."""
        return sorted({*self.classes} - {row.emotion for row in self.rows})

    @cached_property
    def params(self) -> dict[str, Any]:
        """The system's params as plain values."""
        return self.settings.model_dump(mode="json")

    @property
    def epochs(self) -> int:
        """Of one model's training; 0 where there are none."""
        return int(self.params.get("epochs", 0)) if self.plan.share else 0

    @property
    def is_refitted(self) -> bool:
        """Whether models are fitted again to what the source was fitted to, and the share if there is one."""
        return self.is_trained and self.plan.weights != "fresh" and not self.classifier.tunes

    @property
    def is_trained(self) -> bool:
        """Whether models are made, and not only the source's are tested; see `TransferParams.trains`."""
        return bool(self.plan.share or self.plan.params or self.params.get("self_training"))

    @cached_property
    def starts(self) -> list[int | None]:
        """The folds of the source whose models a draw's begin with; `FRESH` for one that begins with none.

        Raises:
            UserError: the source has no such fold.
        """
        weights, count = self.plan.weights, len(self.reference.card.weights)
        if isinstance(weights, int) and weights >= count:
            raise UserError(f"transfers.{self.name}.weights: {weights}, and the source has the folds 0 to {count - 1}")
        if weights == "fresh" or self.is_refitted:
            return [FRESH]
        return [weights] if isinstance(weights, int) else list(range(count))

    @cached_property
    def draws(self) -> list[Fold]:
        """Who is trained on and tested on in each draw.

        Raises:
            UserError: the share cannot be drawn, see `draws`.
        """
        return draws(self.rows, self.plan, self.seed)

    @cached_property
    def pieces(self) -> list[tuple[Fold, int | None]]:
        """A draw and a start of each model; those of one draw follow each other."""
        return [(fold, start) for fold in self.draws for start in self.starts]

    @cached_property
    def _rows(self) -> list[Row]:
        return qualified_rows(self.rows)

    @cached_property
    def features(self) -> dict[str, Source]:
        """Role -> the target's features, aligned where asked for.

        Raises:
            UserError: speakers are aligned, and one is not known.
        """
        own: dict[str, Source] = {role: Qualified(file, self.corpus) for role, file in self.files.items()}
        if self.plan.align == "none":
            return own
        from pipeline.experiments.feature_alignment import align

        groups = {row.key: row.dataset if self.plan.align_by == "corpus" else row.speaker for row in self._rows}
        if unknown := next((key for key, group in groups.items() if not group), None):
            raise UserError(f"align_by: speaker needs that of {unknown!r}, which is not known; take align_by: corpus")
        keys = [row.key for row in self.reference.rows]
        return align(own, groups, self.reference.sources(self.reference.clean), keys, self.plan.align)

    def view(self, indices: Indices) -> View:
        """The features of some of the target's utterances; groups are of the target's rows."""
        files = {role: [source] for role, source in self.features.items()}
        return View([self._rows[i].key for i in indices], files, groups_of(self._rows))

    def truth_of(self, indices: Indices) -> Any:
        """The classes of some of the target's utterances; or shares of them, where the source learnt votes."""
        emotions = [self.rows[i].emotion for i in indices]
        if self.reference.card.labels == "majority":
            return emotions
        shares = self._shares[indices] if len(indices) else np.zeros((0, len(self.classes)))
        return SoftLabels(self.classes, shares, emotions)

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """Shares (N, classes) of the raters' votes on the source's classes.

        Raises:
            UserError: the target has no votes.
        """
        return share_table(self.rows, self.reference.card.emotions, self.classes)

    def keys_of(self, indices: Indices) -> list[str]:
        """Their keys."""
        return [self.rows[i].key for i in indices]

    def fitted_share(self, train: Indices) -> Indices:
        """A share as models are fitted to it: utterances repeated as the source's `balance` asks."""
        emotions = [self.rows[i].emotion for i in train]
        cells = balance_cells(self.reference.card.balance, [self.corpus] * len(train), emotions)
        return train[balanced(cells, self.seed)] if len(train) else train

    def union(self, train: Indices) -> tuple[View, Any]:
        """What the source was fitted to and a share, if there is one, which counts as much, as a view and its truth."""
        weights, reference = self.plan.weights, self.reference
        known = reference.fitted(
            reference.trained[weights] if isinstance(weights, int) else reference.everything, self.seed
        )
        train = self.fitted_share(train)
        share = np.tile(train, max(1, round(len(known) / len(train)))) if len(train) else train
        keys = [*known, *(self._rows[i].key for i in share)]
        files = {
            role: [source, *(each[role] for each in self._known_sources if role in each)]
            for role, source in self.features.items()
        }
        groups = groups_of([*self._rows, *reference.rows])
        return View(keys, files, groups), self.joined(reference.truth(known), self.truth_of(share))

    @cached_property
    def _known_sources(self) -> list[dict[str, Source]]:
        """The source's own features and its copies', the same for all draws, which describe each utterance once."""
        return [self.reference.sources(files) for files in (self.reference.clean, self.reference.copied)]

    def joined(self, known: Any, share: Any) -> Any:
        """What is fitted to of the source's utterances, and of the target's after these."""
        if isinstance(known, SoftLabels):
            return SoftLabels(
                known.classes, np.concatenate([known.shares, share.shares]), [*known.labels, *share.labels]
            )
        return [*known, *share]

    def untrained(self, draw: int) -> "System":
        """The system with its params; its seeds are other ones in each draw."""
        seed = self.seed + draw * self.params.get("seeds", 1)
        system: System = self.classifier(**dict(self.settings), seed=seed, device=self.device)
        return system

    def loaded(self, draw: int, start: int) -> "System":
        """The source's model of a fold.

        Raises:
            UserError: its file is missing or damaged, or is of other params.
        """
        card = self.reference.card
        path = checked_numbers(self.reference.folder, start, card.weights[start])
        return self.untrained(draw).load(path, self.view(np.arange(1)), self.outputs_in(start))

    def outputs_in(self, start: int) -> Any:
        """What the source's model of a fold was trained to give, as its `load` takes it: classes."""
        return self.reference.card.folds[start]

    @property
    def curve(self) -> Sequence[str]:
        """What is known of each epoch."""
        return CURVE

    def predicted(self, model: Any, test: Indices) -> NDArray[np.float64]:
        """What a model gives for a test part, (n, C): probabilities of the source's classes, 0 for unknown ones."""
        return columns_of_all(self.classes, model, model.predict_proba(self.view(test)))

    def variants(self, model: Any, test: Indices) -> dict[str, NDArray[np.float64]]:
        """The same by each layer that was tried."""
        variants = model.variants(self.view(test)).items()
        return {name: columns_of_all(self.classes, model, values) for name, values in variants}

    def outputs_of(self, model: Any) -> Indices:
        """The numbers of the classes that a model was trained on, ascending."""
        return np.array([self.classes.index(name) for name in model.classes_], np.int64)

    def identity(self) -> str:
        """Says all that the models depend on, the program included."""
        tables = {"target": self.files, "clean": self.reference.clean, "copied": self.reference.copied}
        files = {f"{what} {role}": file for what, table in tables.items() for role, file in table.items()}
        return canonical_json(
            {
                "plan": self.plan.model_dump(mode="json"),
                "source": self.reference.card.model_dump(mode="json"),
                "settings": self.params,
                "seed": self.seed,
                "device": self.device.split(":")[0],
                **dict.fromkeys(arithmetic.identity(), True),
                "rows": [
                    [row.key, row.emotion, row.speaker, row.content] for row in [*self._rows, *self.reference.rows]
                ],
                "trained": [[*keys] for keys in self.reference.trained],
                "votes": [sorted(row.votes.items()) for row in [*self._rows, *self.reference.rows]],
                "files": {name: [file.keys, file.digests.tobytes().hex()] for name, file in files.items()},
                "program": program_digests(),
                **starting_digest(self.classifier, self.params, models_of(self.files)),
            }
        )
