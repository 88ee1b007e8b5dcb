"""Scores that are older than params.yaml, or than predictions: what `ser report` and `ser compare` say of them."""

import json
import re
from pathlib import Path

import pytest
from compared_projects import project
from in_process import ser, stage
from projects import commit, repository, sh
from report_page import PARAMS, Page, scored_project, write_inputs
from toy_predictions import ROWS, predictions

from pipeline import paths
from pipeline.graph.lineage import digest_of, plain

__all__ = ["project"]

GIVEN = PARAMS.replace("good: {system: pooled,", "good: {params: {c: 1e-5}, system: pooled,")
NAMES = ("good", "poor", "leaky")
FEATURES = "data/features/toy/cepstra.h5"
KEYS = ("system", "corpus", "protocol", "mfcc")
OTHER = "experiments.good.params.c: 1e-05 in what was run, 0.5 in params.yaml"
RUN = "run `dvc repro`"


def training(name):
    keys = [f"experiments.{name}.{key}" for key in (*KEYS, *(["params"] if name == "good" else []))]
    return {
        "cmd": f"python -m stages.train {name}",
        "params": ["arithmetic", *keys, "protocols.loso"],
        "deps": [FEATURES, paths.manifest("toy").as_posix()],
        "outs": [paths.predictions(name).as_posix()],
    }


def graph():
    """The stages after the manifest, without what is not read here."""
    stages = {f"train-{name}": training(name) for name in NAMES}
    stages["features-toy-cepstra"] = {
        "cmd": "python -m stages.features toy cepstra",
        "params": ["features.cepstra"],
        "outs": [FEATURES],
    }
    stages["evaluate"] = {
        "cmd": "python -m stages.evaluate",
        "params": ["arithmetic", "experiments", "scoring"],
        "deps": [paths.manifest("toy").as_posix(), *(paths.predictions(name).as_posix() for name in NAMES)],
        "metrics": [{paths.SCORES.as_posix(): {"cache": False}}],
    }
    return json.dumps({"stages": stages})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project that was scored, with the dvc.lock that DVC itself writes of it, in git."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        scored_project(folder)
        write_inputs(ROWS)
    (folder / "params.yaml").write_text(f"arithmetic: native\n{GIVEN}", encoding="utf-8")
    (folder / "dvc.yaml").write_text(graph(), encoding="utf-8")
    (folder / ".gitignore").write_text("/data/\n", encoding="utf-8")
    repository(folder)
    sh(folder, "dvc", "commit", "-q", "-f")
    commit(folder, "all")
    return folder


def edit(old, new):
    path = Path("params.yaml")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def report():
    """The page, and what is said beside it."""
    result = ser("report")
    assert result.exit_code == 0, result.stderr
    return Page(Path("report.html").read_text(encoding="utf-8")), result.stderr.splitlines()


def said(page):
    """The lines of the page on what is old."""
    return [
        line.text.strip()
        for each in page.all
        if each.attributes.get("role") == "note"
        for line in each.children[1].children
    ]


def shown(page, name):
    """The params in the section of an experiment."""
    return next(each.text for each in page.tags("pre") if each.attributes["aria-label"] == f"Params of {name}")


def notes(*arguments):
    """Of `ser compare`: (revision, experiment) -> its notes on what is old, and the lines beside the table."""
    result = ser("compare", *arguments, "--format", "json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)
    told = {
        (row["revision"], row["experiment"]): [note for note in row["notes"] if note.startswith("older than ")]
        for row in rows
    }
    return {key: found for key, found in told.items() if found}, result.stderr.splitlines()


# --- what is of one run ---


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("corpora:", "# in other words\ncorpora:"),
        ("c: 1e-5", "c: 0.00001"),
        ("good: {", "good: {published: {UA: 90}, "),
        ("poor: {system: pooled, corpus: toy, protocol: loso", "poor: {protocol: loso, system: pooled, corpus: toy"),
        ("corpora:", "report: {mistakes: 2}\ncorpora:"),
    ],
)
def test_what_changes_no_score_makes_nothing_old(project, old, new):
    edit(old, new)
    page, lines = report()
    assert (said(page), lines, notes("HEAD", "workspace")) == ([], [], ({}, []))
    (digest,) = re.findall(r"predictions/good/probabilities.csv +([0-9a-f]{12})", page.all[0].text)
    assert digest


@pytest.mark.parametrize(
    "lock", [None, "", "schema: '2.0'\nstages:\n  evaluate:\n", "stages: 3\n", "[" * 99999, "a: 2024-99-99\n"]
)
def test_without_a_whole_lock_params_are_those_of_params_yaml(project, lock):
    edit("c: 1e-5", "c: 0.5")
    Path("dvc.lock").unlink()
    if lock is not None:
        Path("dvc.lock").write_text(lock)
    page, lines = report()
    assert (said(page), lines, notes()) == ([], [], ({}, []))
    assert "c: 0.5" in shown(page, "good")


def test_the_page_of_the_stage_does_not_depend_on_the_lock(project):
    Path("dvc.yaml").unlink()
    pages = set()
    edit("c: 1e-5", "c: 0.5")
    for change in (lambda: None, Path("dvc.lock").unlink):
        change()
        assert stage("report").exit_code == 0
        pages.add(paths.REPORT.read_bytes())
    (page,) = pages
    assert "c: 0.5" in shown(Page(page.decode()), "good")


# --- what is older than params.yaml ---


def test_a_score_stands_beside_the_params_that_it_was_obtained_with(project):
    edit("c: 1e-5", "c: 0.5")
    page, lines = report()
    line = f"good: older than params.yaml ({OTHER}); {RUN}"
    assert (said(page), lines) == ([line], [f"warning: {line}"])
    assert "c: 1.0e-05" in shown(page, "good")
    told, beside = notes("HEAD", "workspace")
    assert told == {("workspace", "good"): [f"older than params.yaml ({OTHER}); {RUN}"]}
    assert beside == [f"warning: workspace:{line}"]
    good = json.loads(ser("compare", "HEAD", "workspace", "--format", "json").stdout)[1]
    assert (good["experiment"], good["changed"]) == ("good", [])


def test_a_commit_with_an_older_lock_is_said_too(project):
    edit("c: 1e-5", "c: 0.5")
    sh(project, "git", "commit", "-qam", "params alone")
    told, _ = notes("HEAD~1", "HEAD")
    assert told == {("HEAD", "good"): [f"older than params.yaml ({OTHER}); {RUN}"]}


@pytest.mark.parametrize(
    ("old", "new", "names", "reason"),
    [
        ("n_mfcc: 12", "n_mfcc: 13", NAMES, "features.cepstra.n_mfcc: 12 in what was run, 13 in params.yaml"),
        (
            "leave_one_speaker_out}",
            "leave_one_speaker_out, inner_folds: 2}",
            NAMES,
            "protocols.loso.inner_folds: (not there) in what was run, 2 in params.yaml",
        ),
        ("poor: {", "poor: {params: {c: 3}, ", ("poor",), "experiments.poor.params.c: (not there) in what was run, 3"),
        ("params: {c: 1e-5}, ", "", ("good",), "experiments.good.params.c: 1e-05 in what was run, (not there) in"),
        ("native", "portable", NAMES, "arithmetic: native in what was run, portable in params.yaml"),
    ],
)
def test_all_that_the_score_depends_on_counts_and_is_said_once(project, old, new, names, reason):
    edit(old, new)
    page, lines = report()
    (line,) = said(page)
    assert line.startswith(f"{', '.join(names)}: older than params.yaml ({reason}")
    assert lines == [f"warning: {line}"]
    assert {name for _, name in notes()[0]} == {*names}


def test_of_many_differences_some_are_said(project):
    edit("n_mfcc: 12, n_mels: 20", "n_mfcc: 13, n_mels: 21, n_fft: 512, hop_length: 99, pad_to: 1.0")
    (line,) = said(report()[0])
    assert line.count("in what was run") == 3
    assert "; and 2 more)" in line


def test_intervals_have_the_level_that_they_were_computed_with(project):
    edit("bootstrap: 100", "bootstrap: 100, confidence: 0.6")
    page, _ = report()
    assert said(page)
    assert page.has("95% interval")
    assert not page.has("60% interval")
    assert {row["confidence"] for row in json.loads(ser("compare", "--format", "json").stdout)} == {0.95}


# --- what is older than files ---


def train_again():
    """Other predictions of `good`, as its stage leaves them."""
    one = predictions(0.4, cost={})
    one.card["name"] = "good"
    one.write(paths.predictions("good"))


def test_a_score_that_is_older_than_its_predictions_has_the_params_of_its_own(project):
    edit("c: 1e-5", "c: 0.5")
    train_again()
    sh(project, "dvc", "commit", "-q", "-f", "train-good")
    page, lines = report()
    line = f"good: older than params.yaml ({OTHER}) and than data/predictions/good; {RUN}"
    assert (said(page), lines) == ([line], [f"warning: {line}"])
    assert "c: 1.0e-05" in shown(page, "good")
    assert re.search(r"predictions/good/probabilities.csv +in a folder changed since it was scored", page.all[0].text)
    assert notes()[0] == {("workspace", "good"): [line.removeprefix("good: ")]}


def test_predictions_of_a_run_without_dvc_are_not_what_was_scored(project):
    train_again()
    page, _ = report()
    assert said(page) == [f"good: older than data/predictions/good; {RUN}"]
    assert notes()[0] == {("workspace", "good"): [f"older than data/predictions/good; {RUN}"]}


def test_a_feature_that_was_made_anew_since_is_said(project):
    edit("n_mfcc: 12", "n_mfcc: 13")
    Path(FEATURES).write_bytes(Path(FEATURES).read_bytes() + b"0")
    sh(project, "dvc", "commit", "-q", "-f", "features-toy-cepstra")
    assert notes()[1] == [f"warning: good, poor, leaky: older than {FEATURES}; {RUN}"]


# --- files as DVC has them ---


def test_digests_are_dvcs(project):
    recorded = re.findall(r"path: (data/predictions/.*)\n.*\n +md5: (.*)", Path("dvc.lock").read_text())
    assert len(recorded) == 6
    Path("data/predictions/good/more.tmp").touch()
    assert [digest_of(Path(path)) for path, _ in recorded] == [digest for _, digest in recorded]
    assert digest_of(Path("data/nothing")) is None


def test_yaml_is_read_as_dvc_reads_it():
    text = "a: no\nb: 1:30\nc: 1e-05\nd: 010\ne: 0x1F\nf: 1_000\ng:\nh: 2020-01-01\ni: true\nj: .5\nk: '1'\nl: -.inf\n"
    expected = ["no", "1:30", 1e-05, 10, 31, 1000, None, "2020-01-01", True, 0.5, "1", float("-inf")]
    assert [*plain(text.encode()).values()] == expected
    assert plain(b"a: [") == plain(b"\xff") == plain(b"- a") == plain(None) == {}
