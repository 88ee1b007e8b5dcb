"""Corpus folders: recordings that cannot be used, files that are not read, copies, transcripts."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from bad_inputs.registry import bad_input

MANIFEST = ["stages.manifest", "mine"]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"

PARAMS = """\
seed: 0
corpora:
  mine: {{reader: {reader}, root: recordings{more}}}
features:
  cepstra: {{extractor: mfcc}}
protocols:
  mixed: {{scheme: stratified_split, test: 0.2}}
experiments:
  statistics: {{system: pooled, corpus: mine, protocol: mixed, mfcc: cepstra}}
"""

OWN = ("sad/anna_1.wav", "sad/ben_1.wav", "happy/anna_1.wav", "happy/ben_1.wav")
SAVEE = ("DC/sa03.wav", "DC/a01.wav")
EMODB = ("wav/03a01Fa.wav", "wav/03a01Wa.wav")
IEMOCAP = ("Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",)


def corpus(folder: Path, reader: str = "folder", names: tuple[str, ...] = OWN, more: str = "") -> Path:
    """A project with a corpus of recordings of these names; the corpus's folder."""
    (folder / "params.yaml").write_text(PARAMS.format(reader=reader, more=more), encoding="utf-8")
    for number, name in enumerate(names):
        path = folder / "recordings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.4 * np.sin(np.arange(8000) * (0.1 + 0.02 * number)), 16000)
    return folder / "recordings"


def spoilt(folder: Path, data: bytes, count: int = 2, more: str = "") -> list[str]:
    """A corpus whose first recordings have these bytes; the command that lists it."""
    root = corpus(folder, more=more)
    for name in OWN[:count]:
        (root / name).write_bytes(data)
    return MANIFEST


# Bad audio


@bad_input("corpus: two recordings are empty", says="2 recordings cannot be used; mend or remove the files, or leave")
def two_empty(folder: Path) -> list[str]:
    return spoilt(folder, b"")


@bad_input("corpus: one of two bad recordings, the second", says="recordings/sad/ben_1.wav: cannot be read as audio")
def the_second(folder: Path) -> list[str]:
    return spoilt(folder, b"no sound " * 100)


@bad_input("corpus: recordings are Git LFS pointers", says="recordings/sad/anna_1.wav: is a Git LFS pointer")
def pointers(folder: Path) -> list[str]:
    return spoilt(folder, POINTER)


@bad_input("corpus: 300 bad recordings", says="300 recordings cannot be used, of which 20 are named above")
def three_hundred(folder: Path) -> list[str]:
    root = corpus(folder)
    for number in range(300):
        (root / f"sad/x_{number}.wav").write_bytes(b"x")
    return MANIFEST


@bad_input("corpus: bad recordings, skipped", says="left out: 2 files that cannot be used", code=0)
def skipped(folder: Path) -> list[str]:
    return spoilt(folder, b"", more=", on_bad_audio: skip")


@bad_input("corpus: only bad recordings, skipped", says="4 recordings cannot be used; mend or remove the files")
def all_skipped(folder: Path) -> list[str]:
    return spoilt(folder, b"", 4, more=", on_bad_audio: skip")


@bad_input("corpus: a policy that is none", says="corpora.mine.on_bad_audio: ", code=2)
def no_policy(folder: Path) -> list[str]:
    return spoilt(folder, b"", more=", on_bad_audio: ignore")


@bad_input("corpus: a link to nothing", says="recordings/sad/gone.wav: cannot be read as audio")
def dangling(folder: Path) -> list[str]:
    (corpus(folder) / "sad/gone.wav").symlink_to("nowhere.wav")
    return MANIFEST


@bad_input("corpus: a folder named as a recording", says="left out: 1 .m4a, not read", code=0)
def folder_and_film(folder: Path) -> list[str]:
    root = corpus(folder)
    (root / "sad/folder.wav").mkdir()
    (root / "sad/folder.wav/film.m4a").write_bytes(b"")
    return MANIFEST


# Files that are not read


@bad_input("corpus: some files are not read", says="left out: 1 .m4a, 2 .wma, not read; convert", code=0)
def unread(folder: Path) -> list[str]:
    root = corpus(folder)
    for name in ("a.m4a", "b.wma", "c.WMA", "notes.txt", ".hidden.m4a"):
        (root / "sad" / name).write_bytes(b"")
    return MANIFEST


@bad_input("corpus: no file is read", says="has no audio file (.wav, ")
def none_read(folder: Path) -> list[str]:
    for path in list(corpus(folder).rglob("*.wav")):
        path.rename(path.with_suffix(".m4a"))
    return MANIFEST


@bad_input("corpus: no file is read, in ser init", says="left out: 4 .m4a, not read; convert")
def none_read_in_init(folder: Path) -> list[str]:
    none_read(folder)
    (folder / "params.yaml").unlink()
    return ["init", "--corpus", "mine=recordings"]


@bad_input("corpus: no file is read, in ser extract", says="left out: 4 .m4a, not read; convert")
def none_read_in_extract(folder: Path) -> list[str]:
    none_read(folder)
    return ["extract", "mfcc", "recordings", "--out", "out.h5"]


@bad_input(
    "corpus: speakers 1 and 01 in file names", says="recordings: speakers '01' (sad/01_a.wav) and '1' (sad/1_a.wav)"
)
def two_spellings(folder: Path) -> list[str]:
    corpus(folder, names=("sad/1_a.wav", "sad/01_a.wav"), more=", speaker_pattern: '/([0-9]+)_'")
    return MANIFEST


# Copies


def doubled(folder: Path, reader: str, names: tuple[str, ...], change: Callable[[Path], object] | None) -> list[str]:
    """A corpus that lies twice in its folder; `change` is made to the copy of its first recording."""
    root = corpus(folder, reader, names)
    shutil.copytree(root, folder / "copy")
    shutil.move(folder / "copy", root / "again")
    if change:
        change(root / "again" / names[0])
    return MANIFEST


def changed_copies(folder: Path, reader: str, names: tuple[str, ...], change: Callable[[Path], object]) -> list[str]:
    """A corpus that lies twice in its folder; the change is made to all of its second copies."""
    command = doubled(folder, reader, names, None)
    for name in names:
        change(folder / "recordings/again" / name)
    return command


def to_flac(path: Path) -> None:
    soundfile.write(path.with_suffix(".flac"), *soundfile.read(path))
    path.unlink()


def add_chunk(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"LIST\x04\x00\x00\x00INFO")


def other_samples(path: Path) -> None:
    soundfile.write(path, np.zeros(100), 16000)


for reader, names in (("savee", SAVEE), ("emodb", EMODB)):
    key = {"savee": "savee-DC_sa03", "emodb": "emodb-03a01Fa"}[reader]

    @bad_input(f"corpus: {reader} lies twice in its folder", says="left out: 2 files equal to one that is", code=0)
    def equal(folder: Path, reader: str = reader, names: tuple[str, ...] = names) -> list[str]:
        return doubled(folder, reader, names, None)

    @bad_input(f"corpus: {reader} lies twice, and differs", says=f"have the same key '{key}', and differ; rename")
    def different(folder: Path, reader: str = reader, names: tuple[str, ...] = names) -> list[str]:
        return doubled(folder, reader, names, other_samples)

    @bad_input(f"corpus: {reader} lies twice, as WAV and as FLAC", says="left out: 2 files equal to one that", code=0)
    def as_flac(folder: Path, reader: str = reader, names: tuple[str, ...] = names) -> list[str]:
        return changed_copies(folder, reader, names, to_flac)

    @bad_input(f"corpus: {reader} lies twice, with more chunks", says="left out: 2 files equal to one that is", code=0)
    def more_chunks(folder: Path, reader: str = reader, names: tuple[str, ...] = names) -> list[str]:
        return changed_copies(folder, reader, names, add_chunk)

    @bad_input(
        f"corpus: {reader} lies twice, and all differ", says="2 files have the key of another, and are no copies of it"
    )
    def all_different(folder: Path, reader: str = reader, names: tuple[str, ...] = names) -> list[str]:
        return changed_copies(folder, reader, names, other_samples)

    @bad_input(f"corpus: {reader} lies twice, one a Git LFS pointer", says="is a Git LFS pointer")
    def one_pointer(folder: Path, reader: str = reader, names: tuple[str, ...] = names) -> list[str]:
        return doubled(folder, reader, names, lambda path: path.write_bytes(POINTER))

    @bad_input(
        f"corpus: {reader} lies twice, one a Git LFS pointer, skipped", says="left out: 1 file that cannot be", code=0
    )
    def pointer_skipped(folder: Path, reader: str = reader, names: tuple[str, ...] = names) -> list[str]:
        command = one_pointer(folder, reader, names)
        text = (folder / "params.yaml").read_text(encoding="utf-8")
        (folder / "params.yaml").write_text(text.replace("root: recordings", "root: recordings, on_bad_audio: skip"))
        return command

    @bad_input(f"corpus: {reader} lies twice, and differs, in ser init", says="and differ; rename or remove one")
    def different_in_init(folder: Path, reader: str = reader, names: tuple[str, ...] = names) -> list[str]:
        doubled(folder, reader, names, other_samples)
        (folder / "params.yaml").unlink()
        return ["init", "--corpus", "mine=recordings"]


@bad_input("corpus: iemocap lies twice, and differs in a label", says="and the corpus says different things of them")
def other_label(folder: Path) -> list[str]:
    command = doubled(folder, "iemocap", IEMOCAP, None)
    for place, label in (("recordings", "hap"), ("recordings/again", "sad")):
        path = folder / place / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
        path.parent.mkdir(parents=True)
        path.write_text(f"[0.1 - 0.6]\tSes01F_impro01_F000\t{label}\t[2, 2, 2]\n")
    return command


@bad_input("corpus: one name in two formats", says="have the same key 'sad/anna_1', and differ; rename or remove one")
def two_formats(folder: Path) -> list[str]:
    root = corpus(folder)
    soundfile.write(root / "sad/anna_1.flac", np.zeros(8000), 16000)
    return MANIFEST


# Transcripts


@bad_input("corpus: an ESD transcript in no known encoding", says="0001.txt: is no text in UTF-8, UTF-16, gb18030")
def transcript(folder: Path) -> list[str]:
    root = corpus(folder, "esd", ("0001/Sad/0001_000001.wav",))
    (root / "0001/0001.txt").write_bytes(b"0001_000001\t\xff\xff\t\n")
    return MANIFEST


@bad_input("corpus: an ESD transcript that is a Git LFS pointer", says="0001.txt: is a Git LFS pointer")
def transcript_pointer(folder: Path) -> list[str]:
    root = corpus(folder, "esd", ("0001/Sad/0001_000001.wav",))
    (root / "0001/0001.txt").write_bytes(POINTER)
    return MANIFEST


# ser extract

EXTRACT = ["extract", "mfcc", "recordings", "--out", "out.h5"]


@bad_input(
    "inputs: two bad recordings", says="2 recordings cannot be used; mend or remove the files, or leave them out"
)
def bad_inputs(folder: Path) -> list[str]:
    spoilt(folder, b"")
    return EXTRACT


@bad_input("inputs: bad recordings, skipped", says="left out: 2 recordings", code=3)
def bad_inputs_skipped(folder: Path) -> list[str]:
    spoilt(folder, b"")
    return [*EXTRACT, "--skip-bad"]


@bad_input("inputs: only bad recordings, skipped", says="4 recordings cannot be used; mend or remove the files")
def all_bad_skipped(folder: Path) -> list[str]:
    spoilt(folder, b"", 4)
    return [*EXTRACT, "--skip-bad"]


@bad_input("inputs: a recording that is a Git LFS pointer", says="recordings/sad/anna_1.wav: is a Git LFS pointer")
def pointer_input(folder: Path) -> list[str]:
    spoilt(folder, POINTER, 1)
    return EXTRACT


@bad_input("inputs: some files are not read", says="recordings: left out: 1 .m4a, not read; convert", code=0)
def unread_input(folder: Path) -> list[str]:
    (corpus(folder) / "sad/a.m4a").write_bytes(b"")
    return EXTRACT


@bad_input("corpus: IEMOCAP's labels are a Git LFS pointer", says="Ses01F_impro01.txt: is a Git LFS pointer")
def pointer_labels(folder: Path) -> list[str]:
    path = corpus(folder, "iemocap", IEMOCAP) / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(POINTER)
    return MANIFEST
