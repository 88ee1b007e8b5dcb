"""The audio of a corpus as it was made before, so that a corpus that grows is not decoded whole.

`sources.json` beside the audio files says which recording each row was made of, by the bytes of its file, the part of
it that it is, and the file's suffix. It is no output of a stage: without it, or by other code or libraries, all
recordings are decoded. The manifest has the digest of each file's bytes, so that what is known is not read at all.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from pipeline.atomic import atomic_path
from pipeline.audio.segments import Segment
from pipeline.audio.suffixes import suffix_of
from pipeline.errors import UserError
from pipeline.storage.feature_file import FeatureFile

FILE = "sources.json"
BLOCK = 1 << 16
"""bytes of a file that are read at once"""


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    state = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):  # file_digest makes room for a large file first
            state.update(block)
    return state.hexdigest()


def source_name(sha256: str, segment: Segment) -> str:
    """What tells a recording from all others."""
    return recording_name(sha256, segment.start, segment.end, segment.path.name)


def recording_name(sha256: str, start: float | None, end: float | None, file: str) -> str:
    """The same, of a part of a file, or all of it: the digest of its bytes, start and end (s), and its path or name."""
    return json.dumps([sha256, start or 0.0, end, suffix_of(file).lower()])


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
        listed: key -> SHA-256 of its recording's file, as the manifest has it.

    Attributes:
        audio: the files of before, where they can be trusted; else none.
    """

    def __init__(self, files: Iterable[Path], code: str, listed: Mapping[str, str]) -> None:
        self._files, self._identity, self._listed = [*files], identity(code), listed
        self._path = self._files[0].parent / FILE
        self.audio: list[FeatureFile] = []
        self._rows: dict[str, int] = {}
        self._places: dict[tuple[str, str], int] = {}
        self._names: dict[str, str] = {}
        try:
            self._read()
        except (OSError, UserError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.audio, self._rows, self._places = [], {}, {}

    def _read(self) -> None:
        kept = json.loads(self._path.read_text(encoding="utf-8"))
        if kept["identity"] != self._identity:
            return
        audio = [FeatureFile(path) for path in self._files]
        if all(kept["audio"].get(file.path.name) == file.header.sha256 for file in audio):
            for file in audio:
                file.verify()
            self.audio = audio
            self._rows = {kept["names"][key]: row for row, key in enumerate(audio[0].keys)}
            self._places = {(key, kept["names"][key]): row for row, key in enumerate(audio[0].keys)}

    def rows(self, segments: Mapping[str, Segment]) -> list[int]:
        """The rows, in `audio`, of the segments of a file (key -> segment), where all are known; none where not."""
        names = {key: source_name(self._listed.get(key, ""), segment) for key, segment in segments.items()}
        # Of recordings that are the same, each has its own row where it can.
        rows = [self._places.get(both, self._rows.get(both[1], -1)) for both in names.items()]
        if -1 in rows:
            return []
        self._names |= names
        return rows

    def note(self, segments: Mapping[str, Segment]) -> None:
        """Note what the segments of a file (key -> segment), which was decoded, will be known by.

        Raises:
            UserError: the file is not the one that was listed.
        """
        path = next(iter(segments.values())).path
        sha256 = sha256_of(path)
        if any(self._listed.get(key, sha256) != sha256 for key in segments):
            raise UserError(f"{path}: has changed since it was listed; `dvc repro` lists it anew")
        self._names |= {key: source_name(sha256, segment) for key, segment in segments.items()}

    def keep(self) -> None:
        """Say what the audio files that were now made are made of."""
        audio = {path.name: FeatureFile(path).header.sha256 for path in self._files}
        with atomic_path(self._path) as temporary:
            kept = {"identity": self._identity, "audio": audio, "names": self._names}
            temporary.write_text(json.dumps(kept, ensure_ascii=False, sort_keys=True), encoding="utf-8", newline="\n")
