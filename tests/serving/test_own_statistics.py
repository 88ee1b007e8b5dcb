"""Models that standardise recordings by their own statistics, through `ser predict`, `ser export` and `load_model`."""

import shutil

import pytest
from click.testing import CliRunner
from trained_project import signed, trained_project

from pipeline import load_model
from pipeline.cli import main
from pipeline.errors import UserError

pytestmark = pytest.mark.slow

SPEAKERS = ("anna", "ben", "cleo")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """See `trained_project`, with the models of each normalisation: `statistics` per speaker, `corpus` per corpus."""
    project = trained_project(tmp_path_factory.getbasetemp())
    folder = tmp_path_factory.mktemp("models") / "corpus"
    shutil.copytree(project.folder / "exports/statistics", folder)
    for name in ("card.json", "model.json"):
        (folder / name).write_text((folder / name).read_text().replace("per_speaker", "per_corpus"))
    return project, signed(folder)


def ser(*arguments, code=0):
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def table(trained, count):
    """A table of so many recordings of each speaker."""
    place = trained[0].folder / f"{count}_each.csv"
    rows = [
        f"{path.relative_to(place.parent)},{name}" for name in SPEAKERS for path in of_speaker(trained, name)[:count]
    ]
    place.write_text("\n".join(["path,speaker", *rows, ""]))
    return place


def of_speaker(trained, name):
    return sorted(path for path in trained[0].recordings if path.name.startswith(name))


def test_one_recording_alone_is_refused(trained, monkeypatch):
    monkeypatch.chdir(trained[0].folder)
    done = ser("predict", "exports/statistics", table(trained, 1), code=1)
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "error: statistics: statistics of each speaker (normalisation: per_speaker) need several recordings of one "
        "speaker, and there is one of 'anna'; give more at once, or take a model with normalisation: training"
    )
    done = ser("predict", trained[1], trained[0].recordings[0], code=1)
    assert done.stdout == ""
    assert "(normalisation: per_corpus) need several recordings of one corpus, and there is one; give" in done.stderr


def test_few_recordings_are_warned_of(trained, monkeypatch):
    monkeypatch.chdir(trained[0].folder)
    done = ser("predict", "exports/statistics", table(trained, 2))
    assert "warning: statistics: statistics of each speaker (normalisation: per_speaker) are poor" in done.stderr
    assert "there are 2 of 'anna'; give 5 or more of each speaker" in done.stderr
    done = ser("predict", trained[1], table(trained, 1))
    assert "warning: statistics: all 3 recordings are taken for one corpus, whose statistics standardise" in done.stderr
    assert "and there are 3; give 5 or more of each corpus" in done.stderr
    done = ser("predict", trained[1], "recordings")
    assert done.stderr.count("warning: ") == 1  # of the one corpus
    assert "warning" not in ser("predict", "exports/again", trained[0].recordings[0]).stderr


def test_windows_and_single_recordings_in_python_are_refused(trained, monkeypatch):
    monkeypatch.chdir(trained[0].folder)
    path = trained[0].recordings[0]
    done = ser("predict", trained[1], path, "--window", 0.2, code=1)
    assert "(normalisation: per_corpus), which need several recordings of one corpus, and here each is" in done.stderr
    with pytest.raises(UserError, match=r"normalisation: per_corpus.* is heard alone; .* with normalisation: training"):
        load_model(trained[1]).predict_proba(path)
    assert load_model(trained[1]).embed(path).ndim == 1  # raw features, which no statistics standardise


def test_an_export_says_that_it_needs_several_at_once(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained[0].folder)
    ser("export", "statistics", "--to", tmp_path / "sent")
    page = (tmp_path / "sent/README.md").read_text()
    assert "needs several of one speaker at once, in a table with the columns path and speaker" in page
    assert "load_model" not in page
    done = ser("predict", tmp_path / "sent", table(trained, 1), code=1)
    assert "and there is one of 'anna'" in done.stderr
