"""Every source corpus by every target: what a system trained on one gives on another, and within each on the diagonal.

See `transfer_layout` for what stands in which cell, and `value_matrix` for the same of numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.evaluation.transfer_layout import OTHERS, Pair, layouts
from pipeline.evaluation.transfer_setting import Found
from pipeline.experiments.joint_corpora import corpora_of
from pipeline.experiments.predictions import Predictions, write_csv
from pipeline.storage.qualified import place_of

NUMBERS = ("utterances", "UA", "low", "high", "std_over_draws")
COLUMNS = ("system", "setting", "source", "target", "name", *NUMBERS, "transductive")
"""of metrics/transfers.csv; scores from 0 to 1; how many different `utterances` were tested; `transductive` 1 or 0"""


@dataclass(frozen=True)
class Cell:
    """What models trained on a source give on a target.

    Attributes:
        name: the transfer or the experiment.
        score: UA, from 0 to 1; of numbers, CCC.
        low, high: the ends of its interval over speakers; None where there is none.
        std: its standard deviation over draws; None for one draw.
        utterances: how many different ones were tested, in any fold or draw.
        is_within: whether source and target are one corpus.
        is_transductive: whether unlabelled recordings of the target were used.
    """

    name: str
    score: float
    low: float | None
    high: float | None
    std: float | None
    utterances: int
    is_within: bool = False
    is_transductive: bool = False


@dataclass(frozen=True)
class Matrix:
    """One system, brought to each target in one way.

    Attributes:
        system: its name, with its inputs and classes.
        setting: how it was brought there, as `zero-shot`.
        cells: source and target -> the cells, several where experiments differ in their protocols only.
    """

    system: str
    setting: str
    cells: dict[Pair, list[Cell]] = field(default_factory=dict)

    @property
    def measure(self) -> str:
        """What its scores are, with their unit."""
        return "UA (%)"

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{self.system}; {self.setting}"

    def shown(self, score: float) -> str:
        """A score in a table, or in a picture."""
        return f"{100 * score:.1f}"

    def shown_end(self, score: float) -> str:
        """The end of an interval in a picture."""
        return f"{100 * score:.0f}"

    def add(self, pair: Pair, cell: Cell) -> None:
        """Add a cell of a source and a target."""
        self.cells.setdefault(pair, []).append(cell)

    @property
    def sources(self) -> list[str]:
        """In the order in which they came; those left out one at a time last."""
        names = dict.fromkeys(source for source, _ in self.cells)
        return [*(name for name in names if name != OTHERS), *(name for name in names if name == OTHERS)]

    @property
    def targets(self) -> list[str]:
        """In the order of the sources, as far as they are such, so that the diagonal is one."""
        tested = dict.fromkeys(target for _, target in self.cells)
        return [*(name for name in self.sources if name in tested), *(n for n in tested if n not in self.sources)]


def transfer_matrices(predictions: Mapping[str, Predictions], results: Mapping[str, Mapping[str, Any]]) -> list[Matrix]:
    """The matrices of all transfers, in the order in which their sources and settings come.

    Args:
        predictions: of all experiments and transfers.
        results: of each, see `evaluation.score`.
    """
    matrices = []
    for layout in layouts(predictions):
        matrix = Matrix(layout.system, layout.setting)
        for name, pair in layout.within.items():
            matrix.add(pair, _cell(name, predictions[name], results[name], is_within=True))
        for name, pair in layout.moved.items():
            matrix.add(pair, _cell(name, predictions[name], results[name]))
        for name in layout.leaving_out:
            for corpus, cell in _of_others(name, predictions[name], results[name]):
                matrix.add((OTHERS, corpus), cell)
        matrices.append(matrix)
    return matrices


def _cell(name: str, one: Predictions, result: Mapping[str, Any], is_within: bool = False) -> Cell:
    low, high = result["interval"]["UA"]
    spread = result.get("over_splits")
    return Cell(
        name,
        result["scores"]["UA"],
        low,
        high,
        spread["UA"]["std"] if spread and not is_within else None,
        len(tested(one)),
        is_within,
        bool(one.card.get("transductive")),
    )


def _of_others(name: str, one: Predictions, result: Mapping[str, Any]) -> Iterator[tuple[str, Cell]]:
    """What an experiment that leaves one corpus out gives on each."""
    table = result["groups"].get("corpus", {})
    for corpus in corpora_of(one.card):
        if corpus in table:
            row, transductive = table[corpus], bool(one.card.get("transductive"))
            count = tests_of(one, corpus)
            yield corpus, Cell(name, row["UA"], row.get("low"), row.get("high"), None, count, False, transductive)


def tested(one: Found) -> set[str]:
    """The utterances that were tested, in any fold or draw."""
    return {one.keys[i] for i in one.where("test")}


def tests_of(one: Found, corpus: str) -> int:
    """How many of these are of one of several corpora."""
    return sum(place_of(key)[0] == corpus for key in tested(one))


def write_transfers(matrices: Sequence[Matrix], path: Path) -> None:
    """Write metrics/transfers.csv, where there is a matrix: a row for each cell."""
    if matrices:
        write_csv(path, COLUMNS, (row for matrix in matrices for row in _rows(matrix)))


def _rows(matrix: Matrix) -> Iterator[list[str]]:
    for (source, target), cells in matrix.cells.items():
        for cell in cells:
            yield [matrix.system, matrix.setting, source, target, *cell_columns(cell)]


def cell_columns(cell: Cell) -> list[str]:
    """A cell as the last columns of tables have it."""
    figures = (cell.score, cell.low, cell.high, cell.std)
    shares = ("" if value is None else f"{value:.4f}" for value in figures)
    return [cell.name, str(cell.utterances), *shares, str(int(cell.is_transductive))]


def matrices_of(rows: Iterable[Mapping[str, Any]]) -> list[Matrix]:
    """The matrices that the rows of metrics/transfers.csv are of, with `NUMBERS` as numbers, or None where empty."""
    matrices: dict[tuple[str, str], Matrix] = {}
    for row in rows:
        own = matrices.setdefault((row["system"], row["setting"]), Matrix(row["system"], row["setting"]))
        own.add((row["source"], row["target"]), cell_of(row, "UA"))
    return [*matrices.values()]


def cell_of(row: Mapping[str, Any], measure: str) -> Cell:
    """The cell that a row of a table is of, whose score has that column."""
    ends = row["low"], row["high"], row["std_over_draws"]
    about = int(row["utterances"] or 0), row["source"] == row["target"], row["transductive"] == "1"
    return Cell(row["name"], row[measure] or 0.0, *ends, *about)
