"""Projects for tests of `ser compare`: two commits with experiments of toy predictions, and folders without git."""

import json
import shutil

import pytest
from in_process import ser
from projects import commit, repository, sh
from toy_predictions import predictions, run

PARAMS = """\
seed: 0
corpora:
  toy: {{reader: folder, root: recordings}}
  other: {{reader: folder, root: others}}
features:
  cepstra: {{extractor: mfcc, n_mfcc: {n_mfcc}}}
  unread: {{extractor: mfcc, n_mfcc: {unread}}}
protocols:
  loso: {{scheme: leave_one_speaker_out}}
experiments:
  plain: {{system: pooled, corpus: toy, protocol: loso, mfcc: cepstra, params: {{c: {c}}}, published: {{UA: 92.24}}}}
  steady: {{system: svm, corpus: toy, protocol: loso, mfcc: unread}}
fusions:
  both: {{of: [plain, steady], method: weighted_average}}
scoring: {{bootstrap: 200}}
"""
STAGES = """\
stages:
  train-plain: {cmd: "true", outs: [data/predictions/plain]}
  train-steady: {cmd: "true", outs: [data/predictions/steady]}
"""
HIDDEN = "data/predictions/plain of first is not in DVC's cache"


def right(found, folds=range(4)):
    """The same predictions, with nothing mistaken in the test parts of these folds."""
    for i in found.where("test"):
        truth = found.classes.index(found.emotions[i])
        if found.fold[i] in folds and found.rows[i].argmax() != truth:
            found.rows[i] = found.rows[i][::-1]
    return found


def write(folder, plain, steady=None, **params):
    """What a run leaves of two experiments: params, predictions and metrics."""
    values = {"n_mfcc": 13, "unread": 13, "c": 0.01, **params}
    (folder / "params.yaml").write_text(PARAMS.format(**values), encoding="utf-8")
    both = {"plain": plain, "steady": steady or predictions()}
    for name, one in both.items():
        one.write(folder / "data/predictions" / name)
    run(folder / "metrics", both)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with two tags, an experiment of DVC's, and something else again in the working folder."""
    folder = tmp_path_factory.mktemp("project")
    repository(folder)
    (folder / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    (folder / ".gitignore").write_text("/data/\n", encoding="utf-8")
    for number, state in enumerate(("first", "second")):
        write(folder, right(predictions(), range(4 * number)), c=(0.01, 0.1)[number], unread=13 + number)
        sh(folder, "dvc", "commit", "-q", "-f")
        commit(folder, state)
        sh(folder, "git", "tag", state)
    write(folder, right(predictions(), range(2)), c=0.5, n_mfcc=20)
    sh(folder, "dvc", "commit", "-q", "-f")
    sh(folder, "dvc", "exp", "save", "-n", "tried")
    write(folder, right(predictions(), range(3)), c=0.5, n_mfcc=20)
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """A copy of it."""
    shutil.copytree(made, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def plain_folder(tmp_path, monkeypatch):
    """The working folder alone, without git, DVC and predictions."""
    write(tmp_path, right(predictions()))
    shutil.rmtree(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compared(*arguments):
    result = ser("compare", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def records(*arguments):
    """Revision and experiment -> its record."""
    rows = json.loads(compared(*arguments, "--format", "json"))
    return {(row["revision"], row["experiment"]): row for row in rows}


def refused(*arguments, code=2):
    """The one line of an error."""
    result = ser("compare", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    return line.removeprefix("error: ")
