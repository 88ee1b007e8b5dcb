"""A corpus from its host to its folder: downloaded, checked, unpacked beside, and only then put in its place."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.atomic import FULL
from pipeline.corpora.base import corpus_files, is_audio
from pipeline.downloads.catalogue import Archive, Download
from pipeline.downloads.digests import check_digests, digests
from pipeline.downloads.transfer import Patience, Remote, download, state_path
from pipeline.downloads.unpacking import BrokenArchiveError, Unpacking, unpacked_size
from pipeline.errors import UserError
from pipeline.storage.sole_writer import sole_writer
from pipeline.strict import Strict

RECORD = ".fetched.json"
"""in the corpus's folder: what it was made of; hidden, as corpus readers pass over such files"""
PATIENCE = Patience()


class Record(Strict):
    """What a corpus's folder was made of."""

    corpus: str
    files: int
    """that came out of its archive"""
    digests: dict[str, str]
    """algorithm -> digest of the archive"""


@dataclass(frozen=True)
class Fetched:
    """A corpus that is in its folder.

    Attributes:
        record: what it was made of.
        recordings: how many of its files are audio.
        new: whether it was not there before.
    """

    record: Record
    recordings: int
    new: bool


def fetch(name: str, entry: Download, folder: Path, mirror: str = "", *, keep_archive: bool = False) -> Fetched:
    """Bring a corpus into `folder`, or do nothing where it is there already.

    Args:
        name: the corpus.
        entry: what is known of it, with an archive.
        folder: where it should be; the archive lies beside it, and is taken from there where it is there before.
        mirror: address of the archive elsewhere; "" for the host's own.
        keep_archive: whether the archive is left beside the folder.

    Raises:
        UserError: the folder is of something else; the archive cannot be had, is another file or not to be unpacked;
            the disk is too small.
    """
    archive = entry.archive
    if archive is None:
        raise ValueError(f"{name} has no archive")
    if there := fetched_before(name, folder):
        return there
    whole = folder.parent / archive.name
    part = whole.with_name(f"{whole.name}.part")
    with sole_writer(folder), sole_writer(part), _room():
        if there := fetched_before(name, folder):  # by the process that was waited for
            return there
        source = whole if whole.is_file() else part
        own = _checked(source, archive) if source is whole else _downloaded(archive, part, mirror)
        try:
            made = _unpacked(entry, source, Record(corpus=name, files=0, digests=own), folder)
        except BrokenArchiveError:
            if not archive.published:  # else it is what its host has, and would be the same again
                _remove(part)
            raise
        _tidy(part, whole, keep=keep_archive)
    return made


def real_folder(given: Path) -> Path:
    """A corpus's folder without links in its path.

    Raises:
        UserError: links lead in a circle, or it is the working folder, which cannot be put in place.
    """
    try:
        folder = given.resolve()
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # which the next steps say better
            folder.stat()  # as Python 3.13 resolves a circle without a word
    except (OSError, RuntimeError) as error:
        raise UserError(f"{given}: leads nowhere; choose another with --to") from error
    if folder == Path.cwd().resolve() or not folder.name:
        raise UserError(f"{given}: is the working folder, or one that is always there; choose another with --to")
    return folder


def fetched_before(name: str, folder: Path) -> Fetched | None:
    """The corpus, where an earlier fetch brought it whole into its folder; None where the folder is to be made.

    Raises:
        UserError: the folder holds something else, or a part of the corpus.
    """
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder; remove it, or choose another with --to")
    if not any(folder.iterdir()):
        return None
    record = _record(folder)
    if record is None or record.corpus != name:
        raise UserError(f"{folder}: is not empty, and not of an earlier fetch of {name}; choose another with --to")
    files = corpus_files(folder)
    if len(files) < record.files:  # more may be the user's own, as sound taken out of films
        raise UserError(
            f"{folder}: has {len(files)} files, and {record.files} were fetched; delete the folder and run again, "
            "to fetch it anew, or choose another with --to"
        )
    return Fetched(record, _audio_count(files), new=False)


def _record(folder: Path) -> Record | None:
    try:
        return Record.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _audio_count(files: list[str]) -> int:
    return sum(map(is_audio, files))


def _checked(whole: Path, archive: Archive) -> dict[str, str]:
    """The digests of an archive that was there before."""
    own = digests(whole)
    try:
        check_digests(whole, own, archive.published)
    except UserError as error:
        raise UserError(f"{error}; move it away, and run again to download it") from error
    return own


def _downloaded(archive: Archive, part: Path, mirror: str) -> dict[str, str]:
    """Download an archive; its digests."""
    have = part.stat().st_size if part.exists() else 0
    _check_room(part.parent, 2 * (archive.size or 0) - have)  # the archive, and at least as much out of it
    address = mirror or archive.address
    download(Remote(address, archive.size, archive.largest, checked=bool(archive.published)), part, PATIENCE)
    own = digests(part)
    try:
        check_digests(part, own, archive.published)
    except UserError as error:
        _remove(part)
        raise UserError(f"{error}; it is deleted: run again, or give another address with --from") from error
    return own


def _unpacked(entry: Download, source: Path, record: Record, folder: Path) -> Fetched:
    """Unpack an archive beside the folder, and put it in its place once it is whole."""
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _check_room(folder.parent, unpacked_size(source))
        temporary.mkdir()
        unpacking = Unpacking(temporary, entry.largest_unpacked)
        unpacking.unpack(source)
        for inner in entry.inner:
            unpacking.unpack_inner(inner)
        files = corpus_files(temporary)
        _check_recordings(source, files, entry)
        record = record.model_copy(update={"files": len(files)})
        (temporary / RECORD).write_text(record.model_dump_json() + "\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Fetched(record, _audio_count(files), new=True)


def _check_recordings(source: Path, files: list[str], entry: Download) -> None:
    count, expected = _audio_count(files), entry.recordings
    if expected is not None and count < expected:
        state = f"has {count} of the {expected} recordings"
    elif not files or (not count and not entry.afterwards):
        state = "has no recordings"
    else:
        return
    raise BrokenArchiveError(f"{source.name}: {state}; nothing of it is kept; see {entry.source} for another way")


def _tidy(part: Path, whole: Path, *, keep: bool) -> None:
    if keep and part.exists():
        part.replace(whole)
    _remove(part)


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    state_path(part).unlink(missing_ok=True)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: the disk has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed; make room, or "
            "choose a folder on another disk with --to"
        )


@contextmanager
def _room() -> Iterator[None]:
    """Say that the disk is full as an error of the user's.

    Raises:
        UserError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise UserError(f"{error.filename or 'disk'}: is full; make room and run again, to go on") from error
        raise
