"""The audio of a corpus as it was made before, so that a corpus that grows is not decoded whole.

`sources.json` beside the audio files says which recording each row was made of, by the bytes of its file, the part of
it that it is, and the file's suffix. It is no output of a stage: without it, or by other code or libraries, all
recordings are decoded.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.atomic import atomic_path
from pipeline.audio.segments import Segment
from pipeline.errors import UserError
from pipeline.storage.feature_file import FeatureFile

if TYPE_CHECKING:
    from pipeline.audio.audio_file import Waiting

FILE = "sources.json"


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_name(sha256: str, segment: Segment) -> str:
    """What tells a recording from all others."""
    return json.dumps([sha256, segment.start, segment.end, segment.path.suffix.lower()])


def identity(code: str) -> str:
    """What is made of recordings depends on besides them: code, of which a digest is given, and libraries."""
    import scipy
    import soundfile
    import soxr

    versions = [f"{one.__name__} {one.__version__}" for one in (np, scipy, soxr, soundfile)]
    return json.dumps([code, *versions, f"libsndfile {soundfile.__libsndfile_version__}"])


class KnownAudio:
    """Audio files that are to be made anew, and what of them was made before.

    Args:
        files: of one folder, in the order in which they are made.
        code: digest of the code that makes them.
    """

    def __init__(self, files: Iterable[Path], code: str) -> None:
        self._files, self._identity = [*files], identity(code)
        self._path = self._files[0].parent / FILE
        self._audio: list[FeatureFile] = []
        self._rows: dict[str, int] = {}
        self._names: dict[str, str] = {}
        try:
            self._read()
        except (OSError, UserError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self._audio, self._rows = [], {}

    def _read(self) -> None:
        kept = json.loads(self._path.read_text(encoding="utf-8"))
        if kept["identity"] != self._identity:
            return
        audio = [FeatureFile(path) for path in self._files]
        if kept["audio"] == [file.header.sha256 for file in audio]:
            for file in audio:
                file.verify()
            self._audio = audio
            self._rows = {kept["names"][key]: row for row, key in enumerate(audio[0].keys)}

    def take(self, segments: Mapping[str, Segment], waiting: Sequence["Waiting"]) -> bool:
        """Let the samples of a file's segments wait, where all are known; tells whether they are.

        Args:
            segments: key -> segment, of one file.
            waiting: for each audio file.
        """
        try:
            sha256 = sha256_of(next(iter(segments.values())).path)
        except OSError:  # which decoding says better
            return False
        names = {key: source_name(sha256, segment) for key, segment in segments.items()}
        self._names |= names
        if not all(name in self._rows for name in names.values()):
            return False
        for file, own in zip(self._audio, waiting, strict=True):
            for number, name in enumerate(names.values()):
                row = self._rows[name]
                own.append(number, file.part(row, 0, int(file.lengths[row]))[:, 0])
        return True

    def keep(self) -> None:
        """Say what the audio files that were now made are made of."""
        audio = [FeatureFile(path).header.sha256 for path in self._files]
        with atomic_path(self._path) as temporary:
            kept = {"identity": self._identity, "audio": audio, "names": self._names}
            temporary.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8", newline="\n")
