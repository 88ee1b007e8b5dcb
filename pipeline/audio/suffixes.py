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

UNREADABLE = (".m4a", ".mp4", ".m4b", ".aac", ".wma", ".amr", ".webm", ".mka", ".mkv", ".mov", ".ape", ".wv", ".ra")
"""suffixes of recordings that libsndfile cannot read"""


def advice(suffix: str) -> str:
    """What to do with a recording in a format that cannot be read."""
    return f"convert it, as with `ffmpeg -i RECORDING{suffix} RECORDING.flac`"
