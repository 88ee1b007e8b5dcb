"""Score every experiment and fusion, after a last check that nothing leaked."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.audio.keys import source_key
from pipeline.config.scoring import Published, ScoringParams
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.evaluation.scores import intervals, mcnemar, scores
from pipeline.experiments.predictions import CURVE, Predictions, write_csv, write_json
from pipeline.report.summary import write_summary

MISTAKES = ("key", "wav", "speaker", "emotion", "predicted", "p_predicted", "p_emotion")

DIGITS = 4
"""decimals of what goes into git; far below any confidence interval"""


def check_leaks(name: str, found: Predictions, speakers: Mapping[str, str]) -> None:
    """Refuse predictions whose test or validation part was trained on.

    Args:
        name: the experiment.
        found: its predictions.
        speakers: utterance key -> speaker.

    Raises:
        UserError: an utterance or a copy of it is in the training part and in another, or a speaker is under a
            speaker-independent protocol, or an utterance is tested twice or not at all; the message names it.
    """
    tested: set[str] = set()
    for number, fold in enumerate(found.folds):
        trained = {source_key(key) for key in fold["train"]}
        for part in ("validation", "test"):
            copied = [key for key in fold[part] if source_key(key) != key]
            if copied:
                raise UserError(f"{name}: the {part} part of fold {number} has the copy {copied[0]!r}")
            shared = trained & set(fold[part])
            if shared:
                raise UserError(f"{name}: {min(shared)!r} of the {part} part of fold {number} is trained on")
            if found.card["speaker_dependent"]:
                continue
            heard = {speakers[key] for key in trained} & {speakers[key] for key in fold[part]}
            if heard:
                raise UserError(f"{name}: speaker {min(heard)!r} of the {part} part of fold {number} is trained on")
        predicted = [found.keys[i] for i in found.where("test", number)]
        if sorted(predicted) != sorted(fold["test"]):
            raise UserError(f"{name}: the predictions of fold {number} are not those of its test part")
        if tested & {*predicted}:
            raise UserError(f"{name}: {min(tested & {*predicted})!r} of fold {number} is tested twice")
        tested |= {*predicted}


def score(found: Predictions, speakers: Mapping[str, str], params: ScoringParams, seed: int) -> dict[str, Any]:
    """Scores of the pooled test parts, with confidence intervals, the mean over folds, and what was tested."""
    tested = found.where("test")
    y, predicted = found.labels(tested), found.probabilities(tested).argmax(axis=1)
    result: dict[str, Any] = {"scores": scores(y, predicted, found.classes)}
    folds = [found.where("test", number) for number in range(len(found.folds))]
    parts = [scores(found.labels(f), found.probabilities(f).argmax(axis=1), found.classes) for f in folds]
    result["interval"] = intervals(y, predicted, [speakers[found.keys[i]] for i in tested], params, seed)
    names = [name for name, value in parts[0].items() if isinstance(value, float)]
    result["mean_over_folds"] = {name: float(np.mean([part[name] for part in parts])) for name in names}
    result["utterances"] = len(tested)
    result["folds"] = len(folds)
    result["speaker_dependent"] = found.card["speaker_dependent"]
    return _rounded(result)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def compare(found: Mapping[str, Predictions]) -> list[list[str]]:
    """McNemar p-values of all pairs tested on the same utterances: rows (first, second, utterances, p)."""
    table = []
    for (name_a, a), (name_b, b) in combinations(found.items(), 2):
        if a.card["corpus"] != b.card["corpus"] or a.classes != b.classes:
            continue
        rows_a = {a.keys[i]: i for i in a.where("test")}
        rows_b = {b.keys[i]: i for i in b.where("test")}
        keys = [key for key in rows_a if key in rows_b]
        if len(keys) != len(rows_a) or len(keys) != len(rows_b):
            continue
        in_a, in_b = np.array([rows_a[key] for key in keys]), np.array([rows_b[key] for key in keys])
        p = mcnemar(a.labels(in_a), a.probabilities(in_a).argmax(axis=1), b.probabilities(in_b).argmax(axis=1))
        table.append([name_a, name_b, str(len(keys)), f"{p:.4g}"])
    return table


def evaluate(
    found: Mapping[str, Predictions],
    rows: Sequence[Row],
    synthetic: set[str],
    params: ScoringParams,
    seed: int,
    out: Path,
    published: Mapping[str, Published] | None = None,
) -> dict[str, Any]:
    """Check and score all predictions, and write scores, confusions, curves, comparisons and the summary to `out`.

    Args:
        found: name -> predictions, in the order of the tables.
        rows: the manifest rows of all corpora.
        synthetic: the corpora that are synthesised, to be marked.
        params: how to score.
        seed: of the bootstrap.
        out: the metrics folder.
        published: name -> what a paper reports (%), to be set beside ours.
    """
    speakers = {corpus: {r.key: r.speaker for r in rows if r.dataset == corpus} for corpus in {r.dataset for r in rows}}
    for name, predictions in found.items():
        known = speakers.get(predictions.card["corpus"], {})
        unknown = {source_key(key) for key in predictions.keys} - set(known)
        if unknown:
            raise UserError(
                f"{name}: {min(unknown)!r} is in no manifest; run `dvc repro` to bring predictions up to date"
            )
        check_leaks(name, predictions, speakers[predictions.card["corpus"]])
    table: dict[str, Any] = {}
    for name, predictions in found.items():
        table[name] = score(predictions, speakers[predictions.card["corpus"]], params, seed)
        tested = predictions.where("test")
        labels = predictions.probabilities(tested).argmax(axis=1)
        confusion = (
            [predictions.emotions[i], predictions.classes[label]] for i, label in zip(tested, labels, strict=True)
        )
        write_csv(out / "confusion" / f"{name}.csv", ["actual", "predicted"], confusion)
        if predictions.curves:
            write_csv(out / "curves" / f"{name}.csv", ["fold", *CURVE], _curve(predictions))
    for name, row in table.items():
        write_json(out / "scores" / f"{name}.json", row["scores"])
    write_json(
        out / "details.json", {name: {k: v for k, v in row.items() if k != "scores"} for name, row in table.items()}
    )
    write_csv(out / "comparisons.csv", ["first", "second", "utterances", "p_mcnemar"], compare(found))
    cards = {name: {**p.card, "published": (published or {}).get(name, {})} for name, p in found.items()}
    write_summary(out / "summary.md", table, cards, synthetic, params.confidence)
    return table


def mistakes(found: Predictions, rows: Sequence[Row]) -> list[list[str]]:
    """The test utterances that were taken for another emotion, the surest mistakes first.

    Returns:
        Rows of key, wav, speaker, emotion, predicted emotion, and the probabilities of both.
    """
    known = {row.key: row for row in rows if row.dataset == found.card["corpus"]}
    wrong = []
    for i in found.where("test"):
        best = int(found.rows[i].argmax())
        truth = found.classes.index(found.emotions[i])
        if best != truth:
            wrong.append((-found.rows[i][best], found.keys[i], best, truth, found.rows[i][truth]))
    return [
        [key, known[key].wav, known[key].speaker, found.classes[truth], found.classes[best], f"{-p:.4f}", f"{q:.4f}"]
        for p, key, best, truth, q in sorted(wrong)
    ]


def _curve(predictions: Predictions) -> list[list[str]]:
    return [
        [str(int(row["fold"])), *(f"{row[name]:.{DIGITS}f}" if name in row else "" for name in CURVE)]
        for row in predictions.curves
    ]
