"""What the stage `evaluate` refuses to score: what leaked by content, and predictions of another manifest."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from in_process import failing_stage, stage
from toy_predictions import ROWS, predictions

from pipeline import paths
from pipeline.corpora import manifest

UPDATE = "; run `dvc repro` to bring predictions up to date"
MEND = (
    "; run `dvc repro` if the manifest changed since, else choose another protocol, or take one of two equal "
    "recordings out (corpora.mine.duplicates: keep_first does, where they conflict)"
)
ONE = """\
  statistics: {system: pooled, corpus: mine, protocol: loso, logmel: mel, mfcc: cepstra, prosody: melody}
"""


@pytest.fixture
def scored(project):
    """A project of one experiment, its predictions, and the manifest that they were made from."""
    text = project.params.read_text()
    start, end = text.index("experiments:\n") + len("experiments:\n"), text.index("scoring:")
    project.params.write_text(text[:start] + ONE + text[end:])
    write(ROWS)
    found = predictions(corpus_name="mine", cost={}, name="statistics")
    found.write(paths.predictions("statistics"))
    return project


def write(rows):
    manifest.write(paths.manifest("mine"), [replace(row, dataset="mine") for row in rows])


def changed(**changes):
    """The rows with other values: key with _ for - -> values."""
    by_key = {key.replace("_", "-"): values for key, values in changes.items()}
    return [replace(row, **by_key.get(row.key, {})) for row in ROWS]


def test_what_is_right_is_scored(scored):
    assert stage("evaluate").exit_code == 0


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            changed(s1_angry_0={"twin": "s0-sad-1"}),
            "'s0-sad-1' of the test part of fold 0 is the recording 's1-angry-0', which is in its validation part"
            + MEND,
        ),
        (
            changed(s3_angry_0={"twin": "s0-sad-1"}),
            f"'s0-sad-1' of the test part of fold 0 is the recording 's3-angry-0', which is trained on{MEND}",
        ),
        (
            changed(s1_angry_0={"sha256": "5e"}, s3_sad_1={"sha256": "5e"}),
            f"'s1-angry-0' of the validation part of fold 0 is the recording 's3-sad-1', which is trained on{MEND}",
        ),
        (
            changed(s2_sad_0={"emotion": "angry"}),
            f"'s2-sad-0' has the label 'sad' in its predictions, and 'angry' in the manifest{UPDATE}",
        ),
        (
            changed(s2_sad_0={"speaker": "s9"}),
            f"'s2-sad-0' has the speaker 's2' in its predictions, and 's9' in the manifest{UPDATE}",
        ),
        (ROWS[1:], f"'s0-angry-0' is in no manifest{UPDATE}"),
        ([*ROWS, replace(ROWS[0], key="t0")], f"'t0' is in the manifest, and in none of its folds{UPDATE}"),
    ],
)
def test_what_is_wrong_is_one_line_and_writes_nothing(scored, rows, says):
    write(rows)
    assert failing_stage(scored, "evaluate") == f"statistics: {says}"


def test_labels_are_compared_after_the_class_set(scored):
    rows = [replace(row, emotion={"angry": "fearful"}.get(row.emotion, row.emotion)) for row in ROWS]
    write([*rows, replace(ROWS[0], key="other", emotion="happy")])
    assert failing_stage(scored, "evaluate").startswith("statistics: 'other' is in the manifest, and in none")
    card = paths.predictions("statistics") / "card.json"
    values = {**json.loads(card.read_text()), "emotions": {"angry": ["fearful"], "sad": ["sad"]}}
    card.write_text(json.dumps(values))
    assert stage("evaluate").exit_code == 0
    write([*rows[:-1], replace(rows[-1], emotion="happy")])
    assert (
        failing_stage(scored, "evaluate") == f"statistics: 's3-sad-1' has none of its classes in the manifest{UPDATE}"
    )


def test_a_key_that_only_trained_must_be_in_the_manifest(scored):
    folds = paths.predictions("statistics") / "folds.json"
    values = json.loads(folds.read_text())
    values[2]["train"].append("gone@10dB")
    folds.write_text(json.dumps(values))
    assert failing_stage(scored, "evaluate") == f"statistics: 'gone' is in no manifest{UPDATE}"


def test_the_summary_says_that_recordings_are_held_twice(scored):
    write(changed(s0_sad_1={"twin": "s0-sad-0"}))
    card = paths.predictions("statistics") / "card.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "twins": {"s0-sad-1": "s0-sad-0"}}))
    assert stage("evaluate").exit_code == 0
    assert "[1] recordings held twice: " in Path("metrics/summary.md").read_text()
    assert "recordings held twice" in Path("metrics/plots/scores.svg").read_text()
