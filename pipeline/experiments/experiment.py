"""What a cross-validation works on: one system, one corpus's rows and features, one protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.config.protocols import ProtocolParams, without_validation
from pipeline.corpora.manifest import Row
from pipeline.experiments.classes import ClassSet
from pipeline.experiments.labelled import Fold
from pipeline.experiments.protocols import inner_folds, is_validated, split
from pipeline.experiments.selection import Only
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.identity import canonical_json
from pipeline.storage.source import counted, described
from pipeline.strict import Strict
from pipeline.systems.view import View

if TYPE_CHECKING:
    from pipeline.systems.system import System

Indices = NDArray[np.int64]


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
        clean: role -> feature file of the corpus, which may hold more utterances.
        copied: role -> feature file of its copies; empty for none.
        seed: of splits and training.
        device: torch device.
        emotions: the class set that the rows have been mapped by, for the card; None for all of the corpus's labels.
        trainings: how often each fold is trained, with seeds of its own each time.
        only: the languages and genders that the rows were chosen by, for the card.
        left_out: the corpus's other rows, which lists of folds may have.
        holds_out: whether the validation parts of the protocol are held out; if not, they are trained on.
    """

    name: str
    system: str
    classifier: Any
    settings: Strict
    protocol: ProtocolParams
    rows: Sequence[Row]
    clean: Mapping[str, FeatureFile]
    copied: Mapping[str, FeatureFile] = field(default_factory=dict)
    seed: int = 0
    device: str = "cpu"
    emotions: ClassSet | None = None
    only: Only = field(default_factory=dict)
    left_out: Sequence[Row] = ()
    holds_out: bool = True
    trainings: int = 1

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

    def part(self, indices: Indices) -> tuple[list[str], list[str]]:
        """Keys and emotions of a validation or test part."""
        rows = [self.rows[i] for i in indices]
        return [row.key for row in rows], [row.emotion for row in rows]

    def training_part(self, train: Indices) -> tuple[list[str], list[str]]:
        """Keys and emotions of a training part, with the copies of its own utterances at the end."""
        keys, emotions = self.part(train)
        copies = self.copies()
        extra = [(copy, emotion) for key, emotion in zip(keys, emotions, strict=True) for copy in copies.get(key, [])]
        return keys + [key for key, _ in extra], emotions + [emotion for _, emotion in extra]

    def identity(self, folds: Sequence[Fold]) -> str:
        """Says all that the trained folds depend on, the program included."""
        files = {f"clean {role}": file for role, file in self.clean.items()}
        files |= {f"copied {role}": file for role, file in self.copied.items()}
        package = Path(__file__).parents[1]
        return canonical_json(
            {
                "system": self.system,
                "settings": self.params,
                "protocol": self.protocol.model_dump(mode="json"),
                "seed": self.seed,
                "device": self.device.split(":")[0],
                "rows": [[row.key, row.emotion, row.speaker, row.content] for row in self.rows],
                "folds": [[part.tolist() for part in (f.train, f.validation, f.test)] for f in folds],
                "files": {name: [file.keys, file.digests.tobytes().hex()] for name, file in files.items()},
                "program": {str(p.relative_to(package)): _digest(p) for p in sorted(package.rglob("*.py"))},
            }
        )


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
