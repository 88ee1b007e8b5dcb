"""Folders and file names from a stranger, through `ser extract` and the stage `manifest`."""

import os
from pathlib import Path

import soundfile
from bad_inputs.registry import bad_input
from conftest import tone

PARAMS = "corpora: {mine: {reader: folder, root: recordings, speaker_pattern: '%s'}}\n"


def recording(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(0.1), 16000)


def project(folder, pattern, name):
    """A project of one recording; the arguments of its manifest."""
    recording(folder / "recordings/happy" / name)
    (folder / "params.yaml").write_text(PARAMS % pattern)
    return ["stages.manifest", "mine"]


def extracted(folder: Path) -> list[str]:
    return ["extract", "mfcc", "recordings", "--out", "features.h5"]


@bad_input("folder: a speaker_pattern that never ends, (a+)+$", says="speaker_pattern")
def endless(folder):
    return project(folder, "((a+)+)$", f"{'a' * 60}!.wav")


@bad_input("folder: a speaker_pattern that never ends, of alternatives", says="speaker_pattern")
def endless_alternatives(folder):
    return project(folder, "((?:a|aa)+)$", f"{'a' * 60}!.wav")


@bad_input("folder: a speaker_pattern that never ends, of what it found", says="speaker_pattern")
def endless_references(folder):
    return project(folder, "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)\\\\1x", f"{'a' * 200}.wav".replace("a" * 100, "ab" * 50))


@bad_input("folder: a link to the folder above", says="is a link to")
def loop(folder):
    recording(folder / "recordings/happy/a.wav")
    (folder / "recordings/happy/up").symlink_to("..")
    return extracted(folder)


@bad_input("folder: a link to /", says="is a link to")
def link_to_root(folder):
    recording(folder / "recordings/happy/a.wav")
    (folder / "recordings/happy/all").symlink_to("/")
    return extracted(folder)


@bad_input("folder: links that lead to one empty folder in 3^13 ways", says="has no audio file")
def ways(folder):
    above = folder / "recordings"
    above.mkdir()
    for level in range(13):
        below = folder / f"elsewhere/{level}"
        below.mkdir(parents=True)
        for name in "abc":
            (above / name).symlink_to(below)
        above = below
    return extracted(folder)


@bad_input("folder: a fifo named as a recording", says="is no regular file")
def fifo(folder):
    recording(folder / "recordings/happy/a.wav")
    os.mkfifo(folder / "recordings/happy/b.wav")
    return extracted(folder)


@bad_input("folder: a recording that is a link to /dev/zero", says="is no regular file")
def device(folder):
    recording(folder / "recordings/happy/a.wav")
    (folder / "recordings/happy/b.wav").symlink_to("/dev/zero")
    return extracted(folder)


@bad_input("folder: a recording that is a link to itself", says="b.wav")
def link_to_itself(folder):
    recording(folder / "recordings/happy/a.wav")
    (folder / "recordings/happy/b.wav").symlink_to("b.wav")
    return extracted(folder)


@bad_input("folder: a file name that is not UTF-8", says="is not UTF-8")
def no_text(folder):
    recording(folder / "recordings/happy/a.wav")
    Path(os.fsdecode(os.fsencode(folder) + b"/recordings/happy/\xff.wav")).write_bytes(b"x")
    return extracted(folder)


@bad_input("folder: a broken recording whose name has escape codes", says="\\x1b[31m")
def escape_codes(folder):
    (folder / "recordings").mkdir()
    (folder / "recordings/\x1b[31mred\x1b]0;x\x07.wav").write_bytes(b"RIFF")
    return extracted(folder)


@bad_input("folder: a broken recording whose name has a line break", says="\\n")
def line_break(folder):
    (folder / "recordings").mkdir()
    (folder / "recordings/a\nerror: all is well.wav").write_bytes(b"RIFF")
    return extracted(folder)


@bad_input("folder: no recordings", says="has no audio file")
def empty(folder):
    (folder / "recordings").mkdir()
    return extracted(folder)


@bad_input("folder: a manifest whose keys end in a NUL", says="holds a control character")
def nul(folder):
    recording(folder / "a.wav")
    row = '{"key": "a\\u0000", "dataset": "mine", "wav": "a.wav", "speaker": "", "emo": "happy", "raw_emo": "happy", '
    row += '"gender": "", "language": "", "text": "", "session": "", "length": 0.1, "sample_rate": 16000, '
    (folder / "list.jsonl").write_text(row + '"channel": 1, "sha256": ""}\n')
    return ["extract", "mfcc", "list.jsonl", "--out", "features.h5"]
