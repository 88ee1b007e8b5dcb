"""The last check before anything is scored: nothing that was trained on is tested, under whatever name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.audio.keys import source_key
from pipeline.corpora.manifest import Row
from pipeline.corpora.overlaps import Stretch, stretches
from pipeline.errors import UserError
from pipeline.experiments.parts import Parts


def check_leaks(name: str, found: Parts, rows: Sequence[Row]) -> None:
    """Refuse predictions whose test or validation part was trained on.

    Args:
        name: the experiment.
        found: its predictions.
        rows: of the manifest that they were made from.

    Raises:
        UserError: an utterance, a copy of it or the same recording under another name is in the training part and in
            another, or a speaker is under a speaker-independent protocol, or an utterance is tested twice in one split
            of the corpus, or is not predicted; the message names it, and what to do.
    """
    corpus = found.card["corpus"]
    for problem in _problems(found, rows):
        raise UserError(
            f"{name}: {problem}; run `dvc repro` if the manifest changed since, else choose another protocol, or take "
            f"one of two equal recordings out (corpora.{corpus}.duplicates: keep_first does, where they conflict)"
        )


def _problems(found: Parts, rows: Sequence[Row]) -> Iterator[str]:
    content_of, tested = contents(rows), set[str]()
    speakers = {} if found.card["speaker_dependent"] else {row.key: row.speaker for row in rows}
    for number, fold in enumerate(found.folds):
        trained = {source_key(key) for key in fold["train"]}
        heard = {speakers[key] for key in trained if speakers}
        for part in ("validation", "test"):
            where = f"the {part} part of fold {number}"
            yield from (f"{where} has the copy {key!r}" for key in fold[part] if source_key(key) != key)
            yield from (f"{key!r} of {where} is trained on" for key in sorted(trained.intersection(fold[part])))
            yield from (f"{pair} is trained on" for pair in _twins(fold[part], where, trained, content_of))
            known = {speakers[key] for key in fold[part] if speakers}
            yield from (f"speaker {one!r} of {where} is trained on" for one in sorted(heard & known))
        watched = _twins(fold["test"], f"the test part of fold {number}", fold["validation"], content_of)
        yield from (f"{pair} is in its validation part" for pair in watched)
        predicted = [found.keys[i] for i in found.where("test", number)]
        if sorted(predicted) != sorted(fold["test"]):
            yield f"the predictions of fold {number} are not those of its test part"
        tested = tested if number % found.folds_of_a_split else set()
        yield from (f"{key!r} of fold {number} is tested twice" for key in sorted(tested.intersection(predicted)))
        tested |= {*predicted}


def contents(rows: Sequence[Row]) -> dict[str, str]:
    """Key -> what the rows of one recording share: the key of the first of them, as the audio or else the bytes say.

    Segments of one file are one recording where they overlap.
    """
    first: dict[Stretch, str] = {}
    parts = stretches(rows)
    return {
        row.key: first.setdefault(parts[row.key], row.content) if row.sha256 and row.twin != row.key else row.content
        for row in rows
    }


def _twins(keys: Iterable[str], where: str, others: Iterable[str], contents: Mapping[str, str]) -> Iterator[str]:
    """Those of `keys` that are among the others too, under the same name or another, with that name."""
    names = {contents[key]: key for key in sorted(others, reverse=True)}
    for key in keys:
        if contents[key] in names:
            yield f"{key!r} of {where} is the recording {names[contents[key]]!r}, which"
