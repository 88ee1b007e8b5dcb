"""All pictures of an evaluation, in metrics/plots/."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.atomic import atomic_path
from pipeline.evaluation.cost import is_fusion
from pipeline.evaluation.transfer_matrix import transfer_matrices
from pipeline.experiments.predictions import Predictions
from pipeline.report.marks import notes_of, transfer_text, words
from pipeline.report.pictures.class_sets import class_set_titles, recordings_of, tested_classes
from pipeline.report.pictures.confusion import draw_confusion
from pipeline.report.pictures.curves import choosing_measure, draw_curves, measures_of
from pipeline.report.pictures.forest import Score, draw_forest
from pipeline.report.pictures.layers import draw_layers
from pipeline.report.pictures.reliability import draw_reliability
from pipeline.report.pictures.svg import svg
from pipeline.report.pictures.transfer_matrix import draw_matrices


def write_pictures(
    out: Path,
    results: Mapping[str, Any],
    predictions: Mapping[str, Predictions],
    synthetic: set[str],
    confidence: float,
    layers: Mapping[str, Sequence[Sequence[str]]],
) -> None:
    """Write scores.svg; transfers.svg, where there is a matrix of corpora; confusion/NAME.svg, calibration/NAME.svg;
    curves/NAME.svg of what has epochs; layers/NAME.svg.

    Args:
        out: the folder.
        results: of each experiment and fusion, see `evaluation.score`.
        predictions: what was scored.
        synthetic: the corpora that are synthesised, to be marked.
        confidence: coverage of the intervals.
        layers: rows of `evaluation.layers`, of those that have any.
    """
    marks = {name: notes_of(one.card, synthetic) for name, one in predictions.items()}
    for name, one in predictions.items():
        about = [tested_on(one), ", ".join(words(mark, one.card) for mark in marks[name])]
        texts = [_scores(results[name], confidence), *about, _counting(one)]
        counts = np.array(results[name]["confusion"])
        _write(out / "confusion" / f"{name}.svg", svg(partial(draw_confusion, name, texts, one.classes, counts)))
        found = results[name]["calibration"]
        texts = [f"ECE {found['ECE']:.3f}, log-loss {found['log_loss']:.3f}", *about]
        _write(out / "calibration" / f"{name}.svg", svg(partial(draw_reliability, name, texts, found["bins"])))
        if measures_of(one.curves):
            chosen_by = choosing_measure(one.card["params"])
            _write(out / "curves" / f"{name}.svg", svg(partial(draw_curves, name, about, one.curves, chosen_by)))
        if layers.get(name):
            chance = 100 / len(tested_classes(one))
            _write(out / "layers" / f"{name}.svg", svg(partial(draw_layers, name, about, layers[name], chance)))
    if not predictions:
        return
    if matrices := transfer_matrices(predictions, results):
        _write(out / "transfers.svg", svg(partial(draw_matrices, matrices)))
    titles = class_set_titles(predictions)
    scores = [_score(name, results[name], one, titles[name], marks[name]) for name, one in predictions.items()]
    _write(out / "scores.svg", svg(partial(draw_forest, scores, confidence)))


def _scores(row: Mapping[str, Any], confidence: float) -> str:
    ua, wa, (low, high) = 100 * row["scores"]["UA"], 100 * row["scores"]["WA"], row["interval"]["UA"]
    return f"UA {ua:.1f} % [{confidence:.0%} interval {100 * low:.1f}, {100 * high:.1f}], WA {wa:.1f} %"


def tested_on(one: Predictions) -> str:
    """Recordings, protocol, folds and test utterances; of a repeated protocol, of each split."""
    splits = one.splits // one.trainings
    folds = f"{f'{splits} splits x ' * (splits > 1)}{_count(one.folds_of_a_split, 'fold')}"
    folds += f" x {one.trainings} seeds" * (one.trainings > 1)
    if told := transfer_text(one.card):
        return f"{recordings_of(one)}, {told}, {_count(one.splits, 'draw')}, {_test_utterances(one)}"
    return f"{recordings_of(one)}, {one.card['protocol']['scheme']}, {folds}, {_test_utterances(one)}"


def _test_utterances(one: Predictions) -> str:
    """How many there are; of each split, where splits test others."""
    tested: list[set[str]] = [set() for _ in range(one.splits)]
    for i in one.where("test"):
        tested[one.fold[i] // one.folds_of_a_split].add(one.keys[i])
    fewest, most = min(map(len, tested)), max(map(len, tested))
    if all(keys == tested[0] for keys in tested):
        return _count(most, "test utterance")
    return f"{'' if fewest == most else f'{fewest} to '}{_count(most, 'test utterance')} of each {_time(one)}"


def _time(one: Predictions) -> str:
    """What is tested several times over."""
    return "draw" if one.card.get("transfer") else "split"


def _counting(one: Predictions) -> str:
    times = [(one.splits // one.trainings, f"{_time(one)}s"), (one.trainings, "seeds")]
    several = " and ".join(f"{count} {what}" for count, what in times if count > 1)
    return f"counts: sums over the {several}" if several else ""


def _score(name: str, row: Mapping[str, Any], one: Predictions, title: str, marks: list[str]) -> Score:
    low, high = row["interval"]["UA"]
    label = f"{name} (fusion)" if is_fusion(one.card) else name
    chance = 100 / len(tested_classes(one))
    return Score(label, title, chance, 100 * row["scores"]["UA"], (100 * low, 100 * high), marks)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
