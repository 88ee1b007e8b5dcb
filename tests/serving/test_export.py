"""`ser export`: models as one folder or .zip, which give what the project's give, and say what they are worth."""

import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from huggingface_hub import ModelCard
from ssl_checkpoints import build
from trained_project import trained_project

from pipeline import load_model
from pipeline.cli import main
from pipeline.config.scoring import ScoringParams
from pipeline.errors import UserError
from pipeline.evaluation.evaluation import score
from pipeline.experiments.predictions import Predictions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_project(tmp_path_factory.getbasetemp())


@pytest.fixture
def ser(trained, monkeypatch):
    monkeypatch.chdir(trained.folder)

    def ser(*arguments, code=0):
        done = CliRunner().invoke(main, [*map(str, arguments)])
        assert done.exit_code == code, done.output
        return done

    return ser


@pytest.mark.parametrize("name", ["picture", "nested", "stacked"])
def test_an_export_gives_the_same_elsewhere_as_a_folder_and_as_a_zip(trained, ser, tmp_path, monkeypatch, name):
    ser("export", name, "--to", tmp_path / "folder")
    ser("export", name, "--to", tmp_path / "file.zip")
    here = load_model(Path("exports", name))
    wanted = [here.predict_proba(path) for path in trained.recordings]
    table = ser("predict", Path("exports", name), trained.folder / "recordings").stdout
    monkeypatch.chdir(tmp_path)
    for place in ("folder", "file.zip"):
        model = load_model(place)
        np.testing.assert_array_equal([model.predict_proba(path) for path in trained.recordings], wanted)
        assert CliRunner().invoke(main, ["predict", place, str(trained.folder / "recordings")]).stdout == table


def test_an_export_is_the_same_every_time_and_replaces_an_older_one(ser, tmp_path):
    for _ in range(2):
        ser("export", "both", "--to", tmp_path / "a")
    ser("export", "both", "--to", tmp_path / "a.zip")
    first = (tmp_path / "a.zip").read_bytes()
    ser("export", "both", "--to", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == first
    files = {path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    numbers = {f"fold_0{number}.safetensors" for number in range(3)} | {"card.json"}
    branches = {f"branches/{name}/{file}" for name in ("again", "picture") for file in numbers}
    assert files == {"model.json", "README.md", "LICENSE.md"} | numbers | branches
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_export_to_a_link_is_put_where_that_leads(ser, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for _ in range(2):
        ser("export", "again", "--to", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/model.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_its_scores_are_those_of_evaluate_and_its_page_is_a_card_of_the_hub(trained, ser, tmp_path):
    done = ser("export", "both", "--to", tmp_path / "a")
    predictions = Predictions.read(trained.folder / "data/predictions/both")
    speakers = dict(zip(predictions.keys, predictions.speakers, strict=True))
    known = score(predictions, speakers, ScoringParams(bootstrap=100), 0)
    card = json.loads((tmp_path / "a/model.json").read_text())
    for name, (low, high) in known["interval"].items():
        assert card["scores"][name] == {"value": known["scores"][name], "low": low, "high": high}
    assert [*card["marks"]] == ["other_folds"]
    assert "note: fitted on other folds" in done.stderr
    page = ModelCard.load(tmp_path / "a/README.md")
    assert page.data.pipeline_tag == "audio-classification"
    assert (page.data.license, page.data.license_link) == ("other", "LICENSE.md")
    assert (tmp_path / "a/LICENSE.md").read_text().startswith("# Terms of the training data of both\n\nTrained on ")
    assert {result.metric_type: result.metric_value for result in page.data.eval_results} == {
        "recall": known["scores"]["UA"], "accuracy": known["scores"]["WA"], "f1": known["scores"]["macro_F1"],
    }  # fmt: skip
    for title in ("Data and licence", "How good it is", "What it must not be used for", "How to use it"):
        assert f"\n## {title}\n" in page.text
    assert "Fitted on other folds: the fusion was fitted" in page.text
    assert str(trained.folder) not in page.content + (tmp_path / "a/model.json").read_text()


def test_an_export_has_a_graph_besides(trained, ser, tmp_path):
    pytest.importorskip("onnx", reason="the extra `export` is not installed")
    ser("export", "picture", "--onnx", "int8", "--models", "refitted", "--to", tmp_path / "small")
    ser("export", "picture", "--onnx", "--to", tmp_path / "a")
    ser("export", "picture", "--to", tmp_path / "a.zip", "--onnx")
    page, small = ((tmp_path / name / "README.md").read_text() for name in ("a", "small"))
    assert "\n## ONNX\n" in page
    assert "On 9 recordings of the data, evenly taken, this file's probabilities differ by less than 1e-" in page
    assert "matrix products are in int8" in small
    with ZipFile(tmp_path / "a.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            path.relative_to(tmp_path / "a").as_posix(): path.read_bytes() for path in (tmp_path / "a").iterdir()
        }
    known = {each.key: each.value for each in onnx_metadata(tmp_path / "a/model.onnx")}
    assert known["export"] == sha256((tmp_path / "a/model.json").read_bytes()).hexdigest()
    path = trained.recordings[0]
    done = subprocess.run(
        [sys.executable, tmp_path / "a/predict_onnx.py", path], capture_output=True, text=True, timeout=60, check=True
    )
    shares = dict(line.split() for line in done.stdout.splitlines())
    model = load_model(tmp_path / "a.zip")
    wanted = dict(zip(model.classes, model.predict_proba(path), strict=True))
    assert {name: float(share) for name, share in shares.items()} == pytest.approx(wanted, abs=1e-4)
    done = ser("export", "both", "--onnx", "--to", tmp_path / "none", code=1)
    assert "--onnx: again reads functionals of logmel, which no graph computes" in done.stderr
    assert not (tmp_path / "none").exists()


def onnx_metadata(path):
    import onnx

    return onnx.load(path).metadata_props


@pytest.mark.parametrize("name", ["again", "picture", "nested"])
def test_a_refitted_model_is_one_and_is_the_same_every_time(trained, ser, tmp_path, name):
    ser("export", name, "--models", "refitted", "--to", tmp_path / "a.zip")
    first = (tmp_path / "a.zip").read_bytes()
    ser("export", name, "--models", "refitted", "--to", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == first
    model = load_model(tmp_path / "a.zip")
    assert repr(model) == f"LoadedModel({name!r}, ['angry', 'happy', 'sad'])"
    assert "refitted on all of it" in model.source.described()[0]
    shares = np.array([model.predict_proba(path) for path in trained.recordings])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert ser("predict", tmp_path / "a.zip", "recordings").stdout.count("\n") == 10


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["agin"], 2, "agin: is no experiment or fusion of params.yaml (did you mean 'again'?)"),
        (["again", "--to", "recordings"], 1, "--to recordings: is a folder that holds something else than an export"),
        (["again", "--to", "params.yaml"], 1, "--to params.yaml: is a file of this project"),
    ],
)
def test_mistakes(ser, arguments, code, says):
    assert says in ser("export", *arguments, code=code).stderr


def test_what_is_not_trained_or_has_changed_since_is_not_exported(trained, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(trained.folder, folder)
    monkeypatch.chdir(folder)
    params = folder / "params.yaml"
    text = params.read_text()

    def said(*arguments):
        done = CliRunner().invoke(main, ["export", *arguments, "--to", "out"])
        assert done.exit_code == 1
        assert not (folder / "out").exists()
        return done.stderr

    params.write_text(text.replace("again: {system", "again: {params: {c: 0.5}, system"))
    assert "again: its params changed since it was trained; run `dvc repro` first" in said(
        "again", "--models", "refitted"
    )
    params.write_text(text)
    predictions = folder / "data/predictions/again/card.json"
    card = json.loads(predictions.read_text())
    predictions.write_text(json.dumps(card | {"seed": 7}))
    assert "again: its models are of another training than its predictions" in said("again")
    shutil.rmtree(folder / "data/models/picture")
    assert "picture: is not trained yet; `dvc repro` trains it" in said("picture")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "branches/again/card.json").unlink(), "branches/again/card.json: is missing, or no card"),
        (lambda f: change(f / "branches/again/card.json", seed=3), "is not the card that model.json was written for"),
        (lambda f: change(f / "model.json", cards={}), "model.json: is no card of trained models (cards"),
        (
            lambda f: change(f / "model.json", cards={"../card.json": "0" * 64}),
            "model.json: is no card of trained models (cards",
        ),
        (lambda f: change(f / "model.json", format="ser-export/9"), "model.json: is no card of trained models (format"),
        (lambda f: change(f / "model.json", pickle="x"), "model.json: is no card of trained models (pickle"),
        (lambda f: change(f / "model.json", classes=["a", "b"]), "model.json: is of other models than card.json"),
        (lambda f: (f / "model.json").write_text("{"), "model.json: is no card of trained models"),
        (lambda f: (f / "fold_01.safetensors").write_bytes(b"1"), "fold_01.safetensors: is not the file that card"),
    ],
)
def test_a_damaged_export(ser, tmp_path, damage, says):
    folder = tmp_path / "a"
    ser("export", "both", "--to", folder)
    damage(folder)
    assert says in ser("predict", folder, "recordings", code=1).stderr
    with pytest.raises(UserError):
        load_model(folder).predict("recordings/sad/anna_1.wav")


def change(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_front_matter_is_plain_yaml(ser, tmp_path):
    ser("export", "again", "--to", tmp_path / "a")
    head = (tmp_path / "a/README.md").read_text().split("---\n")[1]
    assert yaml.safe_load(head)["library_name"] == "ser-pipeline"


def train(project, feature, experiment):
    """Run the stages up to the training of an experiment on one feature."""
    for module, *arguments in (
        ("manifest", "mine"),
        ("audio", "mine", "16k"),
        ("features", "mine", feature),
        ("train", experiment),
    ):
        done = project.run(f"stages.{module}", *arguments)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def on_states_of_a_folder(project):
    """A project whose experiment reads the hidden states of a self-supervised model in a folder; the folder."""
    folder = project.folder / "elsewhere/hubert-mine"
    build("hubert-group").save_pretrained(folder)
    project.edit("embeddings:\n", f"embeddings:\n  own: {{model: {folder}, layers: [1]}}\n")
    project.edit("experiments:\n", "experiments:\n  states: {system: pooled, corpus: mine, protocol: loso, ssl: own}\n")
    train(project, "own", "states")
    return folder


def test_a_self_supervised_model_is_named_and_not_copied(project, on_states_of_a_folder, tmp_path_factory, monkeypatch):
    done = CliRunner().invoke(main, ["export", "states", "--to", "a.zip"])
    assert done.exit_code == 0, done.output
    wanted = load_model("a.zip").predict_proba(project.recordings[0])  # by the folder that params.yaml names
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copy("a.zip", elsewhere)
    monkeypatch.chdir(elsewhere)
    shutil.unpack_archive("a.zip", "a")
    (needed,) = json.loads(Path("a/model.json").read_text())["pretrained"]
    assert needed["model"] == "hubert-mine"
    assert "It needs the self-supervised model `hubert-mine` (digest of its weights" in Path("a/README.md").read_text()
    assert not any(str(project.folder) in path.read_text() for path in Path("a").glob("*.[jm]*"))
    with pytest.raises(UserError, match=r"'hubert-mine' is not in the Hugging Face cache.*given as --ssl-model PATH"):
        load_model("a.zip")
    model = load_model("a.zip", ssl_model=on_states_of_a_folder)
    np.testing.assert_array_equal(model.predict_proba(project.recordings[0]), wanted)
    with pytest.raises(
        UserError, match=r"^--ssl-model nowhere: there is no such folder; give that of .*'hubert-mine'$"
    ):
        load_model("a.zip", ssl_model="nowhere", download=True)  # which no hub is asked for
    build("hubert-group", seed=1).save_pretrained("other")
    with pytest.raises(UserError, match=r"was trained on ssl of weights '[0-9a-f]{12}', here it is"):
        load_model("a.zip", ssl_model="other")
    monkeypatch.setenv("SER_CACHE", str(elsewhere / "cache"))
    monkeypatch.setenv("SER_CACHE_MB", "1")
    asked = ["predict", "a.zip", str(project.recordings[0]), "--ssl-model"]
    for answer in ("0 of 1", "1 of 1"):
        assert answer in CliRunner().invoke(main, [*asked, str(on_states_of_a_folder)]).stderr
    done = CliRunner().invoke(main, [*asked, "other"])  # which an answer from before does not excuse
    assert (done.exit_code, "was trained on ssl of weights" in done.stderr) == (1, True)


def test_where_lists_of_folds_lie_is_not_told(project):
    path = project.folder / "elsewhere/folds.csv"
    path.parent.mkdir()
    keys = [path.relative_to(project.folder / "recordings").with_suffix("") for path in project.recordings]
    path.write_text("".join(["key,fold\n", *(f"{key},{key.name}\n" for key in keys)]))
    project.edit("loso: {scheme: leave_one_speaker_out}", f"loso: {{scheme: predefined, file: {path}}}")
    project.edit("logmel: mel, mfcc: cepstra, prosody: melody", "logmel: mel")
    project.edit("fit_on: validation", "fit_on: other_folds")
    train(project, "mel", "statistics")
    done = CliRunner().invoke(main, ["export", "statistics", "--to", "a"])
    assert done.exit_code == 0, done.output
    assert json.loads(Path("a/model.json").read_text())["protocol"]["file"] == "folds.csv"
    assert not any(str(project.folder) in path.read_text() for path in Path("a").glob("*.[jm]*"))
    assert CliRunner().invoke(main, ["predict", "a", "recordings"]).exit_code == 0
