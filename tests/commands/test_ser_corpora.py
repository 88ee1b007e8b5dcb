"""`ser corpora`."""

import json
from pathlib import Path

import pytest
from in_process import ser

from pipeline.corpora import READERS, find_reader


@pytest.fixture
def savee(tmp_path, monkeypatch):
    """The folder of a whole SAVEE, of files of one byte, beside a working folder without a project."""
    root = tmp_path / "data"
    root.mkdir()
    for key in find_reader("savee").expected(Path("none")):
        (root / f"{key.removeprefix('savee-')}.wav").write_bytes(b"r")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return root


def test_all_readers_are_listed(savee):
    listed = ser("corpora")
    assert (listed.exit_code, listed.stderr) == (0, "")
    rows = listed.stdout.splitlines()
    assert [row.split()[0] for row in rows[1 : 1 + len(READERS)]] == [*READERS]
    (row,) = (row for row in rows if row.startswith("emodb "))
    assert "de         535         10        angry bored disgusted fearful" in row
    values = json.loads(ser("corpora", "--format", "json").stdout)
    assert [value["reader"] for value in values] == [*READERS]


def test_a_reader_is_described(savee):
    said = ser("corpora", "savee")
    assert said.exit_code == 0
    assert "  licence     research only, on registration\n" in said.stdout
    assert "  source      http://kahlan.eps.surrey.ac.uk/savee/ (on request)\n" in said.stdout
    assert "  citation    Haq and Jackson (2010)" in said.stdout


def test_a_whole_corpus_is_complete(savee):
    said = ser("corpora", "savee", str(savee))
    assert said.exit_code == 0
    assert said.stdout.startswith("savee: SAVEE, Surrey audio-visual expressed emotion: complete\n")
    assert "  recordings  480 of 480\n  speakers    4 of 4\n" in said.stdout


def test_what_is_missing_and_unexpected_is_said(savee):
    (savee / "DC_a01.wav").unlink()
    (savee / "notes.wav").touch()
    said = ser("corpora", "savee", str(savee))
    assert said.exit_code == 1
    assert "expressed emotion: not as published\n" in said.stdout
    assert "  missing     1 (DC_a01)\n  unexpected  1 (notes.wav)\n" in said.stdout
    (value,) = json.loads(ser("corpora", "savee", str(savee), "--format", "json").stdout)
    assert (value["missing"], value["unexpected"], value["complete"]) == (["DC_a01"], ["notes.wav"], False)
    assert value["labels"]["angry"] == 59


def test_the_corpora_of_a_project_are_checked(savee):
    Path("params.yaml").write_text(
        f"corpora:\n  mine: {{reader: savee, root: {savee}}}\n  gone: {{reader: emodb, root: nowhere}}\n", "utf-8"
    )
    assert ser("corpora", "mine").stdout.startswith("mine: SAVEE, Surrey audio-visual expressed emotion: complete\n")
    said = ser("corpora", "--project")
    assert said.exit_code == 1
    assert "gone: cannot be read\n  error       corpus folder 'nowhere' does not exist\n" in said.stdout
    values = json.loads(ser("corpora", "--project", "--format", "json").stdout)
    assert {value["corpus"]: value["complete"] for value in values} == {"mine": True, "gone": False}


def test_a_table_is_named_with_its_folder(tmp_path):
    (tmp_path / "labels.csv").write_text("path,emotion\na.wav,sad\nb.wav,happy\n", encoding="utf-8")
    (tmp_path / "a.wav").write_bytes(b"r")
    said = ser("corpora", "folder", str(tmp_path), "--table", "labels.csv")
    assert said.exit_code == 1, said.stderr
    assert "  recordings  1 of 2\n" in said.stdout
    assert "  missing     1 (b.wav)\n" in said.stdout


def test_numbers_and_votes_are_counted_by_the_corpus_own_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "other"):
        Path(folder).mkdir()
        for name in "abc":
            Path(folder, f"{name}.wav").write_bytes(b"r")
        rows = ["path,engagement,valence,votes_sad,votes_happy", "a.wav,1,2,1,3", "b.wav,2,,,", "c.wav,,,2,0", ""]
        Path(folder, "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    entry = "{reader: folder, root: one, table: labels.csv, dimensions: [engagement]}"
    Path("params.yaml").write_text(f"corpora:\n  mine: {entry}\n", encoding="utf-8")
    for asked, folder in ((("mine",), "one"), (("mine", "other"), "other")):
        said = ser("corpora", *asked)
        assert said.exit_code == 0, said.stderr
        assert f"  folder      {folder}\n" in said.stdout
        assert "  labels      happy 1, sad 1\n  numbers     valence 1, engagement 2\n  votes       2\n" in said.stdout
    (value,) = json.loads(ser("corpora", "mine", "--format", "json").stdout)
    assert (value["dimensions"], value["voted"]) == ({"valence": 1, "engagement": 2}, 2)
    refused = ser("corpora", "folder", "one", "--table", "labels.csv")
    assert refused.exit_code == 1
    assert "unknown column 'engagement'" in refused.stderr
    assert refused.stderr.endswith("numbers of other names are listed in the corpus's `dimensions`\n")
    assert "unknown corpus 'mime' (did you mean 'mine'?)" in ser("corpora", "mime", "one").stderr


def test_audio_that_a_table_does_not_list_is_counted_and_named_and_no_fault(tmp_path):
    for name in ("a.wav", "b.wav", "deep/c.mp3", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"r")
    (tmp_path / "labels.csv").write_text("path,emotion\na.wav,sad\n", encoding="utf-8")
    asked = "corpora", "folder", str(tmp_path), "--table", "labels.csv"
    said = ser(*asked)
    assert said.exit_code == 0, said.stderr
    assert "  unlisted    2 audio files that the table does not list (b.wav, deep/c.mp3)\n" in said.stdout
    (value,) = json.loads(ser(*asked, "--format", "json").stdout)
    assert (value["unlisted"], value["complete"]) == (["b.wav", "deep/c.mp3"], True)
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "a.wav").rename(tmp_path / "deep/a.wav")
    assert "unlisted" not in ser("corpora", "savee", str(tmp_path)).stdout
