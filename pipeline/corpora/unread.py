"""Files of a corpus folder that are sound or film by their suffix, and are not read."""

from collections import Counter
from collections.abc import Iterable, Mapping

from pipeline.audio.suffixes import unread_suffix


def unread_suffixes(names: Iterable[str]) -> dict[str, int]:
    """How many files there are of each suffix that is sound or film and is not read."""
    suffixes = Counter(unread_suffix(name) for name in names)
    return {suffix: suffixes[suffix] for suffix in sorted(suffixes) if suffix}


def left_out_line(unread: Mapping[str, int]) -> str:
    """What is left out and what to do about it: `left out: 12 .m4a, which are not read; ...`."""
    counts = ", ".join(f"{count} {suffix}" for suffix, count in unread.items())
    return f"left out: {counts}, not read; convert what are recordings, as with ffmpeg"
