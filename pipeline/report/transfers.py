"""The matrices of sources and targets, as Markdown."""

from collections.abc import Sequence

from pipeline.evaluation.transfer_matrix import Cell, Matrix
from pipeline.report.markdown import escaped, markdown_table

TEXT = (
    "UA (%) of models that were trained on the row's corpus and tested on the column's; on the diagonal, those trained "
    "and tested within it, by the experiment's protocol. Intervals are over speakers; ± is the standard deviation over "
    "draws. *: with unlabelled recordings of the target (transductive). `transfers.csv` counts each "
    "utterance once, in however many draws it was tested."
)


def transfers_section(matrices: Sequence[Matrix]) -> str:
    """The matrices under a heading; nothing where there is none."""
    if not matrices:
        return ""
    return "\n".join(["", "## Across corpora", "", TEXT, *(line for each in matrices for line in _lines(each))])


def _lines(matrix: Matrix) -> list[str]:
    rows = [
        [source, *("; ".join(map(cell_text, matrix.cells.get((source, target), []))) for target in matrix.targets)]
        for source in matrix.sources
    ]
    titles = ["trained on", *(f"tested on {target}" for target in matrix.targets)]
    return ["", f"{escaped(matrix.system)}; {escaped(matrix.setting)}:", "", *markdown_table(titles, rows), ""]


def cell_text(cell: Cell) -> str:
    """As `61.2 [55.0, 67.1] ± 2.3*`."""
    ends = "" if cell.low is None or cell.high is None else f" [{100 * cell.low:.1f}, {100 * cell.high:.1f}]"
    spread = "" if cell.std is None else f" ± {100 * cell.std:.1f}"
    return f"{100 * cell.ua:.1f}{ends}{spread}{'*' * cell.is_transductive}"
