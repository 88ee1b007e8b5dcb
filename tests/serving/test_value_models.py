"""Models of numbers: exported, asked by `ser predict` in every way, and in Python."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from in_process import make_audio, ser, stage
from rated_project import POOLED, rated_project
from voices import buzz

from pipeline import load_model
from pipeline.audio.samples import to_pcm16
from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.dimensions import value_scores
from pipeline.experiments.values import Values
from pipeline.serving.loaded_regressor import LoadedRegressor

NETWORK = (
    "{system: mlp, corpus: mine, protocol: validated, logmel: mel, targets: [arousal, engagement], "
    "params: {epochs: 3, batch_size: 8, seeds: 2}}"
)
OWN_STATISTICS = POOLED.replace("alpha: 1.0", "normalisation: per_speaker")
WINDOWS = ("--window", "1", "--hop", "0.5")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose experiments are trained and exported, and a long recording with silence in its middle."""
    folder = tmp_path_factory.mktemp("rated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        rated_project(folder, numbers=POOLED, net=NETWORK, own=OWN_STATISTICS)
        make_audio()
        assert stage("features", "mine", "mel").exit_code == 0
        for name in ("numbers", "net", "own"):
            for done in (stage("regress", name, "--workers", "1"), ser("export", name)):
                assert done.exit_code == 0, done.stderr
        speech = np.concatenate([buzz(1.7), np.zeros(32000), buzz(0.9, 0.2)])
        soundfile.write(folder / "talk.wav", speech, 16000, "PCM_16")
    return folder


@pytest.fixture(autouse=True)
def here(project, monkeypatch, tmp_path):
    monkeypatch.chdir(project)
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SER_CACHE_MB", "1")


def told(*arguments):
    done = ser(*map(str, arguments))
    assert done.exit_code == 0, done.stderr
    return done.stdout


def refused(*arguments, code):
    done = ser(*map(str, arguments))
    assert (done.exit_code, done.stdout) == (code, "")
    return done.stderr.splitlines()[-1]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["numbers", "net"])
def test_each_folds_model_gives_the_pipelines_own_numbers_of_what_it_was_tested_on(project, name):
    model, known = load_model(Path("exports", name)), Values.read(project / "data/predictions" / name)
    assert model.targets == known.targets
    for i in known.where("test"):
        clip = model._whole(Path("recordings") / f"{known.keys[i]}.wav", None)
        folds = model._leaves([clip])[model.source.folder][:, 0]
        np.testing.assert_allclose(folds[known.fold[i]], known.predicted[i], rtol=0, atol=1e-5)
        assert [*model.predict(f"recordings/{known.keys[i]}.wav").values()] == folds.mean(axis=0).tolist()


def test_an_export_says_its_scales_and_what_its_scores_are_worth(project):
    card = json.loads(Path("exports/numbers/model.json").read_text())
    assert (card["format"], card["task"], [*card["targets"]]) == (
        "ser-regressor-export/1", "regression", ["valence", "arousal"],
    )  # fmt: skip
    table = [row for row in rows(Path("recordings/labels.csv").read_text()) if row["valence"]]
    known = value_scores(Values.read(project / "data/predictions/numbers"), ScoringParams(bootstrap=200), 0)
    for name, own in card["targets"].items():
        numbers = [float(row[name]) for row in table]
        assert (own["lowest"], own["highest"]) == (min(numbers), max(numbers))
        assert [own["CCC"][key] for key in ("low", "high")] == known["targets"][name]["interval"]
        assert own["MSE"]["value"] == known["targets"][name]["MSE"]
        assert 0 < own["MSE"]["low"] < own["MSE"]["value"] < own["MSE"]["high"]
    assert card["scores"]["CCC"]["value"] == known["scores"]["CCC"]
    assert (card["utterances"], card["speakers"], card["count"]) == (27, 4, 4)


def test_its_page_is_a_card_for_people_and_for_the_hub():
    page = Path("exports/numbers/README.md").read_text()
    head = yaml.safe_load(page.split("---\n")[1])
    metrics = {each["name"]: each["value"] for each in head["model-index"][0]["results"][0]["metrics"]}
    assert [*metrics] == ["CCC of valence", "MSE of valence", "CCC of arousal", "MSE of arousal"]
    assert "valence (trained on " in page
    assert f"| CCC of arousal | {metrics['CCC of arousal']:.3f} | " in page
    for title in ("Data and licence", "How good it is", "What it must not be used for", "How to use it"):
        assert f"\n## {title}\n" in page
    assert "emotions" not in page.split("## What it must not")[0]


def test_an_export_is_the_same_every_time_and_as_a_zip(tmp_path):
    for name in ("a.zip", "b.zip"):
        assert "numbers: " not in told("export", "numbers", "--to", tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    asked = ("recordings/u00.wav", "recordings/u01.wav")
    assert told("predict", tmp_path / "a.zip", *asked) == told("predict", "exports/numbers", *asked)


@pytest.mark.parametrize("name", ["numbers", "net"])
def test_a_refitted_model_is_one_on_all_recordings_and_the_same_every_time(name, tmp_path):
    for number in ("a.zip", "b.zip"):
        told("export", name, "--models", "refitted", "--to", tmp_path / number)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    model = load_model(tmp_path / "a.zip")
    assert "refitted on all of it" in model.source.described()[0]
    if name == "numbers":
        table = [row for row in rows(Path("recordings/labels.csv").read_text()) if row["valence"]]
        errors = [model.predict(f"recordings/{row['path']}")["arousal"] - float(row["arousal"]) for row in table]
        assert np.mean(np.square(errors)) < 0.03


def test_every_format_says_the_same():
    asked = ("predict", "exports/numbers", "recordings/u00.wav")
    (row,) = rows(told(*asked))
    values = {name: float(number) for name, number in row.items() if name != "key"}
    assert [*row] == ["key", "valence", "arousal"]
    answer = {"key": "u00", "values": values}
    assert json.loads(told(*asked, "--format", "json")) == {"targets": ["valence", "arousal"], "answers": [answer]}
    assert json.loads(told(*asked, "--format", "jsonl")) == answer
    shown = [f"{value:.2f}" for value in values.values()]
    assert told(*asked, "--format", "table") == f"key  valence  arousal\nu00  {shown[0]:>7}  {shown[1]:>7}\n"
    grid = told(*asked, "--format", "textgrid")
    for name, value in values.items():
        assert f'name = "{name}"' in grid
        assert f'text = "{value:.3f}"' in grid


def test_windows_of_silence_have_no_numbers():
    table = rows(told("predict", "exports/numbers", "talk.wav", *WINDOWS))
    assert [*table[0]] == ["key", "start", "end", "voiced", "valence", "arousal"]
    assert {(row["valence"] == "", row["arousal"] == "") for row in table} == {(True, True), (False, False)}
    for row in table:
        assert (row["valence"] == "") == (float(row["voiced"]) < 0.1)
    lines = told("predict", "exports/numbers", "talk.wav", *WINDOWS, "--format", "jsonl").splitlines()
    assert [json.loads(line)["values"] is None for line in lines] == [row["valence"] == "" for row in table]
    assert " -" in told("predict", "exports/numbers", "talk.wav", *WINDOWS, "--format", "table")
    assert 'text = ""' in told("predict", "exports/numbers", "talk.wav", *WINDOWS, "--format", "textgrid")


def test_a_stream_gives_the_windows_of_its_file(streamed):
    known = told("predict", "exports/numbers", "talk.wav", *WINDOWS, "--format", "jsonl").replace("talk", "stdin")
    assert streamed("--stream", *WINDOWS).stdout == known


@pytest.fixture
def streamed():
    from click.testing import CliRunner

    from pipeline.cli import main

    samples, _ = soundfile.read("talk.wav", dtype="int16")

    def streamed(*options):
        return CliRunner().invoke(main, ["predict", "exports/numbers", *options], input=samples.tobytes())

    return streamed


@pytest.mark.parametrize("windows", [(), WINDOWS])
def test_the_same_recording_asked_about_twice_computes_nothing(windows, tmp_path):
    asked = ("predict", "exports/numbers", "recordings/u00.wav", "talk.wav", *windows)
    wanted = told(*asked, "--no-cache")
    for known in (0, 2):
        done = ser(*asked)
        assert (done.stdout, f"known from before: {known} of 2" in done.stderr) == (wanted, True)
    (first, *_) = sorted((tmp_path / "cache/answers").glob("??/*"))
    first.write_bytes(first.read_bytes()[:-8])
    assert "known from before: 1 of 2" in ser(*asked).stderr


def test_python_gives_what_the_command_gives():
    model = load_model("exports/numbers")
    assert isinstance(model, LoadedRegressor)
    (row,) = rows(told("predict", "exports/numbers", "talk.wav"))
    given = model.predict("talk.wav")
    assert {name: f"{value:.6g}" for name, value in given.items()} == {name: row[name] for name in model.targets}
    samples, rate = soundfile.read("talk.wav")
    assert model.predict(to_pcm16(samples), rate) == given
    segments = list(model.predict_segments("talk.wav", window=1, hop=0.5))
    table = rows(told("predict", "exports/numbers", "talk.wav", *WINDOWS))
    assert [f"{each.start:g}-{each.end:g}" for each in segments] == [f"{row['start']}-{row['end']}" for row in table]
    for each, row in zip(segments, table, strict=True):
        assert each.is_silent == bool(np.isnan(each.values["valence"])) == (row["valence"] == "")
        assert each.is_silent or f"{each.values['arousal']:.6g}" == row["arousal"]


@pytest.mark.parametrize("name", ["numbers", "net"])
def test_vectors_stand_for_recordings(name, tmp_path):
    told("embed", f"exports/{name}", "recordings/u00.wav", "recordings/u01.wav", "--to", tmp_path / "a.npy")
    vectors = np.load(tmp_path / "a.npy")
    np.testing.assert_array_equal(vectors[1], load_model(f"exports/{name}").embed("recordings/u01.wav"))
    assert len({*map(bytes, vectors)}) == 2


def test_several_recordings_of_a_speaker_are_standardised_together():
    table = "path,speaker\n" + "".join(f"recordings/u{i:02d}.wav,s{i % 4}\n" for i in range(12))
    Path("list.csv").write_text(table)
    assert len(rows(told("predict", "exports/own", "list.csv"))) == 12
    line = refused("predict", "exports/own", "talk.wav", *WINDOWS, code=1)
    assert "own: standardises by statistics of each speaker" in line


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ("predict", "exports/numbers", "talk.wav", "--abstain-below", "0.5"), 2,
            "error: --abstain-below 0.5: numbers gives no probabilities; leave it out",
        ),
        (
            ("app", "exports/numbers"), 1,
            "error: exports/numbers: predicts numbers (valence, arousal), and here emotions are needed; `ser predict` "
            "asks it",
        ),
        (
            ("export", "numbers", "--onnx"), 1,
            "error: --onnx: numbers predicts numbers, and a graph gives probabilities; leave it out",
        ),
    ],
)  # fmt: skip
def test_what_asks_for_emotions_is_refused_in_one_line(arguments, code, says):
    assert refused(*arguments, code=code) == says


def test_a_stream_cannot_abstain(streamed):
    done = streamed("--stream", *WINDOWS, "--abstain-below", "0.5")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("error: --abstain-below 0.5: numbers gives no probabilities")
