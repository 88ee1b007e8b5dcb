"""Tables of recordings: what is wrong in them, and what of it is only said."""

from pathlib import Path

import numpy as np
import soundfile
from bad_inputs.registry import bad_input

MANIFEST = ["stages.manifest", "mine"]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"

PARAMS = """\
seed: 0
corpora:
  mine: {{reader: folder, root: recordings, table: labels.csv{more}}}
features:
  cepstra: {{extractor: mfcc}}
protocols:
  mixed: {{scheme: stratified_split, test: 0.2}}
experiments:
  statistics: {{system: pooled, corpus: mine, protocol: mixed, mfcc: cepstra}}
"""


def listed(folder: Path, table: str | bytes, more: str = "") -> list[str]:
    """A corpus of three recordings with this table; the command that reads it."""
    (folder / "params.yaml").write_text(PARAMS.format(more=more), encoding="utf-8")
    for number, name in enumerate(("a.wav", "b.wav", "sub/Zoë.wav")):
        path = folder / "recordings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.4 * np.sin(np.arange(8000) * (0.1 + 0.02 * number)), 16000)
    (folder / "recordings/labels.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    return MANIFEST


MIXED = (
    "path,emotion,speaker,text\na.wav,happy,1\nzz.wav,sad,2,x\nb.wav,sad\nq.wav,,1,x\n"
    'b.wav,sad,1,x\nb.wav,sad,1,x\na.wav,sad,1,"x\n'
)
"""rows too short, files that are not there, an emotion that is none, a file twice, and an open quote"""

CASES: dict[str, tuple[str | bytes, str]] = {
    "a quote that opens and is not closed": (
        'path,emotion,speaker\na.wav,sad,"anna\nb.wav,sad,ben\n',
        "labels.csv, line 2: not CSV (a quote that opens there is not closed)",
    ),
    "a quote before a path swallows the rest": (
        'path,emotion\na.wav,sad\n"b.wav,sad\nsub/Zoë.wav,sad\n',
        "labels.csv, line 3: not CSV (a quote that opens there is not closed)",
    ),
    "two stray quotes that make one field of two rows": (
        'path,emotion,speaker\na.wav,sad,"anna\nb.wav,sad,ben"\nsub/Zoë.wav,sad,cleo\n',
        "labels.csv, line 2: its speaker goes over 2 lines",
    ),
    "a text that swallowed a row": (
        'path,emotion,text\na.wav,sad,"hello\nb.wav,sad,hi"\n',
        "labels.csv, line 2: its text goes over 2 lines",
    ),
    "a text that swallowed rows of another suffix": (
        'path,emotion,text\na.wav,sad,"hello\nb.flac,sad,x\nc.flac,sad,hi"\n',
        "labels.csv, line 2: its text goes over 3 lines",
    ),
    "a text before the path that swallowed a row": (
        'text,path,emotion\n"hello,a.wav,sad\nhi",b.wav,sad\n',
        "labels.csv, line 2: its text goes over 2 lines",
    ),
    "a text that swallowed a row of a file without suffix": (
        'path,emotion,text\na.wav,sad,"hello\nlabels.csv,sad,hi"\n',
        "labels.csv, line 2: its text goes over 2 lines",
    ),
    "text after a closing quote": ('path,emotion\na.wav,"sa"d\n', "labels.csv, line 2: not CSV"),
    "a cell of 200 kB": (f"path,emotion\na.wav,{'x' * 200000}\n", "labels.csv, line 2: not CSV (field larger than"),
    "a row too short": ("path,emotion,text\na.wav,sad,x\nb.wav,sad\n", "labels.csv, line 3: has not the 3 columns"),
    "a row too long": ("path,emotion\na.wav,sad,x\n", "labels.csv, line 2: has not the 2 columns of the header"),
    "a semicolon's header with a comma's rows": ("path;emotion\na.wav,sad\n", "line 2: has not the 2 columns"),
    "separated by bars": ("path|emotion\na.wav|sad\n", "labels.csv: has no column 'path'"),
    "nothing in it": ("", "labels.csv: has no column 'path'; it is empty"),
    "only a header": ("path,emotion\n", "labels.csv: lists no recording"),
    "no header": ("a.wav,sad\nb.wav,happy\n", "labels.csv: has no column 'path'; its columns are a.wav, sad"),
    "no column emotion": ("path,label\na.wav,sad\n", "labels.csv: has no column 'emotion'"),
    "a column twice": ("path,emotion,emotion\na.wav,sad,sad\n", "labels.csv: column 'emotion' stands twice"),
    "a column that is misspelt": ("path,emotion,speeker\na.wav,sad,x\n", "unknown column 'speeker' (did you mean"),
    "a column without a name": ("path,,emotion\na.wav,,sad\n", "labels.csv: unknown column ''"),
    "a value in a column without a header": ("path,emotion,\na.wav,sad,x\n", "line 2: has not the 2 columns"),
    "a path twice": ("path,emotion\na.wav,sad\na.wav,sad\n", "line 3: lists a.wav as line 2 does, as 'sad'; take"),
    "a path twice with two labels": ("path,emotion\na.wav,sad\na.wav,happy\n", "as 'sad' and as 'happy'; take one"),
    "a path twice, in two ways to write it": ("path,emotion\nsub/Zoë.wav,sad\nsub\\Zoe\u0308.wav,sad\n", "as line 2"),
    "speakers 1 and 01": (
        "path,emotion,speaker\na.wav,sad,1\nb.wav,sad,01\n",
        "speakers '1' (line 2) and '01' (line 3)",
    ),
    "speakers 1 and 1.0": ("path,emotion,speaker\na.wav,sad,1\nb.wav,sad,1.0\n", "'1' (line 2) and '1.0' (line 3)"),
    "speakers Anna and anna": ("path,emotion,speaker\na.wav,sad,Anna\nb.wav,sad,anna\n", "write one person one way"),
    "speakers 1 and 1,0": (
        "path;emotion;speaker\na.wav;sad;1\nb.wav;sad;1,0\n",
        "speakers '1' (line 2) and '1,0' (line 3) are one",
    ),
    "a speaker with two spaces": (
        "path,emotion,speaker\na.wav,sad,Anna B\nb.wav,sad,Anna  B\n",
        "'Anna B' (line 2) and 'Anna  B' (line 3) are one",
    ),
    "no emotion in a row": ("path,emotion\na.wav,\nb.wav,sad\n", "labels.csv, line 2: has no emotion"),
    "only spaces for an emotion": ("path,emotion\na.wav,  \n", "labels.csv, line 2: has no emotion"),
    "an emotion that is none": (
        "path,emotion\na.wav,hapy\n",
        "a.wav: unknown emotion code 'hapy' (did you mean 'happy'",
    ),
    "no path in a row": (
        "path,emotion\n,sad\n",
        "labels.csv, line 2: path '' must name a file below the corpus folder",
    ),
    "a path that leads out": (
        "path,emotion\n../params.yaml,sad\n",
        "line 2: path '../params.yaml' must name a file below",
    ),
    "a path that leads out and in": ("path,emotion\nsub/../../recordings/a.wav,sad\n", "must name a file below"),
    "an absolute path elsewhere": ("path,emotion\n/etc/hostname,sad\n", "path '/etc/hostname' must name a file below"),
    "a path on a drive of Windows": ("path,emotion\nC:\\x\\a.wav,sad\n", "must name a file below the corpus folder"),
    "a path on a share of Windows": ("path,emotion\n\\\\host\\x\\a.wav,sad\n", "must name a file below the corpus"),
    "a path that is a folder": ("path,emotion\nsub,sad\n", "labels.csv, line 2: path 'sub' is a folder; name a file"),
    "a path in other letters": ("path,emotion\nA.WAV,sad\n", "no such file: recordings/A.WAV (did you mean 'a.wav'?)"),
    "a path of 5000 characters": (f"path,emotion\n{'x' * 5000},sad\n", "labels.csv, line 2: path 'xxx"),
    "many files that are not there": (
        "path,emotion\n" + "".join(f"x{number}.wav,sad\n" for number in range(500)),
        "labels.csv, and 480 more mistakes",
    ),
    "mistakes of several kinds": (MIXED, "labels.csv, line 7: lists b.wav as line 6 does"),
    "mistakes of several kinds, the first": (MIXED, "labels.csv, line 2: has not the 4 columns of the header"),
    "mistakes of several kinds, a file": (MIXED, "labels.csv, line 3: no such file: recordings/zz.wav"),
    "mistakes of several kinds, two in a row": (MIXED, "labels.csv, line 5: has no emotion"),
    "mistakes of several kinds, a quote at the end": (MIXED, "labels.csv, line 8: not CSV (a quote that opens"),
    "a file that is not there, as the encoding was guessed": (
        "path,emotion,text\nsub/Zoë.wav,sad,x\n".encode() + "a.wav,sad,für\n".encode("cp1252"),
        "labels.csv: is no Unicode, and is read as cp1252 ('ZoÃ' is a word of it); if it is another, name it",
    ),
    "the table itself as a recording": ("path,emotion\nlabels.csv,sad\n", "labels.csv: cannot be read as audio"),
    "zero bytes": (b"path,emotion\na.wav,s\0\0d\n", "labels.csv: is no text in UTF-8, UTF-16, cp1252"),
    "a WAV file": (b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00", "labels.csv: is no text in"),
    "UTF-16 with half a character at its end": ("path,emotion\n".encode("utf-16") + b"a", "labels.csv: is no text in"),
    "bytes that no encoding has": (b"path,emotion\na.wav,sad\x81\x8d\n", "labels.csv: is no text in UTF-8"),
    "UTF-16 read as what it is, and a mistake in it": (
        "path;emotion\nx.wav;sad\n".encode("utf-16-le"),
        "line 2: no such",
    ),
    "a Git LFS pointer": (POINTER, "labels.csv: is a Git LFS pointer"),
}
"""what is wrong -> the table, and what is said"""


def put(name: str, table: str | bytes, says: str) -> None:
    @bad_input(f"table: {name}", says=says)
    def make(folder: Path) -> list[str]:
        return listed(folder, table)


for wrong, (content, line) in CASES.items():
    put(wrong, content, line)


@bad_input("table: Windows-1252 is decided, and said", says="is no Unicode, and is read as cp1252 ('Zoë'", code=0)
def windows(folder: Path) -> list[str]:
    return listed(folder, "path,emotion,speaker\na.wav,sad,Zoë\n".encode("cp1252"))


@bad_input("table: files without rows", says="left out: 2 files of audio that the table does not list", code=0)
def unlisted(folder: Path) -> list[str]:
    return listed(folder, "path,emotion\na.wav,sad\n")


@bad_input("table: not in the encoding of the params", says="labels.csv: is not in ascii; name its encoding")
def other_encoding(folder: Path) -> list[str]:
    return listed(folder, "path,emotion\nsub/Zoë.wav,sad\n", more=", encoding: ascii")


@bad_input("table: an encoding that is none", says="corpora.mine.encoding: 'cp1525' is no encoding of text", code=2)
def no_encoding(folder: Path) -> list[str]:
    return listed(folder, "path,emotion\na.wav,sad\n", more=", encoding: cp1525")


@bad_input(
    "table: speaker 1 in the table and 01 by the pattern", says="speakers '1' (a.wav) and '01' (sub/01_b.wav) are one"
)
def column_and_pattern(folder: Path) -> list[str]:
    command = listed(
        folder, "path,emotion,speaker\na.wav,sad,1\nsub/01_b.wav,sad,\n", ", speaker_pattern: '/([0-9]+)_'"
    )
    (folder / "recordings/b.wav").rename(folder / "recordings/sub/01_b.wav")
    return command


@bad_input("table: a folder", says="recordings/labels.csv: cannot be read (Is a directory)")
def a_folder(folder: Path) -> list[str]:
    command = listed(folder, "")
    (folder / "recordings/labels.csv").unlink()
    (folder / "recordings/labels.csv").mkdir()
    return command


@bad_input("table: not there", says="recordings/labels.csv: no such table")
def missing(folder: Path) -> list[str]:
    command = listed(folder, "")
    (folder / "recordings/labels.csv").unlink()
    return command
