"""`ser compare`: experiments and revisions side by side, with what is the same in them, and what is not."""

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from compared_projects import HIDDEN, compared, made, plain_folder, project, records, right, write
from in_process import ser
from projects import sh
from toy_predictions import predictions, without_validation

# --- the working folder ---

__all__ = ["made", "plain_folder", "project"]


def test_the_working_folder_needs_neither_git_nor_predictions(plain_folder):
    rows = records()
    assert list(rows) == [("workspace", "plain"), ("workspace", "steady")]
    plain = rows["workspace", "plain"]
    assert [plain[key] for key in ("UA", "UA_high", "WA", "macro_F1", "utterances")] == [1, 1, 1, 1, 16]
    assert plain["UA_low"] == 0.8064  # Wilson's, of 16 of 16
    details = json.loads((plain_folder / "metrics/details/steady.json").read_text())
    steady = rows["workspace", "steady"]
    for measure in ("UA", "WA", "macro_F1"):
        assert steady[measure] == details["scores"][measure]
        assert [steady[f"{measure}_low"], steady[f"{measure}_high"]] == details["interval"][measure]
    assert (plain["against"], plain["UA_difference"], plain["p"], plain["changed"]) == ("", None, None, [])


def test_experiments_are_compared_with_one_of_them(project):
    rows = records("--against", "steady")
    assert rows["workspace", "steady"]["against"] == ""
    plain = rows["workspace", "plain"]
    assert (plain["against"], plain["UA_difference"]) == ("workspace:steady", 0.1875)
    (table,) = csv.DictReader((project / "metrics/comparisons.csv").open())
    for ours, theirs in {"UA_difference": "UA_difference", "difference_low": "low", "difference_high": "high"}.items():
        assert f"{plain[ours]:.4f}" == table[theirs]
    for name in ("p", "p_holm", "p_mcnemar"):
        assert f"{plain[name]:.4g}" == table[name]


def test_the_tests_are_explained_whole(project):
    said = " ".join(compared("--against", "steady").split())
    assert "with Holm's correction for all differences of a corpus; McNemar's exact test takes" in said


def test_files_of_the_project_are_not_written_over(project):
    (project / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    for name in ("params.yaml", "dvc.yaml", "metrics/scores.json", "metrics/../params.yaml"):
        before = (project / name).read_bytes()
        result = ser("compare", "--out", name)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"--out {Path(name)}: is a file of this project; give another name" in result.stderr
        assert (project / name).read_bytes() == before


def test_without_a_commit_there_is_no_head(project, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    subprocess.run(["git", "init", "-q"], check=True)
    assert "HEAD: this project has no commit yet" in ser("compare", "HEAD").stderr


def test_without_predictions_the_scores_stand_alone(plain_folder):
    plain = records("--against", "steady")["workspace", "plain"]
    assert (plain["UA_difference"], plain["difference_low"], plain["p"], plain["p_mcnemar"]) == (0.25, None, None, None)
    assert [note.split(": ")[0] for note in plain["notes"][:2]] == ["no test of the difference"] * 2
    assert "data/predictions/plain: predictions missing" in plain["notes"][0]


def test_old_metrics_without_details_have_their_five_figures(plain_folder):
    shutil.rmtree(plain_folder / "metrics/details")
    steady = records()["workspace", "steady"]
    assert [steady[key] for key in ("UA", "UA_low", "UA_high", "WA", "WA_low")] == [0.75, 0.505, 0.8982, 0.75, None]
    assert re.search(r"^steady +75\.0 \[50\.5, 89\.8\] +75\.0 +73\.3$", compared(), re.MULTILINE)


def test_predictions_that_the_scores_are_not_of_test_nothing(project):
    right(predictions(), range(1)).write(project / "data/predictions/plain")
    plain = records("--against", "steady")["workspace", "plain"]
    assert (plain["UA_difference"], plain["p"]) == (0.1875, None)
    assert plain["notes"][0].endswith("data/predictions/plain of workspace is not what its metrics are of")


# --- revisions ---


def test_a_revision_is_compared_with_the_first(project):
    rows = records("first", "second")
    assert list(rows) == [("first", "plain"), ("second", "plain"), ("first", "steady"), ("second", "steady")]
    plain = rows["second", "plain"]
    assert (rows["first", "plain"]["UA"], plain["UA"], plain["against"]) == (0.75, 1, "first:plain")
    assert (plain["UA_difference"], plain["difference_low"], plain["difference_high"]) == (
        0.25,
        -1,
        1,
    )  # four are too few
    assert plain["p_mcnemar"] == 2 * 0.5**4
    assert plain["p"] == plain["p_holm"] == 2 * 0.5**4  # four speakers can show no more
    assert plain["commit"] == sh(project, "git", "rev-parse", "second").strip()


def test_what_did_not_change_is_the_same_and_no_part_of_holms_family(project):
    steady = records("first", "second")["second", "steady"]
    assert (steady["UA_difference"], steady["p"], steady["p_holm"]) == (0, None, None)
    assert "same predictions" in compared("first", "second")


def test_only_params_that_concern_an_experiment_are_changes_of_it(project):
    rows = records("first", "second")
    assert rows["second", "plain"]["changed"] == [{"key": "experiments.plain.params.c", "before": 0.01, "after": 0.1}]
    assert rows["second", "steady"]["changed"] == [{"key": "features.unread.n_mfcc", "before": 13, "after": 14}]
    lines = compared("first", "second", "--experiment", "plain").splitlines()
    at = lines.index("changed params of plain, first -> second")
    assert lines[at + 1 : at + 3] == ["  experiments.plain.params.c: 0.01 -> 0.1", ""]


def test_dvcs_experiments_and_the_working_folder_are_revisions_too(project):
    rows = records("second", "tried", "workspace", "--experiment", "plain", "--against", "tried")
    assert [row["UA"] for row in rows.values()] == [1, 0.875, 0.9375]
    assert [row["UA_difference"] for row in rows.values()] == [0.125, None, 0.0625]
    assert rows["second", "plain"]["p"] > 0.05  # two of four speakers differ
    assert [one["key"] for one in rows["second", "plain"]["changed"]] == [
        "experiments.plain.params.c",
        "features.cepstra.n_mfcc",
    ]
    assert rows["workspace", "plain"]["changed"] == []


def test_one_experiment_of_one_revision_can_stand_for_all(project):
    rows = records("first", "workspace", "--against", "first:steady")
    assert {key: row["against"] for key, row in rows.items()} == {
        ("first", "plain"): "first:steady",
        ("workspace", "plain"): "first:steady",
        ("first", "steady"): "",
        ("workspace", "steady"): "first:steady",
    }
    assert rows["workspace", "plain"]["UA_difference"] == 0.1875
    assert rows["workspace", "plain"]["changed"] == []


def test_predictions_that_are_not_in_the_cache_are_said_to_be_so(project):
    for path in (project / ".dvc/cache").rglob("*.dir"):
        path.unlink()
    plain = records("first", "second", "--experiment", "plain")["second", "plain"]
    assert (plain["UA_difference"], plain["p"]) == (0.25, None)
    assert f"no test of the difference: {HIDDEN}; `dvc fetch --all-commits` gets it" in plain["notes"]


def test_a_project_below_its_repository_is_read_there(tmp_path, monkeypatch):
    write(tmp_path, predictions())
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", right(predictions()))
    sh(tmp_path, "git", "init", "-q")
    sh(tmp_path, "git", "add", "-A")
    sh(tmp_path, "git", "-c", "user.email=a@b", "-c", "user.name=A", "commit", "-qm", "all")
    monkeypatch.chdir(tmp_path / "inner")
    assert records("HEAD")["HEAD", "plain"]["UA"] == 1


def test_an_experiment_that_the_other_lacks_has_nothing_to_be_compared_with(project):
    metrics = json.loads((project / "metrics/scores.json").read_text())
    (project / "metrics/scores.json").write_text(json.dumps({**metrics, "new": metrics["plain"]}))
    new = records("first", "workspace")["workspace", "new"]
    assert (new["against"], new["notes"][0]) == ("", "nothing to compare with: first has no scores of it")


# --- what is not of the same tests ---


def without_a_speaker():
    found = without_validation(predictions())
    keep = [i for i, speaker in enumerate(found.speakers) if speaker != "s3"]
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(found, name, [getattr(found, name)[i] for i in keep])
    return found


def test_scores_of_other_utterances_have_no_difference_and_say_so(project):
    whole = predictions()
    fewer = without_a_speaker()
    fewer.write(project / "data/predictions/plain")
    details = json.loads((project / "metrics/details/steady.json").read_text())
    for row in details["classes"].values():
        row["support"] = 6
    (project / "metrics/details/plain.json").write_text(json.dumps(details))
    whole.write(project / "data/predictions/steady")
    plain = records("--against", "steady")["workspace", "plain"]
    assert (plain["UA_difference"], plain["p"]) == (None, None)
    assert plain["notes"][0] == ("not tested alike: tests angry 6, sad 6, in steady angry 8, sad 8")


def test_another_corpus_is_said_without_predictions_too(plain_folder):
    path = plain_folder / "params.yaml"
    text = path.read_text()
    path.write_text(text.replace("{system: svm, corpus: toy", "{system: svm, corpus: other"))
    plain = records("--against", "steady")["workspace", "plain"]
    assert plain["UA_difference"] is None
    assert plain["notes"][0] == "not tested alike: corpus toy, in steady other"


def test_another_protocol_on_the_same_utterances_is_tested_and_said(project):
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("leave_one_speaker_out}", "leave_one_speaker_out, inner_folds: 2}"))
    plain = records("first", "workspace")["workspace", "plain"]
    assert 0.01 < plain["p"] < 0.25
    assert plain["notes"][0] == (
        "other protocol leave_one_speaker_out, inner_folds 2, in first leave_one_speaker_out, inner_folds not given"
    )


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_part_of_the_listed_recordings_is_said_without_predictions(plain_folder, spoilt):
    write(plain_folder, predictions(listed={"recordings": 16, "here": 8, "unlisted": 0}))
    shutil.rmtree(plain_folder / "data")
    details = plain_folder / "metrics/details/plain.json"
    if spoilt:
        details.write_text(details.read_text().replace('"here"', '"there"'))
    (row,) = (row for (_, name), row in records().items() if name == "plain")
    assert ("part of the listed recordings" in row["notes"]) == (not spoilt)
