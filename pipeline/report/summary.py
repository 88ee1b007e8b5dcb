"""The summary table, as Markdown: what was measured, on what, and what to beware of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.atomic import atomic_path
from pipeline.config.scoring import Published
from pipeline.experiments.predictions import Predictions

NOTES = {
    "synthetic": "synthetic speech: the corpus was made by a speech synthesiser; it shows that the pipeline runs, "
    "and says nothing about emotions in real speech",
    "random": "random backbone: the self-supervised model `tiny` has random weights; it is for plumbing only",
    "dependent": "speaker-dependent: test speakers were also trained on, so the score is no estimate for new speakers",
    "transductive": "transductive: features were standardised by all unlabelled recordings of each speaker or corpus, "
    "those of the test part too, so several recordings of a new speaker must be had",
    "published": "published: the paper's own figures; its splits and its corpus may differ from those here",
    "other_folds": "the fusion was fitted on the other folds' test probabilities, whose models had heard this fold's "
    "test speakers",
}


def notes_of(card: Mapping[str, Any], synthetic: set[str]) -> list[str]:
    """Which of `NOTES` apply to an experiment."""
    found = []
    if card["corpus"] in synthetic:
        found.append("synthetic")
    if card["random_backbone"]:
        found.append("random")
    if card["speaker_dependent"]:
        found.append("dependent")
    if card.get("transductive"):
        found.append("transductive")
    if card["params"].get("fit_on") == "other_folds":
        found.append("other_folds")
    if card.get("published"):
        found.append("published")
    return found


def summary_table(table: Mapping[str, Any], cards: Mapping[str, Any], synthetic: set[str], confidence: float) -> str:
    """All scores as a Markdown table, with footnotes for what to beware of."""
    used: list[str] = []
    interval = f"[{confidence:.0%} interval]"
    papers = any(card.get("published") for card in cards.values())
    titles = ["experiment", "corpus", "protocol", f"WA {interval}", f"UA {interval}", "macro-F1", "weighted-F1"]
    titles += ["mean over folds", *(["published"] if papers else []), "notes"]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for name, row in table.items():
        card = cards[name]
        marks = notes_of(card, synthetic)
        used += [mark for mark in marks if mark not in used]
        cells = [
            name,
            card["corpus"] + _classes(card) + (" (synthetic)" if card["corpus"] in synthetic else ""),
            f"{card['protocol']['scheme']}, {row['folds']} {'fold' if row['folds'] == 1 else 'folds'}",
            *(
                f"{100 * row['scores'][m]:.1f} [{100 * row['interval'][m][0]:.1f}, {100 * row['interval'][m][1]:.1f}]"
                for m in ("WA", "UA")
            ),
            *(f"{100 * row['scores'][name]:.1f}" for name in ("macro_F1", "weighted_F1")),
            _over_folds(row),
            *([_published(card.get("published", {}))] if papers else []),
            " ".join(f"[{used.index(mark) + 1}]" for mark in marks),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"[{i}] {NOTES[mark]}.  " for i, mark in enumerate(used, 1))]
    return "\n".join(lines).rstrip() + "\n"


def _classes(card: Mapping[str, Any]) -> str:
    """How many classes there are, where they are not all that the corpus has."""
    return f", {len(card['emotions'])} classes" if card.get("emotions") else ""


def _over_folds(row: Mapping[str, Any]) -> str:
    """Papers report the mean over folds, in which small folds count as much as large ones."""
    mean = row["mean_over_folds"]
    return f"WA {100 * mean['WA']:.1f}, UA {100 * mean['UA']:.1f}" if row["folds"] > 1 else ""


def _published(figures: Mapping[str, float]) -> str:
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
) -> None:
    """Write the summary to a Markdown file.

    Args:
        path: the file.
        results: of each experiment and fusion, see `evaluation.score`.
        predictions: what was scored.
        synthetic: the corpora that are synthesised, to be marked.
        confidence: coverage of the intervals.
        published: experiment or fusion -> what a paper reports (%), to be set beside ours.
    """
    cards = {name: {**one.card, "published": (published or {}).get(name, {})} for name, one in predictions.items()}
    text = (
        "# Scores\n\nPercent, pooled over all test folds. Intervals: percentile bootstrap over speakers. "
        "`comparisons.csv` has McNemar's exact test for each pair on one corpus.\n\n"
    )
    with atomic_path(path) as temporary:
        table = summary_table(results, cards, synthetic, confidence)
        temporary.write_text(text + table, encoding="utf-8", newline="\n")


def counts_table(corpus: str, counts: Mapping[str, Any]) -> str:
    """Utterances per emotion and per speaker, as plain text."""
    lines = [f"{corpus}: {counts['utterances']} utterances, {counts['speakers']} speakers, {counts['seconds']:.0f} s"]
    for title, table in (("emotion", counts["by_emotion"]), ("speaker", counts["by_speaker"])):
        lines.append(f"  by {title}: " + ", ".join(f"{name} {count}" for name, count in table.items()))
    return "\n".join(lines)
