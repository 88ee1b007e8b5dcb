"""No leak gets as far as a table."""

import pytest
from toy_predictions import ROWS, certain_row, predictions, run, summary

from pipeline.errors import UserError
from pipeline.evaluation.leaks import check_leaks


def leaky(kind):
    found = predictions()
    fold = found.folds[1]  # tests s1, validates on s2
    tested = fold["test"][0]
    match kind:
        case "test speaker":
            moved = fold["test"].pop()
            fold["train"].append(moved)
            drop = next(i for i in found.where("test", 1) if found.keys[i] == moved)
            for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
                getattr(found, name).pop(drop)
        case "validation speaker":
            fold["train"].append(fold["validation"].pop())
        case "test utterance":
            fold["train"].append(tested)
        case "noisy copy in training":
            fold["train"].append(f"{tested}@10dB")
        case "noisy copy of validation":
            fold["train"].append(f"{fold['validation'][0]}@10dB")
        case "noisy copy in test":
            fold["test"].append(f"{tested}@10dB")
        case "noisy copy in validation":
            fold["validation"].append(f"{fold['validation'][0]}@10dB")
        case "missing prediction":
            drop = found.where("test", 1)[0]
            for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
                getattr(found, name).pop(drop)
        case "prediction of another fold":
            moved = found.where("test", 1)[0]
            found.keys[moved], found.speakers[moved] = found.folds[0]["test"][0], "s0"
        case "predicted twice":
            found.add(1, "test", [tested], ["angry"], ["s1"], certain_row(0, 1.0))
        case "tested twice":
            copied = [found.where("test", 0), found.folds[0]["test"]]
            found.folds.append(found.folds[0])
            for i, key in zip(*copied, strict=True):
                found.add(4, "test", [key], [found.emotions[i]], [found.speakers[i]], found.rows[i][None])
    return found


SPEAKER_LEAKS = {
    "test speaker": "speaker 's1' of the test part of fold 1 is trained on",
    "validation speaker": "speaker 's2' of the validation part of fold 1 is trained on",
}
UTTERANCE_LEAKS = {
    "test utterance": "'s1-angry-0' of the test part of fold 1 is trained on",
    "noisy copy in training": "'s1-angry-0' of the test part of fold 1 is trained on",
    "noisy copy of validation": "'s2-angry-0' of the validation part of fold 1 is trained on",
    "noisy copy in test": "the test part of fold 1 has the copy 's1-angry-0@10dB'",
    "noisy copy in validation": "the validation part of fold 1 has the copy 's2-angry-0@10dB'",
    "missing prediction": "the predictions of fold 1 are not those of its test part",
    "prediction of another fold": "the predictions of fold 1 are not those of its test part",
    "predicted twice": "the predictions of fold 1 are not those of its test part",
    "tested twice": "'s0-angry-0' of fold 4 is tested twice",
}


@pytest.mark.parametrize("kind", [*SPEAKER_LEAKS, *UTTERANCE_LEAKS])
def test_a_leak_is_refused_and_nothing_is_written(tmp_path, kind):
    problem = (SPEAKER_LEAKS | UTTERANCE_LEAKS)[kind]
    with pytest.raises(UserError, match=f"^leaky: {problem}"):
        run(tmp_path / "metrics", {"good": predictions(), "leaky": leaky(kind)})
    assert not (tmp_path / "metrics").exists()


@pytest.mark.parametrize("kind", UTTERANCE_LEAKS)
def test_no_protocol_allows_utterances_in_two_parts(kind):
    found = leaky(kind)
    found.card["speaker_dependent"] = True
    with pytest.raises(UserError, match=UTTERANCE_LEAKS[kind]):
        check_leaks("leaky", found, ROWS)


@pytest.mark.parametrize("kind", SPEAKER_LEAKS)
def test_a_speaker_dependent_protocol_may_share_speakers_and_is_marked(tmp_path, kind):
    found = leaky(kind)
    found.card.update(speaker_dependent=True, protocol={"scheme": "stratified_split"})
    table = run(tmp_path, {"dependent": found, "independent": predictions()})
    assert [row["speaker_dependent"] for row in table.values()] == [True, False]
    lines = summary(tmp_path)
    assert lines["dependent"]["notes"] == "[1]"
    assert lines["independent"]["notes"] == ""
    assert lines["[1]"].startswith("[1] speaker-dependent: test speakers were also trained on")


def test_predictions_without_leaks_pass():
    check_leaks("good", predictions(), ROWS)
