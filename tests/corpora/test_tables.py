"""Tables of recordings as people and spreadsheets write them, and what is wrong with them, by its line."""

import unicodedata
from pathlib import PurePosixPath

import pytest
import soundfile
from conftest import tone

from pipeline.audio.suffixes import suffix_of
from pipeline.corpora import listing, table
from pipeline.corpora.base import CorpusParams
from pipeline.corpora.recognition import recognise
from pipeline.corpora.table import SHOWN
from pipeline.errors import ParamsError, UserError
from pipeline.strict import validate

NAMES = ("a.wav", "b.wav", "sub/c.wav", "Zoë.wav")


@pytest.fixture
def read(tmp_path):
    """Read a folder of `NAMES`, or of others, whose table has this text: rows by path, and what was left out."""

    def read(table, names=NAMES, **params):
        root = tmp_path / "c"
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(root / name, tone(0.1), 16000)
        (root / "labels.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
        settings = validate(CorpusParams, {"reader": "folder", "root": root, "table": "labels.csv", **params})
        listed = listing.read("mine", settings)
        return {row.wav: row for row in listed.rows}, listed.left_out

    return read


@pytest.fixture
def fails(read, tmp_path):
    """The lines of the error that a table ends in, without the table's path."""

    def fails(table, names=NAMES, **params):
        with pytest.raises(UserError) as caught:
            read(table, names, **params)
        return str(caught.value).replace(f"{tmp_path}/c/", "").splitlines()

    return fails


# Encodings

TABLE = "path,emotion,speaker\r\nZoë.wav,sad,Zoë\r\na.wav,happy,Łukasz\r\n"


@pytest.mark.parametrize(
    "data",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        b"\xfe\xff" + TABLE.encode("utf-16-be"),
        TABLE.encode("utf-16-le"),
        TABLE.encode("utf-16-be"),
        TABLE.encode("utf-32"),
    ],
    ids=["utf-8", "utf-8-sig", "utf-16", "utf-16-be with a mark", "utf-16-le", "utf-16-be", "utf-32"],
)
def test_unicode_is_recognised(read, data):
    rows, left_out = read(data)
    assert {wav: row.speaker for wav, row in rows.items()} == {"Zoë.wav": "Zoë", "a.wav": "Łukasz"}
    assert left_out.notes == ()


def test_windows_1252_is_decided_and_said(read, tmp_path):
    rows, left_out = read("path,emotion,speaker\nZoë.wav,sad,Zoë\n".encode("cp1252"))
    assert [row.speaker for row in rows.values()] == ["Zoë"]
    (note,) = left_out.notes
    assert note == (
        f"{tmp_path}/c/labels.csv: is no Unicode, and is read as cp1252 ('Zoë' is a word of it); "
        "if it is another, name it in `encoding`"
    )


def test_an_encoding_that_is_named(read):
    rows, left_out = read("path,emotion,speaker\na.wav,sad,Анна\n".encode("cp1251"), encoding="cp1251")
    assert [row.speaker for row in rows.values()] == ["Анна"]
    assert left_out.notes == ()


def test_what_is_not_in_the_encoding(fails):
    assert fails(b"path,emotion\na.wav,\xff\n", encoding="utf-8") == [
        "labels.csv: is not in utf-8; name its encoding in the corpus's `encoding`"
    ]
    (line,) = fails(b"path,emotion\na.wav,sad\x81\x8d\n")
    assert line.startswith("labels.csv: is no text in UTF-8, UTF-16, cp1252")
    (line,) = fails(b"path,emotion\na.wav,s\0\0d\n")
    assert line.startswith("labels.csv: is no text in")


@pytest.mark.parametrize(("encoding", "says"), [("cp1525", "'cp1525' is no encoding of text"), ("hex", "'hex' is no")])
def test_an_encoding_that_is_none(read, encoding, says):
    with pytest.raises(ParamsError, match=f"^encoding: {says}"):
        read(TABLE, encoding=encoding)


def test_an_encoding_without_a_table(tmp_path):
    with pytest.raises(ParamsError, match=r"^encoding: is of a table, and none is given"):
        validate(CorpusParams, {"reader": "folder", "root": tmp_path, "encoding": "cp1252"})


# Separators and quotes


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_separators(read, mark):
    rows, _ = read(f'path{mark}emotion{mark}text\na.wav{mark}sad{mark}"x, y; z\t"\n'.replace("\n", "\r"))
    assert rows["a.wav"].text == "x, y; z"


def test_spaces_around_names_and_values(read):
    rows, _ = read(" path , emotion,speaker \n a.wav , sad , anna\xa0\n")
    assert (rows["a.wav"].emotion, rows["a.wav"].speaker) == ("sad", "anna")


def test_init_takes_other_separators_and_encodings(read, tmp_path):
    read("path;emotion\na.wav;sad\nsub/c.wav;happy\n".encode("utf-16"))
    assert recognise(tmp_path / "c").emotions == {"happy": 1, "sad": 1}


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ('path,emotion,speaker\na.wav,sad,"anna\nb.wav,sad,ben\nsub/c.wav,happy,cleo\n', 2),
        ('path,emotion,speaker\na.wav,sad,anna\n"b.wav,sad,ben\nsub/c.wav,happy,cleo\n', 3),
        ('path,emotion,speaker\na.wav,sad,"anna\nb.wav,sad,"ben"\nsub/c.wav,happy,cleo\n', 2),
        ('path,emotion,speaker\na.wav,sad,"anna\nb.wav,sad,ben"\nsub/c.wav,happy,cleo\n', 2),
        ('path,emotion,speaker\na.wav,sad,"an"na\n', 2),
        ('path,emotion,text\na.wav,sad,"hello\nb.wav,sad,hi"\n', 2),
        ('path,emotion,text\na.wav,sad,x\nb.wav,sad,"hello\nsub/c.wav,sad,hi\n', 3),
    ],
)
def test_a_stray_quote_is_an_error_of_its_line(fails, table, line):
    (said,) = fails(table)
    assert said.startswith(f"labels.csv, line {line}: ")


# Paths


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
def test_both_normal_forms_name_a_file(read, on_disk, in_table):
    wav = unicodedata.normalize(on_disk, "Zoë/été.wav")
    table = unicodedata.normalize(in_table, "path,emotion\nZoë/été.wav,sad\n")
    pattern = unicodedata.normalize(in_table, "^(Zoë)/")
    rows, left_out = read(table, [wav], speaker_pattern=pattern)
    assert list(rows) == [wav]
    assert left_out.unlisted == 0
    assert rows[wav].speaker == "Zoë"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_codes_of_params_match_both_normal_forms(tmp_path, form):
    path = tmp_path / unicodedata.normalize(form, "fröhlich") / "a.wav"
    path.parent.mkdir()
    soundfile.write(path, tone(0.1), 16000)
    params = validate(CorpusParams, {"reader": "folder", "root": tmp_path, "emotions": {"fröhlich": "happy"}})
    assert [row.emotion for row in listing.read("mine", params).rows] == ["happy"]


@pytest.mark.parametrize("path", ["sub\\c.wav", "./sub/c.wav", "{root}/sub/c.wav", "sub//c.wav"])
def test_ways_to_name_a_file_in_a_folder(read, tmp_path, path):
    rows, _ = read(f"path,emotion\n{path.format(root=tmp_path / 'c')},sad\n")
    assert list(rows) == ["sub/c.wav"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../a.wav", "path '../a.wav' must name a file below the corpus folder"),
        ("sub/../../a.wav", "path 'sub/../../a.wav' must name a file below the corpus folder"),
        ("..\\a.wav", "path '..\\\\a.wav' must name a file below the corpus folder"),
        ("/etc/a.wav", "path '/etc/a.wav' must name a file below the corpus folder"),
        ("C:\\c\\a.wav", "path 'C:\\\\c\\\\a.wav' must name a file below the corpus folder"),
        ("\\\\host\\c\\a.wav", "path '\\\\\\\\host\\\\c\\\\a.wav' must name a file below the corpus folder"),
        ("", "path '' must name a file below the corpus folder"),
        ("sub", "path 'sub' is a folder; name a file"),
        ("SUB/C.WAV", "no such file: SUB/C.WAV"),
        ("sub/C.WAV", "no such file: sub/C.WAV (did you mean 'c.wav'?)"),
        ("A.wav", "no such file: A.wav (did you mean 'a.wav'?)"),
        ("gone/a.wav", "no such file: gone/a.wav"),
        ("x" * 300, f"path '{'x' * 60}': File name too long"),
    ],
)
def test_paths_that_name_no_recording(fails, path, says):
    assert fails(f"path,emotion\na.wav,sad\n{path},sad\n") == [f"labels.csv, line 3: {says}"]


def test_all_mistakes_are_in_one_error(fails):
    rows = "".join(f"x{number}y.ogg,sad\n" for number in range(SHOWN + 5))
    lines = fails(f"path,emotion\na.wav,\n{rows}")
    assert lines[0] == "labels.csv, line 2: has no emotion; name one, or take the row out"
    assert lines[1] == "labels.csv, line 3: no such file: x0y.ogg"
    assert lines[SHOWN:] == ["labels.csv, and 6 more mistakes"]


# Rows that contradict each other


@pytest.mark.parametrize(("other", "labels"), [("sad", "'sad'"), ("happy", "'sad' and as 'happy'")])
@pytest.mark.parametrize("path", ["Zoë.wav", "./Zoë.wav", "Zoe\u0308.wav"])
def test_a_path_listed_twice(fails, path, other, labels):
    assert fails(f"path,emotion\nZoë.wav,sad\na.wav,sad\n{path},{other}\n") == [
        f"labels.csv, line 4: lists Zoë.wav as line 2 does, as {labels}; take one out"
    ]


@pytest.mark.parametrize(
    "speakers",
    [("1", "01"), ("1", "1.0"), ("s01", "s1"), ("Anna", "anna"), ("Zoë", "Zoe\u0308"), ("1", "１")],
)
def test_one_speaker_in_several_spellings(fails, speakers):
    first, second = speakers
    (line,) = fails(f"path,emotion,speaker\na.wav,sad,{first}\nb.wav,sad,{second}\nsub/c.wav,sad,{first}\n")
    assert line == (
        f"labels.csv, line 3: speakers {first!r} (line 2) and {second!r} (line 3) are one, or look it; "
        "write one person one way"
    )


def test_three_spellings_are_one_mistake(fails):
    (line,) = fails("path,emotion,speaker\na.wav,sad,1\nb.wav,sad,01\nsub/c.wav,sad,1.0\n")
    assert "speakers '1' (line 2), '01' (line 3) and '1.0' (line 4) are one" in line


@pytest.mark.parametrize("speakers", ["1 10", "1.1 1.01", "s0 s00x", "0 00a"])
def test_speakers_that_are_not_one(read, speakers):
    first, second = speakers.split()
    rows, _ = read(f"path,emotion,speaker\na.wav,sad,{first}\nb.wav,sad,{second}\n")
    assert [row.speaker for row in rows.values()] == [first, second]


def test_files_that_the_table_does_not_list_are_counted(read):
    _, left_out = read("path,emotion\na.wav,sad\n")
    assert left_out.report() == {"left_out": {"unlisted": 3}}
    assert left_out.lines() == ["left out: 3 files of audio that the table does not list, as Zoë.wav"]


def test_a_table_that_was_not_fetched(fails):
    (line,) = fails(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    assert line == "labels.csv: is a Git LFS pointer, and not the file itself; fetch it with `git lfs pull`"


@pytest.mark.parametrize(
    "table",
    [
        "sep=;\npath;emotion\na.wav;sad\n",
        "SEP=\t\r\npath\temotion\r\na.wav\tsad\r\n",
        "Path,EMOTION\na.wav,sad\n",
        "path,emotion,,\na.wav,sad,,\n,,,\n",
        "path,emotion\na.wav,sad,,\n\n",
    ],
)
def test_what_spreadsheets_add_is_no_mistake(read, table):
    rows, _ = read(table)
    assert {wav: row.emotion for wav, row in rows.items()} == {"a.wav": "sad"}


# Columns of others


def test_a_table_may_call_its_columns_otherwise(read):
    rows, _ = read("File;Label;spk\na.wav;sad;1\n", columns={"path": "file", "emotion": "Label", "speaker": "spk"})
    assert [(row.emotion, row.speaker) for row in rows.values()] == [("sad", "1")]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({}, "has no column 'path'; its columns are file, emotion; `columns: {path: NAME}` says which it is"),
        ({"path": "files"}, "has no column 'files' (did you mean 'file'?), which `columns` says is the path; mend it"),
    ],
)
def test_no_column_is_guessed(columns, says, fails):
    assert fails("file,emotion\na.wav,sad\n", columns=columns) == [f"labels.csv: {says}"]


def test_columns_have_names_here(read):
    with pytest.raises(ParamsError, match=r"'emotoin' is no column \(did you mean 'emotion'\?\)"):
        read("path,emotion\n", columns={"emotoin": "x"})


@pytest.mark.parametrize(
    "path", ["a.wav", "b/a.wav", "b.c/a", "a.b.wav", "a.", ".a", ".a.wav", "b/.a", "b/..a", "ü/é.flac", "a b/c.d .wav"]
)
def test_the_key_is_the_path_without_its_suffix(path):
    suffix = PurePosixPath(path).suffix
    assert suffix_of(path) == suffix
    assert table.key({"path": path}) == path.removesuffix(suffix)
