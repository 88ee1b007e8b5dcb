"""`ser bench serve`: its clients tell right answers from wrong ones, and the table has what was measured."""

import json

import pytest
from click.testing import CliRunner
from running_app import recording, running, small_export

from pipeline import load_model
from pipeline.app.limits import Limits
from pipeline.bench.serve import Crowd
from pipeline.cli import main


def test_a_crowd_counts_what_is_right_what_is_wrong_and_what_is_refused(tmp_path):
    model, files = load_model(small_export(tmp_path)), [recording(0.4), recording(0.5)]
    for number, content in enumerate(files):
        (tmp_path / f"{number}.wav").write_bytes(content)
    rows = [model.predict_proba(tmp_path / f"{number}.wav").tolist() for number in range(2)]
    offline = [dict(zip(model.classes, row, strict=True)) for row in rows]
    with running({"mine": model}, Limits(per_minute=24)) as known:
        right = Crowd(known.address.port, files, offline).asked(4, lambda count: count == 4)
        assert (len(right.times), right.wrong, right.errors.total()) == (16, 0, 0)
        wrong = Crowd(known.address.port, files, offline[::-1]).asked(4, lambda count: count == 3)
    assert (len(wrong.times), wrong.wrong + wrong.errors["429"]) == (0, 12)
    assert wrong.wrong >= 8


@pytest.mark.slow
def test_the_command_measures_an_export(tmp_path):
    report = tmp_path / "figures.json"
    (tmp_path / "speech").mkdir()
    for name, length in (("short", 0.4), ("long", 4.0)):
        (tmp_path / "speech" / f"{name}.wav").write_bytes(recording(length))
    arguments = ["bench", "serve", str(small_export(tmp_path)), "--quick", "--json", str(report)]
    arguments += ["--recordings", str(tmp_path / "speech")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    figures = {figure["name"]: figure for figure in json.loads(report.read_text())["figures"]}
    assert figures["50 clients for 3 s: answers beside the offline ones"]["met"]
    assert figures["50 clients for 3 s: refused or broken"]["met"]
    assert figures["warm, load_model, p50"]["value"] > 0
    assert figures["cold, `ser predict`"]["note"] == "of 1"
    assert figures["HTTP beside the forward pass"]["target"] == "< 20 %"
    assert "50 clients send 2 recordings of " in done.output
