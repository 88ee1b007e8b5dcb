"""The summary table, as Markdown: what was measured, on what, and what to beware of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.atomic import atomic_path
from pipeline.config.scoring import Published
from pipeline.evaluation.transfer_matrix import transfer_matrices
from pipeline.evaluation.value_matrix import value_matrices
from pipeline.experiments.joint_corpora import corpora_of
from pipeline.experiments.parts import Parts
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.selection import described
from pipeline.experiments.values import Values
from pipeline.report.calibration import calibration_section
from pipeline.report.choices import choices_section
from pipeline.report.conditions import conditions_section
from pipeline.report.cost import cost_section
from pipeline.report.dimensions import dimensions_section
from pipeline.report.groups import groups_section
from pipeline.report.markdown import markdown_table
from pipeline.report.marks import NOTES, coverage_text, notes_of, training_text, transfer_text
from pipeline.report.transfers import transfers_section, value_transfers_section
from pipeline.report.votes import votes_section
from pipeline.storage.source import counted

OPTIONAL = ("validation UA", "published")
"""columns that are left out where no row has anything"""


def summary_table(table: Mapping[str, Any], cards: Mapping[str, Any], synthetic: set[str], confidence: float) -> str:
    """All scores as a Markdown table, with footnotes for what to beware of."""
    marks = {name: notes_of(cards[name], synthetic) for name in table}
    used = list(dict.fromkeys(mark for row in marks.values() for mark in row))
    rows = []
    for name, row in table.items():
        cells = score_cells(name, row, cards[name], f"[{confidence:.0%} interval]")
        rows.append({**cells, "notes": " ".join(f"[{used.index(mark) + 1}]" for mark in marks[name])})
        rows[-1]["corpus"] += " (synthetic)" if "synthetic" in marks[name] else ""
    titles = [title for title in rows[0] if title not in OPTIONAL or any(row[title] for row in rows)]
    lines = markdown_table(titles, [[row[title] for title in titles] for row in rows])
    lines += ["", *(f"[{i}] {NOTES[mark]}{_left_out(mark, cards)}.  " for i, mark in enumerate(used, 1))]
    return "\n".join(lines).rstrip() + "\n"


def _left_out(mark: str, cards: Mapping[str, Any]) -> str:
    """How many recordings are left out of each corpus, for the note that says so."""
    counts = {card["corpus"]: card["left_out"] for card in cards.values() if card.get("left_out")}
    return f" ({', '.join(f'{corpus}: {count}' for corpus, count in counts.items())})" if mark == "left_out" else ""


def score_cells(name: str, row: Mapping[str, Any], card: Mapping[str, Any], interval: str) -> dict[str, str]:
    """Title -> cell of one experiment or fusion."""
    scores = {metric: f"{100 * value:.1f}" for metric, value in row["scores"].items()}
    ends = {metric: f"[{100 * low:.1f}, {100 * high:.1f}]" for metric, (low, high) in row["interval"].items()}
    return {
        "experiment": name,
        "corpus": card["corpus"] + _classes(card),
        "protocol": "".join(
            [transfer_text(card) or card["protocol"]["scheme"], _tested(row, card), _trained(card), _shared(card)]
        ),
        **{f"{metric} {interval}": f"{scores[metric]} {ends[metric]}" for metric in ("WA", "UA")},
        "macro-F1": scores["macro_F1"],
        "weighted-F1": scores["weighted_F1"],
        "mean over folds": _over_folds(row, "draws" if card.get("transfer") else "splits"),
        "validation UA": _validation(row),
        "published": published_text(card.get("published", {})),
    }


def _tested(row: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    """How often all of the corpus was tested, and in how many folds; of a transfer, how often a share was drawn."""
    if not card.get("transfer"):
        return f", {_folds(row)}"
    draws = row["folds"]
    return f", {counted(draws, 'draw')}" if card["protocol"]["share"] else ""


def _trained(card: Mapping[str, Any]) -> str:
    return f", {text}" if (text := training_text(card)) else ""


def _folds(row: Mapping[str, Any]) -> str:
    splits, seeds = (len(row[name]["UA"]["values"]) if name in row else 1 for name in ("over_splits", "over_seeds"))
    each = row["folds"] // (splits * seeds)
    folds = f"{each} fold{'' if each == 1 else 's'}"
    return f"{f'{splits} splits x ' * (splits > 1)}{folds}{f' x {seeds} seeds' * (seeds > 1)}"


def _shared(card: Mapping[str, Any]) -> str:
    """How many speakers that are tested were trained on, and how many listed recordings are here, where it matters."""
    shared = f"; speakers shared between parts: {card['speakers_shared']}" if card.get("speakers_shared") else ""
    never = f"; never tested: {', '.join(card['untested'])}" if card.get("untested") else ""
    return shared + never + (f"; {text}" if (text := coverage_text(card)) else "")


def _classes(card: Mapping[str, Any]) -> str:
    """How many classes there are, where they are not all that the corpus has, and which recordings, likewise."""
    classes = f", {len(card['emotions'])} classes" if card.get("emotions") else ""
    return classes + (f", {described(card['only'])}" if card.get("only") else "")


def _over_folds(row: Mapping[str, Any], what: str) -> str:
    """Mean and standard deviation over folds, as papers report, in which small folds count as much as large ones.

    Of a repeated protocol, over its splits, each scored as a whole; of several trainings, their mean and range.
    """
    if spread := row.get("over_splits"):
        both = (f"{metric} {_spread(spread[metric]['mean'], spread[metric]['std'])}" for metric in ("WA", "UA"))
        splits = f"{', '.join(both)} ({len(spread['UA']['values'])} {what})"
        return "; ".join([splits, *_over_seeds(row)])
    if seeds := _over_seeds(row):
        return seeds[0]
    if row["folds"] == 1:
        return ""
    mean, std = row["mean_over_folds"], row["std_over_folds"]
    return ", ".join(f"{metric} {_spread(mean[metric], std[metric])}" for metric in ("WA", "UA"))


def _over_seeds(row: Mapping[str, Any]) -> list[str]:
    if "over_seeds" not in row:
        return []
    spread = row["over_seeds"]["UA"]
    low, mean, high = (f"{100 * value:.1f}" for value in (min(spread["values"]), spread["mean"], max(spread["values"])))
    return [f"UA {mean}, {low} to {high} over {len(spread['values'])} seeds"]


def _spread(mean: float, std: float) -> str:
    return f"{100 * mean:.1f} ± {100 * std:.1f}"


def _validation(row: Mapping[str, Any]) -> str:
    return f"{100 * row['validation']['scores']['UA']:.1f}" if "validation" in row else ""


def published_text(figures: Mapping[str, float]) -> str:
    """The paper's figures, to as many decimals as it gives."""
    titles = {metric: metric.replace("validation_", "validation ").replace("_", "-") for metric in figures}
    return ", ".join(f"{titles[metric]} {value}" for metric, value in figures.items())


def write_summary(
    path: Path,
    results: Mapping[str, Any],
    predictions: Mapping[str, Predictions],
    synthetic: set[str],
    confidence: float,
    published: Mapping[str, Published] | None = None,
    left_out: Mapping[str, int] | None = None,
    numbers: Mapping[str, Any] | None = None,
    values: Mapping[str, Values] | None = None,
) -> None:
    """Write the summary to a Markdown file.

    Args:
        path: the file.
        results: of each experiment and fusion, see `evaluation.score`.
        predictions: what was scored.
        synthetic: the corpora that are synthesised, to be marked.
        confidence: coverage of the intervals.
        published: experiment or fusion -> what a paper reports (%), to be set beside ours.
        left_out: corpus -> recordings that cannot be used and were left out, where there are any.
        numbers: of each experiment with targets, see `evaluation.dimensions.value_scores`.
        values: what was scored of these.
    """
    everything: dict[str, Parts] = {**predictions, **(values or {})}
    cards = {
        name: {
            **one.card,
            "published": (published or {}).get(name, {}),
            "left_out": sum((left_out or {}).get(corpus, 0) for corpus in corpora_of(one.card)),
        }
        for name, one in everything.items()
    }
    text = "# Scores\n\n"
    text += bool(results) * (
        "Percent, pooled over all test folds. Intervals: Student's t of the standard error of a bootstrap "
        "over speakers (over recordings, where speakers are not known), and Wilson's where these do not differ. "
        "`comparisons.csv` has the difference of UA for each pair tested on the same utterances, by such a bootstrap "
        "with Holm's correction, and McNemar's exact test.\n\n"
    )
    seen = any(row.get("validation", {}).get("seen_by_selection") for row in results.values())
    text += "Validation UA is of parts that selection may have seen: no estimate for other speech.\n\n" if seen else ""
    with atomic_path(path) as temporary:
        table = summary_table(results, cards, synthetic, confidence) if results else ""
        sections = dimensions_section(numbers or {}, cards, synthetic, confidence)
        sections += transfers_section(transfer_matrices(predictions, results))
        sections += value_transfers_section(value_matrices(values or {}, numbers or {}))
        sections += groups_section(results) + conditions_section(results, confidence)
        sections += choices_section(everything) + votes_section(results) + calibration_section(results)
        sections += cost_section(cards, {**results, **(numbers or {})})
        temporary.write_text(text + table + sections, encoding="utf-8", newline="\n")
