"""Suffixes of recordings: those that are read, and those that must be converted first."""

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
    ".oga",
    ".opus",
    ".rf64",
    ".snd",
    ".sph",
    ".w64",
    ".wave",
)
"""of the files that libsndfile reads and that say what they hold: raw samples do not, nor do .mat and .htk files"""

MEDIA_SUFFIXES = frozenset((
    ".3gp", ".8svx", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".avi", ".awb", ".caf", ".dss",
    ".dts", ".flac", ".flv", ".gsm", ".m2ts", ".m4a", ".m4b", ".m4r", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3",
    ".mp4", ".mpc", ".mpeg", ".mpg", ".nist", ".oga", ".ogg", ".ogv", ".opus", ".ra", ".ram", ".rf64", ".rm", ".sd2",
    ".shn", ".snd", ".sph", ".spx", ".tta", ".voc", ".w64", ".wav", ".wave", ".webm", ".wma", ".wmv", ".wv",
))  # fmt: skip
"""suffixes that a user may take for a recording's, whatever reads them"""

UNREADABLE = MEDIA_SUFFIXES - {*AUDIO_SUFFIXES}
"""suffixes of recordings that are not read"""


def advice(suffix: str) -> str:
    """What to do with a recording in a format that cannot be read."""
    return f"convert it, as with `ffmpeg -i RECORDING{suffix} RECORDING.flac`"
