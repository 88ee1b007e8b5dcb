"""Recordings outside a corpus: files, folders or a manifest, for `ser extract` and `ser predict`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pipeline import paths
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.suffixes import AUDIO_SUFFIXES, advice, unread_suffix
from pipeline.corpora import manifest
from pipeline.corpora.base import audio_files, corpus_files
from pipeline.corpora.unread import left_out_line, unread_suffixes
from pipeline.errors import UserError
from pipeline.extraction.recipe import audio_beside
from pipeline.storage.feature_file import may_be_replaced
from pipeline.storage.journal import check_journal

LIST = ".jsonl"
"""suffix of a manifest"""
Result = TypeVar("Result")


def find(inputs: Sequence[Path]) -> dict[str, Path]:
    """Find the recordings that the inputs name: key -> file, in the order given.

    A folder's recordings have their path relative to it without the suffix as key, a single file its stem, a
    manifest's (`.jsonl`) the manifest's keys. Recordings that differ in the suffix alone, as a.mp3 beside a.ogg, keep
    it in their keys. A manifest's paths are relative to its folder, or, where none of its files is
    there, to `corpora.DATASET.root` of the params.yaml in the working folder; a file may be missing.

    Raises:
        UserError: an input does not exist or is no audio, no file of a manifest can be there, or two have one key.
    """
    named = [(given, *pair) for given in inputs for pair in _expand(given)]
    suffixes: dict[str, set[str]] = {}
    for _, key, path in named:
        suffixes.setdefault(key, set()).add(path.suffix)
    recordings: dict[str, Path] = {}
    for given, stem, path in named:
        key = stem if len(suffixes[stem]) == 1 or given.suffix == LIST else stem + path.suffix
        if key in recordings:
            raise UserError(f"{recordings[key]} and {path} have the same key {key!r}; extract them into two files")
        recordings[key] = path
    return recordings


def unread(inputs: Sequence[Path]) -> list[str]:
    """What to say of the files in input folders that are sound or film and are not read, a line for each folder."""
    folders = [given for given in inputs if given.is_dir()]
    counts = [(folder, unread_suffixes(corpus_files(folder))) for folder in folders]
    return [f"{folder}: {left_out_line(suffixes)}" for folder, suffixes in counts if suffixes]


def _expand(given: Path) -> list[tuple[str, Path]]:
    if given.is_dir():
        return [(str(Path(name).with_suffix("").as_posix()), given / name) for name in audio_files(given)]
    if given.suffix == LIST:
        return _listed(given)
    if not given.is_file():
        raise UserError(f"{given}: no such file or folder")
    if suffix := unread_suffix(given.name):
        raise UserError(f"{given}: is in a format that cannot be read; {advice(suffix)}")
    if given.suffix.lower() not in AUDIO_SUFFIXES:
        raise UserError(f"{given}: not a recording ({', '.join(AUDIO_SUFFIXES)}), a folder or a manifest (.jsonl)")
    return [(given.stem, given)]


def missing(inputs: Sequence[Path]) -> dict[str, str]:
    """What to say of each recording that a manifest names and that is not there: key -> the line."""
    lines: dict[str, str] = {}
    for given in inputs:
        rows = manifest.read(given) if given.suffix == LIST else []
        roots = _roots(given, rows)
        for row in rows:
            if not (roots[row.dataset] / row.wav).is_file():
                folders = " nor in ".join(dict.fromkeys([str(given.parent), str(roots[row.dataset])]))
                lines[row.key] = f"{given}: {row.wav} is not in {folders}; restore it, or take its row out"
    return lines


def _listed(given: Path) -> list[tuple[str, Path]]:
    """A manifest's keys and files, whether these are there or not."""
    rows = manifest.read(given)
    roots = _roots(given, rows)
    return [(row.key, roots[row.dataset] / row.wav) for row in rows]


def _roots(given: Path, rows: Sequence[manifest.Row]) -> dict[str, Path]:
    """Dataset -> the folder that a manifest's paths are relative to."""
    if any((given.parent / row.wav).is_file() for row in rows):
        return dict.fromkeys((row.dataset for row in rows), given.parent)
    return {row.dataset: _root(given, row) for row in {row.dataset: row for row in reversed(rows)}.values()}


def _root(given: Path, row: manifest.Row) -> Path:
    """The corpus folder of a row whose file is not beside the manifest."""
    from pipeline.config.document import load
    from pipeline.config.params import FILE

    missing = f"{given}: {row.wav} is not in {given.parent}, and {FILE} in the working folder"
    advice = "put the manifest beside the recordings, or run the command in the project's folder"
    if not FILE.is_file():
        raise UserError(f"{missing}, whose corpora.{row.dataset}.root may say where it is, is not there; {advice}")
    corpora = load().corpora
    if row.dataset not in corpora:
        raise UserError(f"{missing} has no corpora.{row.dataset}, whose root may say where it is; {advice}")
    return corpora[row.dataset].root


def speakers(inputs: Sequence[Path]) -> dict[str, str]:
    """Key -> speaker, of the recordings whose manifests tell."""
    rows = (row for given in inputs if given.suffix == LIST for row in manifest.read(given))
    return {row.key: row.speaker for row in rows if row.speaker}


def without_bad(
    recordings: Mapping[str, Path],
    missing: Mapping[str, str],
    skip: bool,
    work: Callable[[Mapping[str, Path]], Result],
) -> tuple[Result, dict[str, str]]:
    """Do work on recordings (key -> file); where `skip` is true and some are missing or cannot be used, without these.

    Work decodes all of its recordings before it does anything else, so that nothing is lost.

    Returns:
        The result, and key -> what is wrong of each recording that was left out.

    Raises:
        RecordingsError: recordings cannot be used, and `skip` is false, or none can be used.
    """
    try:
        if missing:
            raise RecordingsError(missing)
        return work(recordings), {}
    except RecordingsError as error:
        good = {key: path for key, path in recordings.items() if key not in error.reasons}
        if skip and good:
            result, bad = without_bad(good, {}, skip, work)
            return result, {**error.reasons, **bad}
        raise RecordingsError(error.reasons, "--skip-bad" if good else "") from error


def check_output(out: Path, recordings: dict[str, Path]) -> None:
    """Refuse a place that the work would be lost on, or a file that is another's; nothing is left there.

    Raises:
        UserError: `out` is a folder, a recording or no feature file, or its folder cannot be made or written; or what
            would lie beside it is somebody else's.
    """
    audio = audio_beside(out)
    _check_replaceable(out, out, "exists, and is not a feature file; give another name, or delete it")
    _check_replaceable(out, audio, f"{audio}, where its audio goes, exists and is not audio; give another name")
    check_journal(out)
    paths.check_writable("--out", out, recordings.values(), example="features.h5")
    paths.check_writable("--out", audio, recordings.values())


def _check_replaceable(out: Path, path: Path, complaint: str) -> None:
    with paths.output_errors("--out", out):
        if path.exists() and not (path == out and path.is_dir()) and not may_be_replaced(path):
            raise UserError(f"--out {out}: {complaint}")
