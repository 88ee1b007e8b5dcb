"""Suffixes of recordings: those that are read, and those that must be converted first."""

from pathlib import PurePosixPath

AUDIO_SUFFIXES = (
    ".wav",
    ".flac",
    ".ogg",
    ".mp3",
    ".aif",
    ".aifc",
    ".aiff",
    ".au",
    ".caf",
    ".mp2",
    ".mpga",
    ".oga",
    ".opus",
    ".rf64",
    ".snd",
    ".sph",
    ".nist",
    ".w64",
    ".wave",
    ".voc",
    ".avr",
    ".svx",
    ".8svx",
)
"""of the files that libsndfile reads, that say what they hold, and that can be seen to be whole: raw samples do not say
it, nor do .mat and .htk files, and .paf, .pvf and IRCAM's .sf do not say their length"""

FORMATS = ("AIFF", "AU", "AVR", "CAF", "FLAC", "MP3", "NIST", "OGG", "RF64", "SVX", "VOC", "W64", "WAV", "WAVEX")
"""libsndfile's names of the formats of those files"""

MEDIA_SUFFIXES = frozenset((
    ".3gp", ".8svx", ".aac", ".aax", ".ac3", ".adpcm", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".avi", ".avr",
    ".awb", ".caf", ".dff", ".dsf", ".dss", ".dts", ".flac", ".flv", ".gsm", ".htk", ".ircam", ".m2ts", ".m4a", ".m4b",
    ".m4p", ".m4r", ".m4v", ".mka", ".mkv", ".mov", ".mp1", ".mp2", ".mp3", ".mp4", ".mpa", ".mpc", ".mpeg", ".mpg",
    ".mpga", ".nist", ".oga", ".ogg", ".ogv", ".opus", ".paf", ".pcm", ".pvf", ".ra", ".ram", ".raw", ".rf64", ".rm",
    ".sd2", ".sf", ".shn", ".snd", ".sph", ".spx", ".svx", ".tta", ".voc", ".vox", ".w64", ".wav", ".wave", ".weba",
    ".webm", ".wma", ".wmv", ".wv", ".wve",
))  # fmt: skip
"""suffixes that a user may take for a recording's, whatever reads them"""

PACKED = (".7z", ".bz2", ".crdownload", ".gz", ".lz4", ".part", ".xz", ".z", ".zip", ".zst")
"""suffixes behind a recording's own, of what is packed or not wholly there"""

UNREADABLE = MEDIA_SUFFIXES - {*AUDIO_SUFFIXES}
"""suffixes of recordings that are not read"""


def suffix_of(path: str) -> str:
    """The suffix of a path with forward slashes: pathlib's, which takes ten times as long to say it."""
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def unread_suffix(name: str) -> str:
    """The suffix or suffixes of a file's name that are a recording's, which is not read; "" of other names."""
    path = PurePosixPath(name.lower())
    if path.suffix in UNREADABLE:
        return path.suffix
    inner = PurePosixPath(path.stem).suffix
    return inner + path.suffix if path.suffix in PACKED and inner in MEDIA_SUFFIXES else ""


def advice(suffix: str) -> str:
    """What to do with a recording in a format that cannot be read."""
    return f"convert it, as with `ffmpeg -i RECORDING{suffix} RECORDING.flac`"
