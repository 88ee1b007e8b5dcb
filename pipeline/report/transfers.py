"""The matrices of sources and targets, of classes and of numbers, as Markdown."""

from collections.abc import Sequence

from pipeline.evaluation.transfer_matrix import Cell, Matrix
from pipeline.report.markdown import escaped, markdown_table

TEXT = (
    "UA (%) of models that were trained on the row's corpus and tested on the column's; on the diagonal, those trained "
    "and tested within it, by the experiment's protocol. Intervals are over speakers; ± is the standard deviation over "
    "draws. *: with unlabelled recordings of the target (transductive). `transfers.csv` counts each "
    "utterance once, in however many draws it was tested."
)


VALUE_TEXT = (
    "CCC of models that were trained on the row's corpus and tested on the column's; on the diagonal, those trained "
    "and tested within it. Intervals are over speakers; ± is the standard deviation over draws. *: with unlabelled "
    "recordings of the target (transductive). Where the numbers of two corpora are on different scales, CCC counts it "
    "as an error. `dimension_transfers.csv` has all of them."
)


def transfers_section(matrices: Sequence[Matrix]) -> str:
    """The matrices of classes under a heading; nothing where there is none."""
    return _section("Across corpora", TEXT, matrices)


def value_transfers_section(matrices: Sequence[Matrix]) -> str:
    """The matrices of numbers, likewise."""
    return _section("Dimensions across corpora", VALUE_TEXT, matrices)


def _section(heading: str, text: str, matrices: Sequence[Matrix]) -> str:
    if not matrices:
        return ""
    return "\n".join(["", f"## {heading}", "", text, *(line for each in matrices for line in _lines(each))])


def _lines(matrix: Matrix) -> list[str]:
    rows = [
        [
            source,
            *(
                "; ".join(cell_text(matrix, cell) for cell in matrix.cells.get((source, each), []))
                for each in matrix.targets
            ),
        ]
        for source in matrix.sources
    ]
    titles = ["trained on", *(f"tested on {target}" for target in matrix.targets)]
    return ["", f"{escaped(matrix.title)}:", "", *markdown_table(titles, rows), ""]


def cell_text(matrix: Matrix, cell: Cell) -> str:
    """As `61.2 [55.0, 67.1] ± 2.3*`."""
    ends = ", ".join(matrix.shown(end) for end in (cell.low, cell.high) if end is not None)
    interval = f" [{ends}]" if ends else ""
    spread = "" if cell.std is None else f" ± {matrix.shown(cell.std)}"
    return f"{matrix.shown(cell.score)}{interval}{spread}{'*' * cell.is_transductive}"
