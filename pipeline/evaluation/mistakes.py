"""Which test utterances were taken for another emotion."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.corpora.manifest import Row
from pipeline.experiments.joint_corpora import by_corpus, rows_of
from pipeline.experiments.predictions import Predictions, plain_cell, write_csv

MISTAKES = ("fold", "key", "wav", "speaker", "emotion", "predicted", "p_predicted", "p_emotion", "times")
"""columns of the table; `times`: how often of how often it was tested, as 2/5"""


def write_mistakes(predictions: Mapping[str, Predictions], rows: Sequence[Row], out: Path) -> None:
    """Write the mistakes of each experiment and fusion to NAME.csv in the folder `out`."""
    for name, one in predictions.items():
        write_csv(out / f"{name}.csv", MISTAKES, mistakes(one, rows))


def mistakes(found: Predictions, rows: Sequence[Row]) -> list[list[str]]:
    """The test utterances that were taken for another emotion, the surest mistakes first, each utterance once.

    Returns:
        Rows of fold, key, wav, speaker, emotion, predicted emotion, the probabilities of both, and how often.
    """
    known = {row.key: row for row in rows_of(found.card, by_corpus(rows))}
    wrong = []
    for i in found.where("test"):
        best = int(found.rows[i].argmax())
        truth = found.classes.index(found.emotions[i])
        if best != truth:
            wrong.append((-found.rows[i][best], found.keys[i], found.fold[i], best, truth, found.rows[i][truth]))
    emotions, tested = found.classes, Counter(found.keys[i] for i in found.where("test"))
    times = Counter(key for _, key, *_ in wrong)
    names = {key: [plain_cell(name) for name in (key, known[key].wav, known[key].speaker)] for key in times}
    surest = {key: (fold, best, truth, -p, q) for p, key, fold, best, truth, q in sorted(wrong, reverse=True)}
    return [
        [str(fold), *names[key], emotions[truth], emotions[best], f"{p:.4f}", f"{q:.4f}", f"{times[key]}/{tested[key]}"]
        for key, (fold, best, truth, p, q) in sorted(surest.items(), key=lambda item: (-item[1][3], item[0]))
    ]
