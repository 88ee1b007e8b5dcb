"""Recordings outside a corpus: files, folders, a manifest or a table, for `ser extract` and `ser predict`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipeline import paths
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.segments import Segment, Source, as_segment
from pipeline.audio.suffixes import AUDIO_SUFFIXES, advice, unread_suffix
from pipeline.corpora import manifest, table
from pipeline.corpora.base import audio_files, corpus_files
from pipeline.corpora.unread import left_out_line, unread_suffixes
from pipeline.errors import UserError
from pipeline.extraction.recipe import audio_beside
from pipeline.storage.feature_file import FeatureFile, may_be_replaced
from pipeline.storage.journal import check_journal

LIST = ".jsonl"
"""suffix of a manifest"""
TABLES = (".csv", ".tsv")
"""suffixes of tables with a column `path`"""
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Named:
    """A recording that an input names.

    Attributes:
        given: the input.
        key: what it is called.
        source: its file, or the part of it.
        speaker: "" where the input does not tell.
        missing: what to say of it where it is not there; "" where it is.
    """

    given: Path
    key: str
    source: Source
    speaker: str = ""
    missing: str = ""

    @property
    def suffix(self) -> str:
        """Its file's."""
        return as_segment(self.source).path.suffix


def find(inputs: Sequence[Path]) -> dict[str, Source]:
    """Find the recordings that the inputs name: key -> file, or segment of one, in the order given.

    A folder's recordings have their path relative to it without the suffix as key, a single file its stem, a
    manifest's (`.jsonl`) the manifest's keys, a table's (`.csv`, `.tsv`) its paths without suffix. Recordings that
    differ in the suffix alone, as a.mp3 beside a.ogg, keep it in their keys. Where recordings of several inputs would
    have one key, those inputs' keys begin with as much of their folders as tells them apart. A manifest's paths are
    relative to its folder, or, where none of its files is there, to `corpora.DATASET.root` of the params.yaml in the
    working folder; a table's are relative to its folder. Files may be missing: see `missing`.

    Raises:
        UserError: a folder does not exist, an input is no audio, no file of a manifest can be there, a recording is
            given twice, or two have one key.
    """
    recordings: dict[str, Source] = {}
    for each in _named(inputs):
        if (other := recordings.get(each.key)) is not None:
            raise _taken(each, other)
        recordings[each.key] = each.source
    return recordings


def _taken(named: _Named, other: Source) -> UserError:
    if as_segment(named.source).path.resolve() == as_segment(other).path.resolve():
        return UserError(f"{named.source}: is given twice; give it once")
    return UserError(f"{other} and {named.source} have the same key {named.key!r}; give them in two commands")


def _named(inputs: Sequence[Path]) -> list[_Named]:
    """What the inputs name, each with a key of its own, as far as that can be."""
    named = _apart([each for given in inputs for each in _expand(given)])
    suffixes: dict[str, set[str]] = {}
    for each in named:
        suffixes.setdefault(each.key, set()).add(each.suffix)
    return [
        each if len(suffixes[each.key]) == 1 or each.given.suffix == LIST else replace(each, key=each.key + each.suffix)
        for each in named
    ]


def _apart(named: list[_Named]) -> list[_Named]:
    """Let the keys of inputs that have some in common begin with what tells their folders apart."""
    givers: dict[tuple[str, str], set[Path]] = {}
    for each in named:
        if each.given.suffix != LIST:
            givers.setdefault((each.key, each.suffix), set()).add(each.given)
    clashing = {given for several in givers.values() if len(several) > 1 for given in several}
    folders = {given: (given if given.is_dir() else given.parent).resolve() for given in clashing}
    if not folders:
        return named
    common = Path(os.path.commonpath(folders.values()))
    begins = {given: folder.relative_to(common) for given, folder in folders.items()}
    return [
        replace(each, key=(begins[each.given] / each.key).as_posix()) if each.given in begins else each
        for each in named
    ]


def whole_files(recordings: Mapping[str, Source], option: str) -> dict[str, Path]:
    """Recordings of which each is all of a file.

    Raises:
        UserError: one is a segment, which what the option asks for does not take.
    """
    for source in recordings.values():
        if not as_segment(source).whole:
            raise UserError(f"{source}: is a part of a file, and {option} takes whole files; leave the segments out")
    return {key: as_segment(source).path for key, source in recordings.items()}


def unread(inputs: Sequence[Path]) -> list[str]:
    """What to say of the files in input folders that are sound or film and are not read, a line for each folder."""
    folders = [given for given in inputs if given.is_dir()]
    counts = [(folder, unread_suffixes(corpus_files(folder))) for folder in folders]
    return [f"{folder}: {left_out_line(suffixes)}" for folder, suffixes in counts if suffixes]


def _expand(given: Path) -> Sequence[_Named]:
    if given.is_dir():
        return [_Named(given, Path(name).with_suffix("").as_posix(), given / name) for name in audio_files(given)]
    if given.suffix == LIST:
        return _listed(given)
    if given.suffix.lower() in TABLES:
        return [_of_row(given, row) for row in _table(given)]
    is_audio = given.suffix.lower() in AUDIO_SUFFIXES
    if not given.exists():
        absent = f"{given}: no such file or folder"
        if not is_audio:
            raise UserError(absent)
        return [_Named(given, given.stem, given, missing=absent)]
    if not given.is_file():
        raise UserError(f"{given}: is no regular file; save the sound to a file, or pipe it into `ser predict MODEL -`")
    if suffix := unread_suffix(given.name):
        raise UserError(f"{given}: is in a format that cannot be read; {advice(suffix)}")
    if not is_audio:
        known = f"a recording ({', '.join(AUDIO_SUFFIXES)}), a folder, a manifest (.jsonl) or a table (.csv)"
        raise UserError(f"{given}: not {known}")
    return [_Named(given, given.stem, given)]


def _table(given: Path) -> list[dict[str, str]]:
    return table.read_table(given.parent, given.name, required=("path",), complete=False)


def _of_row(given: Path, row: Mapping[str, str]) -> _Named:
    missing = f"{given.parent / row['where']}: {row['missing']}" if "missing" in row else ""
    return _Named(given, table.key(row), _source(given, row), row.get("speaker", ""), missing)


def _source(given: Path, row: Mapping[str, str]) -> Source:
    """The file of a table's row, or the part of it that the row says."""
    start, end = table.bounds(row)
    path = given.parent / row["path"]
    return path if start is None and end is None else Segment(path, start or 0.0, end, row["where"])


def missing(inputs: Sequence[Path]) -> dict[str, str]:
    """What to say of each recording that an input names and that is not there: key -> the line."""
    return {each.key: each.missing for each in _named(inputs) if each.missing}


def _listed(given: Path) -> list[_Named]:
    """What a manifest names, whether it is there or not."""
    try:
        rows = manifest.read(given)
    except UserError as error:
        raise UserError(f"{error}; or list recordings in a table (.csv) with a column path") from error
    roots = _roots(given, rows)
    named = [_Named(given, row.key, row.source(roots[row.dataset]), row.speaker) for row in rows]
    return [
        each
        if (roots[row.dataset] / row.wav).is_file()
        else replace(each, missing=_restore(given, row, roots[row.dataset]))
        for row, each in zip(rows, named, strict=True)
    ]


def _restore(given: Path, row: manifest.Row, root: Path) -> str:
    """What to say of a manifest's file that is not there."""
    folders = " nor in ".join(dict.fromkeys([str(given.parent), str(root)]))
    return f"{given}: {row.wav} is not in {folders}; restore it, or take its row out"


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
    """Key -> speaker, of the recordings whose manifests or tables tell."""
    return {each.key: each.speaker for each in _named(inputs) if each.speaker}


def without_bad(
    recordings: Mapping[str, Source],
    missing: Mapping[str, str],
    skip: bool,
    work: Callable[[Mapping[str, Source]], Result],
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


def check_output(out: Path, recordings: Mapping[str, Source], extractor: str) -> None:
    """Refuse a place that the work would be lost on, or a file that is another's; nothing is left there.

    Args:
        out: the feature file to be made.
        recordings: what it is made of.
        extractor: the name of what makes it.

    Raises:
        UserError: `out` is a folder, a recording, no feature file or one of another extractor, or its folder cannot be
            made or written; or what would lie beside it is somebody else's.
    """
    audio = audio_beside(out)
    files = [as_segment(source).path for source in recordings.values()]
    _check_replaceable(out, out, "exists, and is not a feature file; give another name, or delete it")
    _check_replaceable(out, audio, f"{audio}, where its audio goes, exists and is not audio; give another name")
    _check_same(out, extractor)
    check_journal(out)
    paths.check_writable("--out", out, files, example="features.h5")
    paths.check_writable("--out", audio, files)


def _check_same(out: Path, extractor: str) -> None:
    """Refuse a feature file of another extractor, whose rows would be lost; a damaged one is made anew."""
    try:
        held = FeatureFile(out).header.extractor if out.exists() else extractor
    except UserError:
        return
    if held != extractor:
        raise UserError(f"--out {out}: has features of {held}; give another name, or delete it")


def _check_replaceable(out: Path, path: Path, complaint: str) -> None:
    with paths.output_errors("--out", out):
        if path.exists() and not (path == out and path.is_dir()) and not may_be_replaced(path):
            raise UserError(f"--out {out}: {complaint}")
