"""What a trained experiment or a fusion leaves behind: probabilities, who was in which part, training curves, a card.

A folder `data/predictions/NAME/` with

- `probabilities.csv`: fold, part, key, emotion, speaker ("" where unknown), and one column `p_EMOTION` for each class.
  Parts: `test` (each utterance out of fold), `validation`, and `training` (out-of-fold probabilities of the training
  part, when the protocol has inner folds). A fusion's are of the same parts, as far as an outer fusion may be fitted
  on them.
- `folds.json`: for each fold, the keys in `train` (noisy copies too), `validation` and `test`.
- `curves.csv`: fold, epoch, loss and accuracy of the training and of the validation part.
- `layers.csv`, where a probe tried each layer: fold, layer, whether it was chosen, key, and the probabilities of that
  test utterance by the layer.
- `choices.csv`, where a system chooses settings of its own: fold, what its model chose or learned, and the ends of the
  grid that it chose from.
- `card.json`: the experiment's name, system, corpus, protocol, and what a reader must know to judge its scores; where
  recordings have two names, `twins`: key -> the first key of the same recording; where not all of the corpus was
  wanted, `only`: language or gender -> those that were; where speakers are in two parts, `speakers_shared`: how many of
  those tested; where lists of others give the folds, `listed`: how many `recordings` they name, how many of these are
  `here`, and how many of the corpus's are `unlisted`.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path
from pipeline.errors import UserError
from pipeline.experiments.parts import Parts, numbered, predicted_number, read_card, read_folds, read_numbers
from pipeline.storage.json_file import write_json
from pipeline.systems import CURVE

COLUMNS = ("fold", "part", "key", "emotion", "speaker")

FILES = ("probabilities.csv", "folds.json", "curves.csv", "card.json")
"""of the folder, without what a fusion has besides"""
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""how a cell begins that a spreadsheet computes (OWASP, "CSV Injection"), full-width forms too"""

LAYER_COLUMNS = ("fold", "layer", "chosen", "key")


@dataclass(frozen=True, eq=False)
class LayerPart:
    """A fold's test part by one layer.

    Attributes:
        fold: its number.
        layer: the layer's.
        chosen: whether the fold's model reads this layer.
        keys: of the utterances (n,).
        rows: their probabilities (n, classes).
    """

    fold: int
    layer: int
    chosen: bool
    keys: list[str]
    rows: NDArray[np.float64]


@dataclass(repr=False)
class Predictions(Parts):
    """Rows of probabilities in the order written; see the module for the parts."""

    classes: list[str]
    fold: list[int] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    emotions: list[str] = field(default_factory=list)
    speakers: list[str] = field(default_factory=list)
    rows: list[NDArray[np.float64]] = field(default_factory=list)
    folds: list[dict[str, list[str]]] = field(default_factory=list)
    curves: list[dict[str, float]] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)
    layers: list[LayerPart] = field(default_factory=list)
    choices: list[dict[str, float]] = field(default_factory=list)

    def __repr__(self) -> str:
        parts = ", ".join(f"{part} {self.part.count(part)}" for part in dict.fromkeys(self.part))
        name = f"{self.card['name']}: " if "name" in self.card else ""
        return f"Predictions({name}{len(self.folds)} folds; {parts or 'no parts'}; {', '.join(self.classes)})"

    def add(
        self,
        fold: int,
        part: str,
        keys: Iterable[str],
        emotions: Iterable[str],
        speakers: Iterable[str],
        rows: NDArray[np.float64],
    ) -> None:
        """Append probabilities (n, classes) of utterances of one part of one fold; an unknown speaker is ""."""
        for key, emotion, speaker, row in zip(keys, emotions, speakers, rows, strict=True):
            self.fold.append(fold)
            self.part.append(part)
            self.keys.append(key)
            self.emotions.append(emotion)
            self.speakers.append(speaker)
            self.rows.append(row)

    def add_layers(self, fold: int, layers: Mapping[str, NDArray[np.float64]], chosen: str) -> None:
        """Append probabilities (n, classes) of a fold's test part by each layer that was tried."""
        keys = [self.keys[i] for i in self.where("test", fold)]
        self.layers += [LayerPart(fold, int(layer), layer == chosen, keys, rows) for layer, rows in layers.items()]

    def add_like(self, other: "Predictions", where: NDArray[np.int64], rows: NDArray[np.float64]) -> None:
        """Append probabilities (n, classes) of what those rows of other predictions are about."""
        for i, row in zip(where, rows, strict=True):
            about = [other.keys[i]], [other.emotions[i]], [other.speakers[i]]
            self.add(other.fold[i], other.part[i], *about, row[None])

    def probabilities(self, where: NDArray[np.int64]) -> NDArray[np.float64]:
        """Probabilities of those rows, (n, classes)."""
        return np.array([self.rows[i] for i in where]).reshape(len(where), len(self.classes))

    def labels(self, where: NDArray[np.int64]) -> NDArray[np.int64]:
        """True classes of those rows, as indices into `classes`, (n,)."""
        return np.array([self.classes.index(self.emotions[i]) for i in where], np.int64)

    def write(self, folder: Path) -> None:
        """Write the folder."""
        header = [*COLUMNS, *(f"p_{name}" for name in self.classes)]
        body = zip(self.fold, self.part, self.keys, self.emotions, self.speakers, self.rows, strict=True)
        table = ([*map(str, start), *map(predicted_number, row)] for *start, row in body)
        write_csv(folder / "probabilities.csv", header, table)
        write_csv(folder / "curves.csv", ["fold", *CURVE], numbered(self.curves, CURVE))
        if self.layers:
            write_csv(folder / "layers.csv", [*LAYER_COLUMNS, *header[len(COLUMNS) :]], self._layer_rows())
        if self.choices:
            names = list(dict.fromkeys(name for row in self.choices for name in row if name != "fold"))
            write_csv(folder / "choices.csv", ["fold", *names], numbered(self.choices, names))
        write_json(folder / "folds.json", self.folds)
        write_json(folder / "card.json", self.card)

    def _layer_rows(self) -> Iterator[list[str]]:
        for part in self.layers:
            for key, row in zip(part.keys, part.rows, strict=True):
                yield [str(part.fold), str(part.layer), str(int(part.chosen)), key, *map(predicted_number, row)]

    @classmethod
    def read(cls, folder: Path) -> "Predictions":
        """Read the folder.

        Raises:
            UserError: a file is missing, does not fit, or is of an older program.
        """
        try:
            with (folder / "probabilities.csv").open(encoding="utf-8", newline="") as file:
                header, *table = csv.reader(file)
            if header[: len(COLUMNS)] != [*COLUMNS]:
                raise ValueError(f"its columns are not {', '.join(COLUMNS)}, ...")
            predictions = cls([name.removeprefix("p_") for name in header[len(COLUMNS) :]])
            for fold, part, key, emotion, speaker, *row in table:
                if len(row) != len(predictions.classes):
                    raise ValueError(f"{len(row)} probabilities of {key!r}")
                numbers = np.array([row], float)
                if not np.isfinite(numbers).all():
                    raise ValueError(f"a probability of {key!r} is no number")
                predictions.add(int(fold), part, [key], [emotion], [speaker], numbers)
            predictions.layers = _read_layers(folder / "layers.csv", len(predictions.classes))
            predictions.folds = read_folds(folder / "folds.json")
            predictions.card = read_card(folder / "card.json")
            predictions.curves = read_numbers(folder / "curves.csv")
            choices = folder / "choices.csv"
            predictions.choices = read_numbers(choices) if choices.is_file() else []
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(f"{folder}: predictions missing or damaged ({error}); `dvc repro` makes them") from error
        return predictions


def _read_layers(path: Path, classes: int) -> list[LayerPart]:
    """What `layers.csv` holds; nothing where there is none."""
    if not path.is_file():
        return []
    parts: dict[tuple[int, int], tuple[bool, list[str], list[list[float]]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        header, *table = csv.reader(file)
    if tuple(header[: len(LAYER_COLUMNS)]) != LAYER_COLUMNS or any(len(row) != len(header) for row in table):
        raise ValueError(f"the columns of {path.name} are not {', '.join(LAYER_COLUMNS)}, ...")
    for fold, layer, chosen, key, *row in table:
        _, keys, rows = parts.setdefault((int(fold), int(layer)), (bool(int(chosen)), [], []))
        keys.append(key)
        rows.append([float(p) for p in row])
    return [
        LayerPart(fold, layer, chosen, keys, np.array(rows).reshape(-1, classes))
        for (fold, layer), (chosen, keys, rows) in parts.items()
    ]


def plain_cell(text: str) -> str:
    """A cell of a table for people, with ' before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(csv_text(header, rows), encoding="utf-8", newline="\n")
