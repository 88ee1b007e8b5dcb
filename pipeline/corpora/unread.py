"""Files of a corpus folder that are sound or film by their suffix, and are not read."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

MEDIA_SUFFIXES = frozenset((
    ".3gp", ".8svx", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".avi", ".awb", ".caf", ".dss",
    ".dts", ".flac", ".flv", ".gsm", ".m2ts", ".m4a", ".m4b", ".m4r", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3",
    ".mp4", ".mpc", ".mpeg", ".mpg", ".nist", ".oga", ".ogg", ".ogv", ".opus", ".ra", ".ram", ".rf64", ".rm", ".sd2",
    ".shn", ".snd", ".sph", ".spx", ".tta", ".voc", ".w64", ".wav", ".wave", ".webm", ".wma", ".wmv", ".wv",
))  # fmt: skip
"""suffixes that a user may take for a recording's, whatever reads them"""


def unread_suffixes(names: Iterable[str], read: Sequence[str]) -> dict[str, int]:
    """How many files there are of each suffix that is sound or film and is not among those that are `read`."""
    suffixes = (PurePosixPath(name).suffix.lower() for name in names)
    counts = Counter(suffix for suffix in suffixes if suffix in MEDIA_SUFFIXES and suffix not in read)
    return dict(sorted(counts.items()))


def left_out_line(unread: Mapping[str, int]) -> str:
    """What is left out and what to do about it: `left out: 12 .m4a, which are not read; ...`."""
    counts = ", ".join(f"{count} {suffix}" for suffix, count in unread.items())
    return f"left out: {counts}, not read; convert what are recordings, as with ffmpeg"
