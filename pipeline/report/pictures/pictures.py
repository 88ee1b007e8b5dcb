"""All pictures of an evaluation, in metrics/plots/."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.atomic import atomic_path
from pipeline.evaluation.cost import is_fusion
from pipeline.experiments.predictions import Predictions
from pipeline.report.marks import notes_of, short_note
from pipeline.report.pictures.confusion import draw_confusion
from pipeline.report.pictures.curves import choosing_measure, draw_curves, measures_of
from pipeline.report.pictures.forest import Score, draw_forest
from pipeline.report.pictures.svg import svg


def write_pictures(
    out: Path,
    results: Mapping[str, Any],
    predictions: Mapping[str, Predictions],
    synthetic: set[str],
    confidence: float,
) -> None:
    """Write scores.svg, confusion/NAME.svg, and curves/NAME.svg of what has epochs.

    Args:
        out: the folder.
        results: of each experiment and fusion, see `evaluation.score`.
        predictions: what was scored.
        synthetic: the corpora that are synthesised, to be marked.
        confidence: coverage of the intervals.
    """
    marks = {name: notes_of(one.card, synthetic) for name, one in predictions.items()}
    for name, one in predictions.items():
        texts = _texts(results[name], one, marks[name], confidence)
        counts = np.array(results[name]["confusion"])
        _write(out / "confusion" / f"{name}.svg", svg(partial(draw_confusion, name, texts, one.classes, counts)))
        if measures_of(one.curves):
            chosen_by = choosing_measure(one.card["params"])
            _write(out / "curves" / f"{name}.svg", svg(partial(draw_curves, name, texts[1:], one.curves, chosen_by)))
    scores = [_score(name, results[name], one, marks[name]) for name, one in predictions.items()]
    _write(out / "scores.svg", svg(partial(draw_forest, scores, confidence)))


def _texts(row: Mapping[str, Any], found: Predictions, marks: list[str], confidence: float) -> list[str]:
    """What stands above the picture of an experiment: its scores, what it was tested on, what to beware of."""
    ua, wa, (low, high) = 100 * row["scores"]["UA"], 100 * row["scores"]["WA"], row["interval"]["UA"]
    return [
        f"UA {ua:.1f} % [{confidence:.0%} interval {100 * low:.1f}, {100 * high:.1f}], WA {wa:.1f} %",
        f"{found.card['corpus']}, {found.card['protocol']['scheme']}, {_count(row['folds'], 'fold')}, "
        f"{_count(row['utterances'], 'test utterance')}",
        ", ".join(map(short_note, marks)),
    ]


def _score(name: str, row: Mapping[str, Any], found: Predictions, marks: list[str]) -> Score:
    tested = sum(one["support"] > 0 for one in row["classes"].values())
    low, high = row["interval"]["UA"]
    group = f"{found.card['corpus']}, {_count(tested, 'class', 'classes')}"
    label = f"{name} (fusion)" if is_fusion(found.card) else name
    return Score(label, group, 100 / tested, 100 * row["scores"]["UA"], (100 * low, 100 * high), marks)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
