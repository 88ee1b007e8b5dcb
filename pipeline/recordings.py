"""Recordings outside a corpus: files, folders or a manifest, for `ser extract`."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from pipeline import manifest
from pipeline.corpora.base import AUDIO_SUFFIXES, audio_files
from pipeline.errors import UserError
from pipeline.store import starts_as_hdf5


def find(inputs: Sequence[Path]) -> dict[str, Path]:
    """Find the recordings that the inputs name: key -> file, in the order given.

    A folder's recordings have their path relative to it without the suffix as key, a single file its stem, a
    manifest's (`.jsonl`, with paths relative to the manifest's folder) the manifest's keys.

    Raises:
        UserError: an input does not exist or is no audio, or two recordings have one key.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        for key, path in _expand(given):
            if key in found:
                raise UserError(f"{found[key]} and {path} have the same key {key!r}; extract them into two files")
            found[key] = path
    return found


def _expand(given: Path) -> list[tuple[str, Path]]:
    if given.is_dir():
        return [(str(Path(name).with_suffix("").as_posix()), given / name) for name in audio_files(given)]
    if given.suffix == ".jsonl":
        return [(row.key, given.parent / row.wav) for row in manifest.read(given)]
    if not given.is_file():
        raise UserError(f"{given}: no such file or folder")
    if given.suffix.lower() not in AUDIO_SUFFIXES:
        raise UserError(f"{given}: not a recording ({', '.join(AUDIO_SUFFIXES)}), a folder or a manifest (.jsonl)")
    return [(given.stem, given)]


def speakers(inputs: Sequence[Path]) -> dict[str, str]:
    """Key -> speaker, of the recordings whose manifests tell."""
    rows = (row for given in inputs if given.suffix == ".jsonl" for row in manifest.read(given))
    return {row.key: row.speaker for row in rows if row.speaker}


def check_output(out: Path, recordings: dict[str, Path]) -> None:
    """Make the output's folder, and refuse a place that the work would be lost on, or a file that is another's.

    Raises:
        UserError: `out` is a folder, a recording or no feature file, or its folder cannot be made or written.
    """
    if out.is_dir():
        raise UserError(f"--out {out}: is a folder; name a file, as {out / 'features.h5'}")
    if out.exists() and (not starts_as_hdf5(out) or out.resolve() in {path.resolve() for path in recordings.values()}):
        raise UserError(f"--out {out}: exists, and is not a feature file; give another name, or delete it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise UserError(f"--out {out}: nothing can be written there ({error.strerror}); give another") from error
