"""`ser benchmark`: the project that it makes, what it adds, and its table, through the real command."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml
from benchmarks import ACTORS, write_ravdess, write_ravdess_lists
from in_process import ser, stage

from pipeline.config.document import load

CORPUS = "--corpus=ravdess=recordings"
MODEL = "--model=small=tiny"
FOLDS = "--folds=ravdess=lists/ravdess"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Four actors, lists of theirs that have a fifth, and lists of another corpus."""
    folder = tmp_path_factory.mktemp("benchmark")
    keys = write_ravdess(folder / "recordings")
    write_ravdess_lists(folder / "lists/ravdess", {**keys, "05": [name[:-2] + "05" for name in keys["01"]]})
    write_ravdess_lists(folder / "lists/others", {"20": ["03-01-01-01-01-01-20"], "21": ["03-01-01-01-01-01-21"]})
    return folder


@pytest.fixture
def folder(recordings, tmp_path, monkeypatch):
    """The working folder, with the corpus and nothing else."""
    shutil.copytree(recordings, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(*arguments):
    done = ser("benchmark", *arguments, "--no-run")
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    return load()


def run_here():
    """Run the stages of dvc.yaml in the tests' own process, in their order, which is that of what needs what."""
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    for name, one in stages.items():
        _, _, module, *arguments = one["cmd"].split()
        if module.startswith("stages.") and name != "report":
            done = stage(module.removeprefix("stages."), *arguments)
            assert done.exit_code == 0, (name, done.stderr)


def refused(*arguments):
    before = set(Path().rglob("*"))
    done = ser("benchmark", *arguments)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert set(Path().rglob("*")) == before
    (line,) = done.stderr.splitlines()
    return line.removeprefix("error: ")


# --- the project ---


def test_each_corpus_is_measured_on_own_folds_and_on_those_of_the_lists(folder):
    params = started(CORPUS, MODEL, FOLDS)
    systems = ["pooled_ravdess", "probe_ravdess_small", "probe_each_ravdess_small"]
    systems += ["probe_linear_ravdess_small", "probe_speaker_ravdess_small"]
    assert list(params.experiments) == [f"{name}_{folds}" for folds in ("speakers", "emobox") for name in systems]
    assert list(params.fusions) == ["fusion_ravdess_small_speakers", "fusion_ravdess_small_emobox"]
    fusion = params.fusions["fusion_ravdess_small_emobox"]
    assert fusion.of == ["probe_ravdess_small_emobox", "pooled_ravdess_emobox"]
    assert params.feature("small")[1].model_dump()["layers"] == "all"
    inner = params.protocols[params.experiments["pooled_ravdess_emobox"].protocol]
    assert (inner.scheme, inner.missing, inner.inner_folds) == ("emobox", "leave_out", 2)
    assert params.protocols[params.experiments["probe_each_ravdess_small_emobox"].protocol].inner_folds == 0
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    assert {f"train-{name}" for name in params.experiments} | {f"fuse-{name}" for name in params.fusions} < set(stages)


def test_without_a_model_pooled_is_measured_alone(folder):
    params = started(CORPUS)
    assert (list(params.experiments), dict(params.fusions)) == (["pooled_ravdess_speakers"], {})


def test_speakers_that_nobody_knows_are_not_held_out_or_standardised_by(folder):
    for number, path in enumerate(sorted(folder.glob("recordings/*/*.wav"))):
        emotion = ("angry", "happy", "sad")[number % 3]
        (folder / "own" / emotion).mkdir(parents=True, exist_ok=True)
        path.rename(folder / "own" / emotion / f"{number}.wav")
    params = started("--corpus=mine=own", MODEL)
    assert {entry.protocol for entry in params.experiments.values()} == {"random", "random_inner3"}
    assert not [name for name in params.experiments if "speaker" in name.split("_")]


def test_the_same_command_changes_nothing_and_more_is_added(folder):
    started(CORPUS)
    first = Path("params.yaml").read_text()
    started(CORPUS)
    assert Path("params.yaml").read_text() == first
    Path("params.yaml").write_text(f"{first}\nscoring: {{bootstrap: 100}} # mine\n")
    params = started(CORPUS, MODEL)
    assert len(params.experiments) == 5
    assert params.scoring.bootstrap == 100
    assert "# mine" in Path("params.yaml").read_text()
    assert len(started().experiments) == 5


# --- the run and the table ---


@pytest.fixture(scope="module")
def measured(recordings, tmp_path_factory):
    """A benchmark that ran, and the table as JSON."""
    folder = tmp_path_factory.mktemp("measured")
    shutil.copytree(recordings, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        started(CORPUS, MODEL, FOLDS)
        with Path("params.yaml").open("a") as file:
            file.write("\nscoring: {bootstrap: 100}\n")
        monkeypatch.setattr("pipeline.benchmark.project.reproduce", run_here)
        done = ser("benchmark", "--format=json")
        assert done.exit_code == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_every_row_is_there_with_its_interval_and_who_is_shared(measured):
    folder, rows = measured
    own = [row for row in rows if not row["published"]]
    assert [(row["folds"], row["fold_count"]) for row in own] == [("leave_one_speaker_out", 4)] * 6 + [
        ("emobox", 2)
    ] * 6
    assert [row["system"] for row in own[:6]] == [
        "pooled",
        "probe of small, all layers stacked, LDA",
        "probe of small, the layer chosen, LDA",
        "probe of small, all layers",
        "probe of small, all layers stacked, LDA, per speaker",
        "probe of small, all layers stacked, LDA + pooled",
    ]
    scores = json.loads((folder / "metrics/scores.json").read_text())
    assert {row["experiment"]: row["UA"] for row in own} == {name: score["UA"] for name, score in scores.items()}
    assert all(row["UA_low"] <= row["UA"] <= row["UA_high"] for row in own)
    assert {(row["speakers_shared"], row["leaks"]) for row in own} == {("0 of 4", False)}
    chosen = {row["experiment"]: sum(row["layers"].values()) for row in own if row["layers"]}
    assert chosen == {name: own_folds for name, own_folds in chosen.items() if "each" in name}
    assert sorted(chosen.values()) == [2, 4]


def test_published_figures_stand_beside_with_what_is_missing_here(measured):
    _, rows = measured
    published = {row["system"]: row for row in rows if row["published"]}
    hubert = published["HuBERT-base (EmoBox)"]
    assert [hubert[name] for name in ("UA", "WA", "macro_F1")] == [0.6543, 0.6621, 0.6531]
    assert (hubert["tested"], hubert["speakers_shared"], hubert["UA_low"]) == (1440, "0 of 24", None)
    part = "a part of the corpus: 24 of 30 recordings, not comparable with the published figures"
    for row in rows:
        if row["folds"] == "emobox" and not row["published"]:
            assert part in row["notes"]
        if row["folds"] == "leave_one_speaker_out":
            assert part.replace("30", "1440") in row["notes"]
            assert "3 classes for 8, not comparable with the published figures" in row["notes"]
        assert any(note.startswith("transductive") for note in row["notes"]) == ("per speaker" in row["system"])


def test_the_table_is_written_and_shown_in_every_format(measured, monkeypatch):
    folder, rows = measured
    monkeypatch.chdir(folder)
    monkeypatch.setattr("pipeline.benchmark.project.reproduce", lambda: None)
    for form, file in {"csv": "table.csv", "json": "table.json", "markdown": "table.md"}.items():
        done = ser("benchmark", "--format", form)
        assert done.exit_code == 0, done.stderr
        assert done.stdout == (folder / "metrics/benchmark" / file).read_text()
    lines = list(csv.DictReader((folder / "metrics/benchmark/table.csv").open()))
    assert [line["experiment"] for line in lines] == [row["experiment"] for row in rows]
    table = ser("benchmark").stdout
    assert "HuBERT-base (EmoBox)" in table
    assert "24 of 1440" in table
    assert "random backbone" in table


# --- mistakes ---


def test_folds_that_leak_are_flagged(folder, monkeypatch):
    keys = {actor: sorted(path.stem for path in Path(f"recordings/Actor_{actor}").glob("*.wav")) for actor in ACTORS}
    every = [name for names in keys.values() for name in names]
    takes = {take: [name for name in every if name.split("-")[5] == take] for take in ("01", "02")}
    shutil.rmtree("lists")
    write_ravdess_lists(folder / "lists/ravdess", takes, together=1)
    monkeypatch.setattr("pipeline.benchmark.project.reproduce", run_here)
    done = ser("benchmark", CORPUS, FOLDS)
    assert done.exit_code == 0, done.stderr
    headings = [line for line in done.stdout.splitlines() if line.startswith("ravdess, ")]
    assert headings == [
        "ravdess, leave_one_speaker_out, 4 folds: 24 of 1440 recordings, speakers shared 0 of 4",
        "ravdess, emobox, 2 folds: 24 recordings, speakers shared 4 of 4 (leaks)",
        "ravdess, emobox, 6 folds: 1440 recordings, speakers shared 0 of 24",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--corpus: name a corpus at least"),
        (["--corpus=ravdess"], "expected NAME=ROOT"),
        (["--corpus=ravdess=nowhere"], "'nowhere' does not exist"),
        ([CORPUS, CORPUS], "two have one name, 'ravdess'"),
        ([CORPUS, "--model=tiny"], "--model 'tiny': expected NAME=SOURCE"),
        ([CORPUS, "--model=a/b=tiny"], "name 'a/b' may hold only letters"),
        ([CORPUS, "--model=small=./nowhere"], "--model 'small=./nowhere': 'nowhere' does not exist"),
        (["--model=small=tiny"], "--model: give the corpora with it"),
        ([CORPUS, "--model=mfcc_39=tiny"], "--model mfcc_39: is the name of a feature"),
        (
            [CORPUS, "--folds=ravdes=lists/ravdess"],
            "no --corpus has this name (did you mean 'ravdess'?)",
        ),
        ([CORPUS, "--folds=ravdess=nowhere"], "'nowhere' does not exist"),
        ([CORPUS, "--folds=ravdess=recordings"], "has no list of EmoBox's"),
        ([CORPUS, "--folds=ravdess=lists/others"], "the train part of fold 1 is empty; list its recordings"),
    ],
)
def test_mistakes_in_options_are_one_line(folder, arguments, says):
    assert says in refused(*arguments)


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml"])
def test_another_project_is_left_alone(folder, name):
    (folder / name).write_text("stages: {}\n" if name == "dvc.yaml" else "seed: 1\n")
    assert f"{name}: is of another project" in refused(CORPUS)


def test_what_is_asked_for_otherwise_than_it_is_there_is_refused(folder):
    started(CORPUS, MODEL)
    assert "embeddings.small is there already" in refused(CORPUS, "--model=small=other")
