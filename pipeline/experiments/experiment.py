"""What a cross-validation works on: one system, one corpus's rows and features, one protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline import arithmetic
from pipeline.audio.keys import source_key
from pipeline.config.experiments import Balance
from pipeline.config.protocols import ProtocolParams, without_validation
from pipeline.corpora.manifest import Row
from pipeline.experiments.balance import balance_cells, balanced
from pipeline.experiments.classes import ClassSet
from pipeline.experiments.labelled import Fold
from pipeline.experiments.protocols import inner_folds, is_validated, split
from pipeline.experiments.selection import Only
from pipeline.experiments.votes import share_table
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.identity import canonical_json
from pipeline.storage.joined import Joined
from pipeline.storage.source import counted, described
from pipeline.strict import Strict
from pipeline.systems import CURVE
from pipeline.systems.soft_labels import SoftLabels
from pipeline.systems.starting_weights import starting_digest
from pipeline.systems.view import View

if TYPE_CHECKING:
    from pipeline.systems.system import System

Indices = NDArray[np.int64]
Features = FeatureFile | Joined


def groups_of(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """The groups that a view may be standardised or split by: the speaker, the corpus and the content of each key."""
    return {
        "speaker": {row.key: row.speaker for row in rows},
        "corpus": {row.key: row.dataset for row in rows},
        "content": {row.key: row.content for row in rows},
    }


@dataclass(frozen=True, repr=False)
class Experiment:
    """Everything a cross-validation needs.

    Attributes:
        name: the experiment's name.
        system: the system's name.
        classifier: the system's class.
        settings: its params.
        protocol: who is trained on and tested on.
        rows: the utterances, with the experiment's classes for their emotions (see `class_set`).
        clean: role -> feature file of the corpus, or of several as one; they may hold more utterances.
        copied: role -> feature file of copies, likewise; empty for none.
        seed: of splits and training.
        device: torch device.
        emotions: the class set that the rows have been mapped by, for the card; None for all of the corpus's labels.
        trainings: how often each fold is trained, with seeds of its own each time.
        balance: what utterances of a training part are repeated for, see `experiments.balance`.
        only: the languages and genders that the rows were chosen by, for the card.
        left_out: the corpus's other rows, which lists of folds may have.
        labels: what is trained on: each utterance's class (majority), or the raters' shares of classes (votes).
        holds_out: whether the validation parts of the protocol are held out; if not, they are trained on.
    """

    name: str
    system: str
    classifier: Any
    settings: Strict
    protocol: ProtocolParams
    rows: Sequence[Row]
    clean: Mapping[str, Features]
    copied: Mapping[str, Features] = field(default_factory=dict)
    seed: int = 0
    device: str = "cpu"
    emotions: ClassSet | None = None
    only: Only = field(default_factory=dict)
    left_out: Sequence[Row] = ()
    holds_out: bool = True
    trainings: int = 1
    balance: Balance = "none"
    labels: str = "majority"

    def __repr__(self) -> str:
        inputs = ", ".join(f"{role} {described(file)}" for role, file in self.clean.items())
        speakers = counted(len({row.speaker for row in self.rows}), "speaker")
        said = f"{counted(len(self.rows), 'utterance')}, {speakers}, {', '.join(self.classes)}, {inputs}"
        return f"Experiment({self.name}: {self.system} by {self.protocol.scheme}, {said})"

    @cached_property
    def classes(self) -> list[str]:
        """Of all rows, sorted."""
        return sorted({row.emotion for row in self.rows})

    @cached_property
    def params(self) -> dict[str, Any]:
        """The system's params as plain values."""
        return self.settings.model_dump(mode="json")

    def untrained(self) -> "System":
        """The system with its params, the experiment's seed and device."""
        system: System = self.classifier(**dict(self.settings), seed=self.seed, device=self.device)
        return system

    @property
    def epochs(self) -> int:
        """Of one training; 0 for a system that has none."""
        return int(self.params.get("epochs", 0))

    def folds(self) -> list[Fold]:
        """Who is trained on, validated on and tested on: of each split, all its folds, and again for each training.

        Raises:
            UserError: the protocol cannot be served.
        """
        protocol = self.protocol if self.holds_out else without_validation(self.protocol)
        splits: dict[int, list[Fold]] = {}
        for fold in split(self.rows, protocol, self.seed, self.left_out):
            splits.setdefault(fold.repeat, []).append(fold)
        return [
            replace(fold, repeat=number * self.trainings + training)
            for number, own in splits.items()
            for training in range(self.trainings)
            for fold in own
        ]

    @cached_property
    def validated(self) -> bool:
        """Whether the protocol has a validation part on this corpus, held out or not."""
        return is_validated(self.rows, self.protocol, self.seed, self.left_out)

    def inner_folds(self, fold: Fold) -> list[tuple[Indices, Indices]]:
        """The training part of a fold cut again, into (fitted on, predicted) parts, as the protocol asks."""
        return inner_folds(self.rows, fold.train, self.protocol, self.seed, fold.test)

    def copies(self) -> dict[str, list[str]]:
        """Source key -> keys of its copies, which every role has."""
        copies: dict[str, list[str]] = {}
        for key in next(iter(self.copied.values())).keys if self.copied else []:
            copies.setdefault(source_key(key), []).append(key)
        return copies

    def view(self, keys: Sequence[str]) -> View:
        """The features of these utterances or copies; groups are of the experiment's rows and of no others."""
        copied = {role: [file] for role, file in self.copied.items()}
        files = {role: [file, *copied.get(role, [])] for role, file in self.clean.items()}
        return View(keys, files, groups_of(self.rows))

    @property
    def curve(self) -> Sequence[str]:
        """What is known of each epoch."""
        return CURVE

    def predicted(self, model: Any, indices: Indices) -> NDArray[np.float64]:
        """What a model gives for a part, (n, C): probabilities of all classes, 0 for those it was not trained on."""
        return self._of_all_classes(model, model.predict_proba(self.view(self.part(indices)[0])))

    def variants(self, model: Any, indices: Indices) -> dict[str, NDArray[np.float64]]:
        """Probabilities of a part, of all the experiment's classes, by each layer that was tried."""
        variants = model.variants(self.view(self.part(indices)[0]))
        return {name: self._of_all_classes(model, values) for name, values in variants.items()}

    def outputs_of(self, model: Any) -> Indices:
        """The numbers of the classes that a model was trained on, ascending."""
        return np.array([self.classes.index(name) for name in model.classes_], np.int64)

    def _of_all_classes(self, model: Any, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.zeros((len(probabilities), len(self.classes)))
        found[:, self.outputs_of(model)] = probabilities
        return found

    def part(self, indices: Indices) -> tuple[list[str], Any]:
        """Keys and emotions of a validation or test part."""
        rows = [self.rows[i] for i in indices]
        return [row.key for row in rows], [row.emotion for row in rows]

    def of_classes(self, fitted: Indices, part: Indices) -> Indices:
        """Of a part, what is of the classes of a fitted one: inner folds may leave out all speakers of a rare class."""
        if self.labels == "votes":  # which has shares of all classes
            return part
        known = {self.rows[i].emotion for i in fitted}
        return part[np.array([self.rows[i].emotion in known for i in part], bool)]

    def training_part(self, train: Indices) -> tuple[list[str], Any]:
        """Keys and emotions, or shares, of a training part, with the copies of its own utterances at the end."""
        keys, emotions = self.part(train)
        copies = self.copies()
        extra = [(copy, i) for i, key in enumerate(keys) for copy in copies.get(key, [])]
        own = [*range(len(keys)), *(i for _, i in extra)]
        emotions = [emotions[i] for i in own]
        if self.labels == "votes":
            shares = share_table([self.rows[i] for i in train], self.emotions, self.classes)
            return keys + [key for key, _ in extra], SoftLabels(self.classes, shares[own], emotions)
        return keys + [key for key, _ in extra], emotions

    def fitted_part(self, train: Indices) -> tuple[list[str], list[str]]:
        """Keys and emotions that a model is fitted on: a training part, utterances repeated as `balance` asks."""
        keys, emotions = self.training_part(train)
        if self.balance == "none":
            return keys, emotions
        cells = balance_cells(self.balance, [self._dataset_of[source_key(key)] for key in keys], emotions)
        order = balanced(cells, self.seed)
        return [keys[i] for i in order], [emotions[i] for i in order]

    @cached_property
    def _dataset_of(self) -> dict[str, str]:
        return {row.key: row.dataset for row in self.rows}

    def identity(self, folds: Sequence[Fold]) -> str:
        """Says all that the trained folds depend on, the program included."""
        files = {f"clean {role}": file for role, file in self.clean.items()}
        files |= {f"copied {role}": file for role, file in self.copied.items()}
        return canonical_json(
            {
                "system": self.system,
                "settings": self.params,
                "protocol": self.protocol.model_dump(mode="json"),
                "seed": self.seed,
                "balance": self.balance,
                "device": self.device.split(":")[0],
                **dict.fromkeys(arithmetic.identity(), True),
                "rows": [[row.key, row.emotion, row.speaker, row.content] for row in self.rows],
                "labels": [self.labels, *(sorted(row.votes.items()) for row in self.rows)],
                **({"class_set": self.emotions} if self.labels == "votes" else {}),
                "folds": [[part.tolist() for part in (f.train, f.validation, f.test)] for f in folds],
                "files": {name: [file.keys, file.digests.tobytes().hex()] for name, file in files.items()},
                "program": program_digests(),
                **self.starting_weights(),
            }
        )

    def starting_weights(self) -> dict[str, str]:
        """What says the pretrained weights in a folder that networks start from; empty for none."""
        return starting_digest(self.classifier, self.params, models_of(self.clean))

    def learned_from(self) -> dict[str, str]:
        """What it learns from that neither params nor features tell: `pretrained` weights, `votes`; hex SHA-256."""
        if self.labels != "votes":
            return self.starting_weights()
        votes = sorted((row.key, sorted(row.votes.items())) for row in self.rows)
        return {**self.starting_weights(), "votes": sha256(canonical_json(votes).encode()).hexdigest()}


def program_digests() -> dict[str, str]:
    """Module -> hex SHA-256 of its file, of all of the package."""
    package = Path(__file__).parents[1]
    return {str(p.relative_to(package)): _digest(p) for p in sorted(package.rglob("*.py"))}


def models_of(files: Mapping[str, Features]) -> dict[str, str]:
    """Role -> the pretrained model that made its features; "" for none."""
    return {role: str(file.header.params.get("model", "")) for role, file in files.items()}


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
