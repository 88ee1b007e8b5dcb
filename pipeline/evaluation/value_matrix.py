"""Every source corpus by every target, of predicted numbers: CCC, a matrix for each of them and for their mean.

See `transfer_layout` for what stands in which cell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.evaluation.dimensions import MEAN
from pipeline.evaluation.transfer_layout import OTHERS, layouts
from pipeline.evaluation.transfer_matrix import Cell, Matrix, cell_columns, cell_of, tested, tests_of
from pipeline.experiments.predictions import write_csv
from pipeline.experiments.values import Values

NUMBERS = ("utterances", "CCC", "low", "high", "std_over_draws")
COLUMNS = ("system", "setting", "dimension", "source", "target", "name", *NUMBERS, "transductive")
"""of metrics/dimension_transfers.csv, whose `source` and `target` are corpora; otherwise as metrics/transfers.csv"""


@dataclass(frozen=True)
class ValueMatrix(Matrix):
    """One system, brought to each target in one way, and one of the numbers that it predicts.

    Attributes:
        dimension: the number, or `mean` over all.
    """

    dimension: str = MEAN

    @property
    def measure(self) -> str:
        """What its scores are."""
        return f"CCC of {self.dimension}" if self.dimension != MEAN else "mean CCC"

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{super().title}; {self.measure}"

    def shown(self, score: float) -> str:
        """A score in a table, or in a picture."""
        return f"{score:.3f}"

    def shown_end(self, score: float) -> str:
        """The end of an interval in a picture."""
        return f"{score:.2f}"


def value_matrices(values: Mapping[str, Values], results: Mapping[str, Mapping[str, Any]]) -> list[ValueMatrix]:
    """The matrices of all transfers of numbers, in the order in which their sources and settings come.

    Args:
        values: of all experiments with targets and transfers of these.
        results: of each, see `dimensions.value_scores`.
    """
    matrices = []
    for layout in layouts(values):
        example = next(iter([*layout.moved, *layout.leaving_out]))
        targets = values[example].targets
        for dimension in [*targets, *([MEAN] if len(targets) > 1 else [])]:
            matrix = ValueMatrix(layout.system, layout.setting, dimension=dimension)
            for name, pair in layout.within.items():
                matrix.add(pair, _cell(name, values[name], results[name], dimension, is_within=True))
            for name, pair in layout.moved.items():
                matrix.add(pair, _cell(name, values[name], results[name], dimension))
            for name in layout.leaving_out:
                for corpus, table in results[name].get("corpora", {}).items():
                    count, looks = tests_of(values[name], corpus), _is_transductive(values[name])
                    own, (low, high) = table[dimension], table[dimension]["interval"]
                    matrix.add((OTHERS, corpus), Cell(name, own["CCC"], low, high, None, count, False, looks))
            matrices.append(matrix)
    return matrices


def _cell(name: str, one: Values, result: Mapping[str, Any], dimension: str, is_within: bool = False) -> Cell:
    mean = {**result, "CCC": result["scores"]["CCC"], "interval": result["interval"]["CCC"]}
    own = mean if dimension == MEAN else result["targets"][dimension]
    std = None if is_within else own.get("std_over_folds")  # each fold of a transfer is a draw
    low, high = own["interval"]
    return Cell(name, own["CCC"], low, high, std, len(tested(one)), is_within, _is_transductive(one))


def _is_transductive(one: Values) -> bool:
    return bool(one.card.get("transductive"))


def write_value_transfers(matrices: Sequence[ValueMatrix], path: Path) -> None:
    """Write metrics/dimension_transfers.csv, where there is a matrix: a row for each cell."""
    if matrices:
        write_csv(path, COLUMNS, (row for matrix in matrices for row in _rows(matrix)))


def _rows(matrix: ValueMatrix) -> Iterator[list[str]]:
    for pair, cells in matrix.cells.items():
        about = matrix.system, matrix.setting, matrix.dimension, *pair
        yield from ([*about, *cell_columns(cell)] for cell in cells)


def value_matrices_of(rows: Iterable[Mapping[str, Any]]) -> list[ValueMatrix]:
    """The matrices that the rows of metrics/dimension_transfers.csv are of, with `NUMBERS` as numbers, or None."""
    matrices: dict[tuple[str, str, str], ValueMatrix] = {}
    for row in rows:
        key = row["system"], row["setting"], row["dimension"]
        own = matrices.setdefault(key, ValueMatrix(*key[:2], dimension=key[2]))
        own.add((row["source"], row["target"]), cell_of(row, "CCC"))
    return [*matrices.values()]
