"""The table of what experiments with targets predict, as Markdown and for the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluation.dimensions import MEAN
from pipeline.experiments.selection import described
from pipeline.report.markdown import markdown_table
from pipeline.report.marks import notes_of, transfer_text, words
from pipeline.storage.source import counted

TEXT = (
    "CCC: the concordance correlation coefficient (Lin 1989) of predicted and true numbers, pooled over all test "
    "folds or draws, 1 where they are equal. Intervals: Student's t of the standard error of a bootstrap over "
    "speakers, on the scale of Fisher's z. MSE is on the corpus's own scale, squared. `dimension_differences.csv` has "
    "the difference of CCC for each pair tested on the same utterances, by such a bootstrap with Holm's correction."
)


def dimensions_section(
    results: Mapping[str, Any], cards: Mapping[str, Any], synthetic: set[str], confidence: float
) -> str:
    """A row for each target, and for their mean, under a heading; nothing where there are no targets."""
    if not results:
        return ""
    titles, rows = dimensions_table(results, cards, synthetic, confidence)
    return "\n".join(["", "## Dimensions", "", TEXT, "", *markdown_table(titles, rows), ""])


def dimensions_table(
    results: Mapping[str, Any], cards: Mapping[str, Any], synthetic: set[str], confidence: float
) -> tuple[list[str], list[list[str]]]:
    """Titles and rows.

    Args:
        results: of each experiment with targets, see `evaluation.dimensions.value_scores`.
        cards: its predictions' card.
        synthetic: the corpora that are synthesised, to be marked.
        confidence: coverage of the intervals.
    """
    interval = f"CCC [{confidence:.0%} interval]"
    titles = ["experiment", "corpus", "protocol", "target", interval, "Pearson", "MSE", "CCC over folds", "notes"]
    return titles, [cells for name, row in results.items() for cells in _rows(name, row, cards[name], synthetic)]


def _rows(name: str, row: Mapping[str, Any], card: Mapping[str, Any], synthetic: set[str]) -> list[list[str]]:
    only = f", {described(card['only'])}" if card.get("only") else ""
    protocol = tested_text(row, card)
    notes = [words(mark, card) for mark in notes_of(card, synthetic)]
    notes += [f"without a number: {row['without_targets']}"] if row["without_targets"] else []
    mean = {**row, **row["scores"], "interval": row["interval"]["CCC"]}
    own = {**row["targets"], **({MEAN: mean} if len(row["targets"]) > 1 else {})}
    about = [name, f"{card['corpus']}{only}", protocol]
    return [[*about, target, *_figures(figures), "; ".join(notes)] for target, figures in own.items()]


def tested_text(row: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    """As `leave_one_speaker_out, 4 folds`, or of a transfer `from numbers, tuned on 20 % of the speakers, 5 draws`."""
    told, count = transfer_text(card), row["folds"]
    if told:
        return f"{told}, {counted(count, 'draw')}" if card["protocol"]["share"] else told
    return f"{card['protocol']['scheme']}, {counted(count, 'fold')}"


def _figures(own: Mapping[str, Any]) -> Sequence[str]:
    low, high = own["interval"]
    spread = f" ± {own['std_over_folds']:.3f}" if "std_over_folds" in own else ""
    error = f"{own['MSE']:.4g}" if "MSE" in own else ""
    folds = f"{own['mean_over_folds']:.3f}{spread}"
    return f"{own['CCC']:.3f} [{low:.3f}, {high:.3f}]", f"{own['Pearson']:.3f}", error, folds
