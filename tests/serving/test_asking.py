"""`ser predict` and `ser embed`: formats, windows, standard input, vectors, and what cannot be, through the command."""

import csv
import io
import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from conftest import tone
from trained_project import trained_project

from pipeline import load_model
from pipeline.cli import main
from pipeline.storage.feature_file import FeatureFile

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_project(tmp_path_factory.getbasetemp())


@pytest.fixture
def ser(trained, monkeypatch):
    monkeypatch.chdir(trained.folder)

    def ser(command, model, *arguments, code=0, sent=None):
        done = CliRunner().invoke(main, [*map(str, [command, Path("exports", model), *arguments])], input=sent)
        assert done.exit_code == code, done.output
        return done

    return ser


@pytest.fixture
def talk(tmp_path):
    """A recording of 2.3 s."""
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.concatenate([tone(1.1, 210), tone(1.2, 400)]), 16000)
    return path


def test_every_format_says_the_same(ser):
    rows = list(csv.DictReader(io.StringIO(ser("predict", "again", "recordings").stdout)))
    known = json.loads(ser("predict", "again", "recordings", "--format", "json").stdout)["answers"]
    lines = ser("predict", "again", "recordings", "--format", "jsonl").stdout.splitlines()
    assert known == [json.loads(line) for line in lines]
    assert [(row["key"], row["emotion"]) for row in rows] == [(each["key"], each["emotion"]) for each in known]
    for row, each in zip(rows, known, strict=True):
        assert {name: float(row[f"p_{name}"]) for name in each["probabilities"]} == each["probabilities"]
    table = ser("predict", "again", "recordings", "--format", "table").stdout.splitlines()
    assert [line.split()[:2] for line in table[1:]] == [[row["key"], row["emotion"]] for row in rows]


def test_windows_are_those_of_load_model(ser, talk):
    windows = ("--window", 0.5, "--hop", 0.25, "--voice-activity", "none")
    done = ser("predict", "both", talk, *windows, "--format", "jsonl")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    segments = list(load_model("exports/both").predict_segments(talk, window=0.5, hop=0.25, voice_activity="none"))
    assert [(each["start"], each["end"]) for each in said] == [(each.start, each.end) for each in segments]
    for one, other in zip(said, segments, strict=True):
        np.testing.assert_allclose([*one["probabilities"].values()], other.probabilities, atol=1e-6)
    assert len(ser("predict", "both", talk, "--window", 0.5).stdout.splitlines()) == 1 + 5


def test_a_recording_on_standard_input(ser, talk):
    piped = ser("predict", "again", "-", sent=talk.read_bytes()).stdout
    assert piped.replace("stdin,", "talk,") == ser("predict", "again", talk).stdout
    assert "error: standard input: nothing came; pipe a recording in" in ser("predict", "again", "-", code=1).stderr
    done = ser("predict", "again", "-", code=1, sent=b"RIFF nothing")
    assert "error: standard input: cannot be read as audio" in done.stderr


def test_a_table_of_recordings_needs_no_emotions_and_may_tell_the_speakers(trained, ser):
    paths = sorted(path.relative_to(trained.folder).as_posix() for path in trained.recordings)
    table = trained.folder / "table.csv"
    table.write_text("path,speaker\n" + "".join(f"{path},{path.split('/')[2].split('_')[0]}\n" for path in paths))
    for name in ("again", "statistics"):  # whose speakers must be known
        rows = list(csv.DictReader(io.StringIO(ser("predict", name, table).stdout)))
        assert [row["key"] for row in rows] == [path.removesuffix(".wav") for path in paths]
    table.write_text("path\nnowhere.wav\n")
    assert "table.csv, line 2: no such file: " in ser("predict", "again", table, code=1).stderr
    table.write_text("file\na.wav\n")
    errors = ser("predict", "again", table, code=1).stderr
    assert "table.csv: has no column 'path'; its columns are file; name one path\n" in errors
    table.unlink()


def test_no_emotion_is_named_below_a_threshold(ser, talk):
    best = max(json.loads(ser("predict", "again", talk, "--format", "jsonl").stdout)["probabilities"].values())
    above, below = (
        json.loads(ser("predict", "again", talk, "--format", "jsonl", "--abstain-below", least).stdout)
        for least in (best + 0.01, best - 0.01)
    )
    assert above == {**below, "emotion": None}
    assert below["emotion"]


def test_text_grids(ser, talk, tmp_path):
    text = ser("predict", "again", talk, "--window", 0.5, "--format", "textgrid").stdout
    ser("predict", "again", talk, "--window", 0.5, "--format", "textgrid", "--out", tmp_path / "a.TextGrid")
    ser("predict", "again", talk, "--window", 0.5, "--format", "textgrid", "--out", tmp_path / "one")
    assert (tmp_path / "a.TextGrid").read_text() == (tmp_path / "one/talk.TextGrid").read_text() == text
    assert "xmax = 2.300000" in text
    ser("predict", "again", "recordings", "--format", "textgrid", "--out", tmp_path / "grids")
    assert (tmp_path / "grids/sad/anna_1.TextGrid").is_file()
    assert len([*(tmp_path / "grids").rglob("*.TextGrid")]) == 9


def test_bad_recordings_are_left_out_of_windows_too(ser, talk, tmp_path):
    shutil.copy(talk, tmp_path / "sound.wav")
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    sound = [tmp_path / "sound.wav", tmp_path / "bad.wav"]
    assert "bad.wav: cannot be read" in ser("predict", "again", *sound, "--window", 1, code=1).stderr
    done = ser("predict", "again", *sound, "--window", 1, "--skip-bad", "--format", "jsonl", code=3)
    assert {json.loads(line)["key"] for line in done.stdout.splitlines()} == {"sound"}
    done = ser("embed", "again", *sound, "--skip-bad", "--to", tmp_path / "a.npy", code=3)
    assert "a.npy: 1 vector of" in done.stdout
    assert len(np.load(tmp_path / "a.npy")) == 1
    assert json.loads((tmp_path / "a.keys.json").read_text()) == ["sound"]


def test_vectors_of_states_and_what_their_numbers_are(trained, ser, tmp_path):
    done = ser("embed", "both", "recordings", "--of", "states", "--to", tmp_path / "v.h5")
    file = FeatureFile(tmp_path / "v.h5")
    digest = sha256((trained.folder / "exports/both/model.json").read_bytes()).hexdigest()
    assert file.header.params == {"model": "both", "export": digest, "of": "states"}
    model = load_model(Path("exports/both"))
    wanted = [model.embed(path, of="states") for path in sorted(trained.recordings)]
    np.testing.assert_array_equal(np.concatenate([file.row(i) for i in range(9)]), wanted)
    assert f"parts: {file.header.notes['parts']}\n" in done.stderr
    ser("embed", "both", "recordings", "--of", "states", "--to", tmp_path / "v.csv")
    columns = (tmp_path / "v.csv").read_text().split("\n")[0].split(",")[1:]
    for part in file.header.notes["parts"].split(", "):
        name, numbers = part.split()
        first, last = map(int, numbers.split("-"))
        assert columns[first : last + 1] == [f"{name}/{i:04d}" for i in range(last + 1 - first)]
    streams = ("logmel/values", "mfcc/values", "prosody/valid", "prosody/values")
    assert {name.rpartition("/")[0] for name in columns} == {"picture/logmel/values", *(f"again/{x}" for x in streams)}


def test_vectors_of_networks_say_which_fold_they_are_of(ser, tmp_path):
    done = ser("embed", "both", "recordings/sad/anna_1.wav", "--to", tmp_path / "v.csv")
    names = [part.split()[0] for part in done.stderr.splitlines()[-1].removeprefix("parts: ").split(", ")]
    assert names[:4] == [*(f"picture/fold_{number:02d}" for number in range(3)), "again/logmel/values"]


@pytest.mark.parametrize("name", ["again", "picture", "both"])
def test_vectors_in_every_format_are_those_of_load_model(trained, ser, tmp_path, name):
    for suffix in ("h5", "csv", "npy"):
        ser("embed", name, "recordings", "--to", tmp_path / f"v.{suffix}")
    model = load_model(Path("exports", name))
    wanted = np.stack([model.embed(path) for path in sorted(trained.recordings)])
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), wanted)
    file = FeatureFile(tmp_path / "v.h5")
    np.testing.assert_array_equal(np.concatenate([file.row(i) for i in range(9)]), wanted)
    with (tmp_path / "v.csv").open(newline="") as table:
        _, *rows = csv.reader(table)
    assert [row[0] for row in rows] == list(file.keys)
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], np.float32), wanted)
    before = (tmp_path / "v.h5").read_bytes()
    ser("embed", name, "recordings", "--to", tmp_path / "v.h5")
    assert (tmp_path / "v.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["predict", "again", "recordings", "--hop", 1], 2, "--hop 1.0: is the step from window to window; give --wi"),
        (["predict", "again", "recordings", "--window", 0], 2, "window: 0.0 s is not between 0.1 and 600"),
        (["predict", "again", "recordings", "--window", "nan"], 2, "window: nan s is not between 0.1 and 600"),
        (["predict", "again", "recordings", "--window", 1, "--hop", 0], 2, "hop: 0.0 s is not between 0.01 and 600"),
        (["predict", "again", "recordings", "--abstain-below", 2], 2, "2.0 is not in the range 0<=x<=1"),
        (["predict", "again", "recordings", "--format", "xml"], 2, "'xml' is not one of"),
        (["predict", "again", "recordings", "--format", "textgrid"], 2, "--format textgrid: there are 9 recordings"),
        (["predict", "again", "recordings", "--format", "textgrid", "--out", "params.yaml"], 1,
         "--out params.yaml: is a file, and no .TextGrid; name a folder, or a file as talk.TextGrid"),
        (["predict", "again", "recordings", "--format", "textgrid", "--out", "a.TextGrid"], 1,
         "--out a.TextGrid: is a file, and there are 9 recordings; name a folder"),
        (["predict", "again", "recordings", "--out", "recordings"], 1, "--out recordings: is a folder; name a file"),
        (["predict", "statistics", "recordings", "--window", 1], 1, "at once and without --window, or take a model"),
        (["embed", "again", "recordings", "--to", "a.txt"], 2, "--to a.txt: should end with .h5, .csv, .npy"),
        (["embed", "again", "recordings", "--to", "params.csv/a.csv", "--ssl-model", "recordings"], 2, "take none"),
        (["embed", "agin", "recordings", "--to", "a.csv"], 2, "did you mean 'exports/again'?"),
    ],
)  # fmt: skip
def test_mistakes(ser, arguments, code, says):
    assert says in ser(*arguments, code=code).stderr
