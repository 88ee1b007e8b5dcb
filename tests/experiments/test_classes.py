"""Class sets: emotions left out and merged, before anything is split or trained."""

import numpy as np
import pytest
from feature_files import corpus, manifest_row, write_features

from pipeline.config.fusions import FusionParams
from pipeline.config.protocols import LeaveOneSpeakerOut
from pipeline.errors import UserError
from pipeline.experiments.classes import class_set
from pipeline.experiments.cross_validation import cross_validate
from pipeline.experiments.experiment import Experiment
from pipeline.experiments.fusion import fuse
from pipeline.experiments.predictions import Predictions
from pipeline.strict import validate
from pipeline.systems import find_system

EMOTIONS = ("angry", "excited", "happy", "neutral", "sad")
ROWS = corpus(speakers=4, emotions=EMOTIONS, takes=2)
SET = {"angry": ["angry"], "happy": ["happy", "excited"], "sad": ["sad"]}


def test_none_is_all_rows_as_they_are():
    assert class_set(ROWS, None) == ROWS


def test_labels_are_merged_and_others_left_out():
    rows = class_set(ROWS, SET)
    assert [row.key for row in rows] == [row.key for row in ROWS if row.emotion != "neutral"]
    before = {row.key: row for row in ROWS}
    for row in rows:
        assert row.emotion == {"excited": "happy"}.get(before[row.key].emotion, before[row.key].emotion)
        assert row.raw_emotion == before[row.key].raw_emotion


def test_a_class_of_no_recording_is_a_mistake():
    message = (
        "no recording of corpus toy is 'bored' or 'calm', of class 'low'; take it out of .*; there are angry, excited"
    )
    with pytest.raises(UserError, match=message):
        class_set(ROWS, SET | {"low": ["bored", "calm"]})
    with pytest.raises(UserError, match="no recording of corpus which is empty"):
        class_set([], SET)


def test_a_label_of_no_recording_may_be_merged_with_one_that_has_some():
    assert class_set(ROWS, SET | {"sad": ["sad", "bored"]}) == class_set(ROWS, SET)


@pytest.fixture
def trained(tmp_path):
    """Cross-validate the pooled system with a class set, on feature files of the whole corpus or of its rows only."""

    def trained(name, rows, emotions, held, **params):
        rng = np.random.default_rng(0)
        values = {row.key: rng.standard_normal((6, 4)).astype(np.float32) for row in ROWS}
        files = {
            role: write_features(tmp_path / f"{name}-{role}.h5", {row.key: values[row.key] for row in held}, role)
            for role in ("logmel", "mfcc", "prosody")
        }
        kind = find_system("pooled").load()
        protocol = LeaveOneSpeakerOut(scheme="leave_one_speaker_out")
        settings = validate(kind.Params, params)
        experiment = Experiment(name, "pooled", kind, settings, protocol, rows, files, emotions=emotions)
        return cross_validate(experiment, tmp_path / name)[0]

    return trained


@pytest.mark.parametrize("normalisation", ["training", "per_speaker", "per_corpus"])
def test_recordings_outside_the_class_set_change_nothing(trained, normalisation):
    rows = class_set(ROWS, SET)
    kept = {row.key for row in rows}
    whole = trained("whole", rows, SET, ROWS, normalisation=normalisation)
    alone = trained("alone", rows, SET, [row for row in ROWS if row.key in kept], normalisation=normalisation)
    assert whole.classes == ["angry", "happy", "sad"]
    assert set(whole.keys) == kept
    assert whole.emotions == alone.emotions
    np.testing.assert_array_equal(whole.rows, alone.rows)


def test_the_card_says_the_class_set_and_a_fusion_goes_by_it(trained, tmp_path):
    merged = trained("merged", class_set(ROWS, SET), SET, ROWS)
    plain = trained("plain", class_set(ROWS, {name: [name] for name in SET}), {name: [name] for name in SET}, ROWS)
    everything = trained("everything", ROWS, None, ROWS)
    merged.write(tmp_path / "predictions")
    assert Predictions.read(tmp_path / "predictions").card["emotions"] == SET
    assert everything.card["emotions"] is None
    params = FusionParams(of=["a", "b"], fit_on="validation")
    assert fuse("f", params, {"a": merged, "b": merged}).card["emotions"] == SET
    with pytest.raises(UserError, match="f: its branches a and b differ in emotions"):
        fuse("f", params, {"a": merged, "b": plain})


def test_manifest_rows_are_not_changed():
    rows = [manifest_row("k", "s", "happy")]
    class_set(rows, {"glad": ["happy"]})
    assert rows[0].emotion == "happy"
