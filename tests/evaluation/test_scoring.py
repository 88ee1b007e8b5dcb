"""Scores against numbers worked out by hand; and no leak gets as far as a table."""

import json
from math import comb

import numpy as np
import pytest
from feature_files import corpus, manifest_row
from scipy.stats import binomtest

from pipeline.config.scoring import ScoringParams
from pipeline.errors import ParamsError, UserError
from pipeline.evaluation.evaluation import check_leaks, evaluate
from pipeline.evaluation.scores import intervals, mcnemar, scores
from pipeline.experiments.predictions import Predictions
from pipeline.strict import validate

FAST = ScoringParams(bootstrap=200)


# --- scores ---


def test_scores_by_hand():
    # Confusions: 3 of 4 a are right and one is taken for b; 1 of 2 b; c never.
    y = np.array([0, 0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 0, 1, 1, 0, 1])
    found = scores(y, predicted, ["a", "b", "c"])
    precision, recall = [3 / 4, 1 / 3, 0], [3 / 4, 1 / 2, 0]
    f1 = [3 / 4, 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2), 0]
    assert found["WA"] == pytest.approx(4 / 7)
    assert found["UA"] == pytest.approx(np.mean(recall))
    assert found["macro_F1"] == pytest.approx(np.mean(f1))
    assert found["weighted_F1"] == pytest.approx((4 * f1[0] + 2 * f1[1]) / 7)
    assert found["macro_precision"] == pytest.approx(np.mean(precision))
    assert found["recall"] == pytest.approx({"a": 3 / 4, "b": 1 / 2, "c": 0})


def test_ua_is_the_mean_recall_of_the_classes_that_are_there():
    y, predicted = np.array([0] * 9 + [2]), np.array([0] * 9 + [0])
    found = scores(y, predicted, ["a", "b", "c"])
    assert (found["WA"], found["UA"]) == (0.9, 0.5)
    assert set(found["recall"]) == {"a", "c"}


# --- confidence intervals ---


def test_intervals_resample_speakers():
    # Two speakers, one wholly right and one wholly wrong: a sample of speakers scores 0, 1/2 or 1.
    y = np.zeros(200, int)
    predicted = np.repeat([0, 1], 100)
    by_speaker = intervals(y, predicted, ["s0"] * 100 + ["s1"] * 100, ScoringParams(), 0)
    assert by_speaker["WA"] == [0, 1]
    by_utterance = intervals(y, predicted, [f"s{i}" for i in range(200)], ScoringParams(), 0)
    assert 0.4 < by_utterance["WA"][0] < 0.5 < by_utterance["WA"][1] < 0.6


def test_one_speaker_falls_back_to_utterances():
    y = np.zeros(200, int)
    predicted = np.repeat([0, 1], 100)
    params = ScoringParams()
    alone = intervals(y, predicted, ["s0"] * 200, params, 0)
    assert alone == intervals(y, predicted, [f"{i:03d}" for i in range(200)], params, 0)
    spread = 1.96 * np.sqrt(0.25 / 200)
    np.testing.assert_allclose(alone["WA"], [0.5 - spread, 0.5 + spread], atol=0.02)


def test_intervals_are_those_of_a_plain_bootstrap():
    rng = np.random.default_rng(0)
    y, speakers = rng.integers(0, 3, 300), rng.integers(0, 8, 300)
    predicted = np.where(rng.random(300) < 0.3 + speakers / 16, y, rng.integers(0, 3, 300))
    found = intervals(y, predicted, [str(s) for s in speakers], ScoringParams(bootstrap=4000, confidence=0.9), 1)
    wa, ua = [], []
    for _ in range(4000):
        rows = np.concatenate([np.flatnonzero(speakers == s) for s in rng.integers(0, 8, 8)])
        hit = y[rows] == predicted[rows]
        wa.append(hit.mean())
        ua.append(np.mean([hit[y[rows] == c].mean() for c in range(3)]))
    np.testing.assert_allclose(found["WA"], np.quantile(wa, [0.05, 0.95]), atol=0.01)
    np.testing.assert_allclose(found["UA"], np.quantile(ua, [0.05, 0.95]), atol=0.01)


def test_a_sample_that_lacks_an_emotion_is_drawn_again():
    # Only s0 says class 1; without s0, UA would be the recall of class 0 alone, 1.
    y, predicted = np.array([0, 1, 0, 0]), np.array([0, 0, 0, 0])
    found = intervals(y, predicted, ["s0", "s0", "s1", "s1"], ScoringParams(), 0)
    assert found["UA"] == [0.5, 0.5]


def test_where_no_sample_has_all_emotions_ua_is_over_those_there_are():
    """Forty speakers who say an emotion each, as in no corpus: nearly every sample lacks some."""
    y = np.arange(40)
    found = intervals(y, np.zeros(40, int), [f"s{i}" for i in range(40)], FAST, 0)
    assert 0 <= found["UA"][0] < found["UA"][1] < 0.2


def test_intervals_are_seeded_and_widen_with_confidence():
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, 2, 90), rng.integers(0, 2, 90)
    speakers = [str(i % 9) for i in range(90)]
    first = intervals(y, predicted, speakers, FAST, 0)
    assert intervals(y, predicted, speakers, FAST, 0) == first
    assert intervals(y, predicted, speakers, FAST, 1) != first
    wide = intervals(y, predicted, speakers, ScoringParams(bootstrap=200, confidence=0.999), 0)
    assert wide["WA"][0] < first["WA"][0] < first["WA"][1] < wide["WA"][1]


@pytest.mark.parametrize("wrong", [{"bootstrap": 99}, {"confidence": 1.0}, {"confidence": 95}])
def test_wrong_params_are_refused(wrong):
    with pytest.raises(ParamsError, match=next(iter(wrong))):
        validate(ScoringParams, wrong)


# --- McNemar ---


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (1, 0), (8, 1), (1, 8), (5, 5), (30, 12)])
def test_mcnemar_is_the_exact_binomial_test(only_first, only_second):
    both, neither = 7, 4
    n = only_first + only_second
    first = np.array([1] * both + [0] * neither + [1] * only_first + [0] * only_second)
    second = np.array([1] * both + [0] * neither + [0] * only_first + [1] * only_second)
    found = mcnemar(np.ones(len(first), int), first, second)
    tail = sum(comb(n, k) for k in range(min(only_first, only_second) + 1)) / 2**n
    assert found == pytest.approx(min(1.0, 2 * tail))
    if n:
        assert found == pytest.approx(binomtest(only_first, n).pvalue)


# --- predictions ---

CLASSES = ["angry", "sad"]
ROWS = corpus(speakers=4, emotions=("angry", "sad"), takes=2)


def predictions(right=0.9, corpus_name="toy", **card):
    """Leave one speaker out over ROWS, with noisy copies in training; each fold's first utterance is mistaken."""
    found = Predictions(CLASSES)
    for number in range(4):
        test, validation = f"s{number}", f"s{(number + 1) % 4}"
        keys = {"train": [], "validation": [], "test": []}
        for row in ROWS:
            part = {test: "test", validation: "validation"}.get(row.speaker, "train")
            keys[part].append(row.key)
        keys["train"] += [f"{key}@10dB" for key in keys["train"]]
        for part in ("test", "validation"):
            for i, key in enumerate(keys[part]):
                label = ("sad" in key) ^ (i == 0)
                emotion, speaker = "sad" if "sad" in key else "angry", key.split("-")[0]
                found.add(number, part, [key], [emotion], [speaker], _row(label, right))
        found.folds.append(keys)
        found.curves += [{"fold": number, "epoch": 1, "train_loss": 1.25}]
        found.curves += [{"fold": number, "epoch": 2, "train_loss": 0.5, "valid_loss": 0.75, "valid_acc": 1.0}]
    found.card = {
        "name": "toy",
        "system": "toy",
        "corpus": corpus_name,
        "protocol": {"scheme": "leave_one_speaker_out"},
        "speaker_dependent": False,
        "random_backbone": False,
        "params": {},
        **card,
    }
    return found


def _row(label, right):
    return np.array([[1 - right, right] if label else [right, 1 - right]])


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_predictions_come_back_as_they_were_written(tmp_path):
    found = predictions(1 / 3)
    found.write(tmp_path)
    again = Predictions.read(tmp_path)
    for name in ("classes", "fold", "part", "keys", "emotions", "folds", "card"):
        assert getattr(again, name) == getattr(found, name), name
    np.testing.assert_allclose(again.rows, found.rows, rtol=1e-5)
    assert again.curves == found.curves
    again.write(tmp_path / "again")
    assert files_in(tmp_path / "again") == {
        name: data for name, data in files_in(tmp_path).items() if not name.startswith("again")
    }


def test_predictions_are_written_byte_for_byte_alike(tmp_path):
    for name in ("one", "two"):
        predictions(1 / 3).write(tmp_path / name)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
    assert set(files_in(tmp_path / "one")) == {"probabilities.csv", "folds.json", "curves.csv", "card.json"}
    text = (tmp_path / "one" / "probabilities.csv").read_bytes()
    assert b"\r" not in text
    assert text.splitlines()[0] == b"fold,part,key,emotion,speaker,p_angry,p_sad"


@pytest.mark.parametrize("name", ["probabilities.csv", "folds.json", "curves.csv", "card.json"])
def test_missing_predictions_name_the_folder(tmp_path, name):
    predictions().write(tmp_path / "toy")
    (tmp_path / "toy" / name).unlink()
    with pytest.raises(UserError, match="toy: predictions missing or damaged"):
        Predictions.read(tmp_path / "toy")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("probabilities.csv", ""),
        ("probabilities.csv", "fold,part,key,emotion,speaker,p_angry,p_sad\n0,test,k,sad,s,0.5\n"),
        ("probabilities.csv", "fold,part,key,emotion,speaker,p_angry,p_sad\n0,test,k,sad,s,0.5,x\n"),
        ("probabilities.csv", "fold,part,key,emotion,speaker,p_angry,p_sad\n0,test\n"),
        ("folds.json", "{"),
    ],
)
def test_damaged_predictions_name_the_folder(tmp_path, name, text):
    predictions().write(tmp_path / "toy")
    (tmp_path / "toy" / name).write_text(text)
    with pytest.raises(UserError, match="toy: predictions missing or damaged"):
        Predictions.read(tmp_path / "toy")


# --- evaluation ---


def run(folder, found, rows=ROWS, synthetic=(), params=FAST, published=None):
    return evaluate(found, rows, set(synthetic), params, 0, folder, published)


def test_the_scores_are_those_of_the_pooled_test_parts(tmp_path):
    table = run(tmp_path, {"toy": predictions()})["toy"]
    found = table.pop("scores")
    # In each fold the first of two angry utterances is mistaken; sad is never.
    assert (found["WA"], found["UA"]) == (0.75, 0.75)
    assert found["recall"] == {"angry": 0.5, "sad": 1.0}
    means = {"WA": 0.75, "UA": 0.75, "macro_F1": 0.7333, "weighted_F1": 0.7333, "macro_precision": 0.8333}
    assert table["mean_over_folds"] == means
    assert (table["utterances"], table["folds"], table["speaker_dependent"]) == (16, 4, False)
    assert table["interval"]["WA"] == [0.75, 0.75]  # all speakers are alike
    assert json.loads((tmp_path / "scores" / "toy.json").read_text()) == found
    assert json.loads((tmp_path / "details.json").read_text()) == {"toy": table}


def test_files_of_an_evaluation(tmp_path):
    run(tmp_path / "one", {"toy": predictions(), "other": predictions(0.8)})
    run(tmp_path / "two", {"toy": predictions(), "other": predictions(0.8)})
    written = files_in(tmp_path / "one")
    assert written == files_in(tmp_path / "two")
    assert set(written) == {
        "confusion/toy.csv",
        "confusion/other.csv",
        "curves/toy.csv",
        "curves/other.csv",
        "scores/toy.json",
        "scores/other.json",
        "details.json",
        "comparisons.csv",
        "summary.md",
    }
    confusion = written["confusion/toy.csv"].decode().splitlines()
    assert confusion[0] == "actual,predicted"
    assert {line: confusion.count(line) for line in confusion[1:]} == {"angry,sad": 4, "angry,angry": 4, "sad,sad": 8}
    assert written["curves/toy.csv"].decode().splitlines()[:3] == [
        "fold,epoch,train_loss,valid_loss,valid_acc",
        "0,1.0000,1.2500,,",
        "0,2.0000,0.5000,0.7500,1.0000",
    ]


def test_systems_tested_on_the_same_utterances_are_compared(tmp_path):
    first, second, partial, elsewhere = predictions(), predictions(), predictions(), predictions(corpus_name="there")
    second.rows = [1 - row for row in second.rows]
    gone = set(partial.folds[3]["test"])
    keep = [i for i, key in enumerate(partial.keys) if not (partial.fold[i] == 3 and key in gone)]
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(partial, name, [getattr(partial, name)[i] for i in keep])
    partial.folds = partial.folds[:3]
    rows = [*ROWS, *(manifest_row(row.key, row.speaker, row.emo, "there") for row in ROWS)]
    run(tmp_path, {"a": first, "b": second, "c": partial, "d": elsewhere}, rows)
    # 12 utterances only a gets right, 4 only b.
    assert (tmp_path / "comparisons.csv").read_text().splitlines() == [
        "first,second,utterances,p_mcnemar",
        f"a,b,16,{binomtest(4, 16).pvalue:.4g}",
    ]


# --- leaks ---


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
            found.keys[found.where("test", 1)[0]] = found.folds[0]["test"][0]
        case "predicted twice":
            found.add(1, "test", [tested], ["angry"], ["s1"], _row(0, 1.0))
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
        check_leaks("leaky", found, {row.key: row.speaker for row in ROWS})


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
    check_leaks("good", predictions(), {row.key: row.speaker for row in ROWS})


# --- the summary ---


def summary(folder):
    """Experiment -> its cells by column, and footnote mark -> its line."""
    found = {}
    columns = []
    for line in (folder / "summary.md").read_text().splitlines():
        if line.startswith("| experiment"):
            columns = [cell.strip().split(" ")[0] for cell in line.strip("|").split("|")]
        elif line.startswith("| "):
            cells = [cell.strip() for cell in line[1:-1].split("|")]
            found[cells[0]] = dict(zip(columns, cells, strict=True))
        elif line.startswith("["):
            found[line[:3]] = line
    return found


def test_the_summary_marks_what_to_beware_of(tmp_path):
    run(
        tmp_path,
        {
            "plain": predictions(corpus_name="real"),
            "made": predictions(),
            "random": predictions(corpus_name="real", random_backbone=True),
            "all": predictions(
                random_backbone=True, speaker_dependent=True, transductive=True, params={"fit_on": "other_folds"}
            ),
        },
        [*ROWS, *(manifest_row(row.key, row.speaker, row.emo, "real") for row in ROWS)],
        synthetic={"toy"},
    )
    found = summary(tmp_path)
    assert {name: found[name]["notes"] for name in ("plain", "made", "random", "all")} == {
        "plain": "",
        "made": "[1]",
        "random": "[2]",
        "all": "[1] [2] [3] [4] [5]",
    }
    assert (found["plain"]["corpus"], found["made"]["corpus"]) == ("real", "toy (synthetic)")
    starts = ["synthetic speech", "random backbone", "speaker-dependent", "transductive"]
    starts.append("the fusion was fitted on the other folds'")
    for mark, start in zip(("[1]", "[2]", "[3]", "[4]", "[5]"), starts, strict=True):
        assert found[mark].startswith(f"{mark} {start}")


def test_a_summary_of_nothing_to_beware_of_has_no_notes(tmp_path):
    run(tmp_path, {"plain": predictions()})
    found = summary(tmp_path)
    assert set(found) == {"plain"}
    assert found["plain"] == {
        "experiment": "plain",
        "corpus": "toy",
        "protocol": "leave_one_speaker_out, 4 folds",
        "WA": "75.0 [75.0, 75.0]",
        "UA": "75.0 [75.0, 75.0]",
        "macro-F1": "73.3",
        "weighted-F1": "73.3",
        "mean": "WA 75.0, UA 75.0",
        "notes": "",
    }
    assert "[95% interval]" in (tmp_path / "summary.md").read_text()


def test_published_figures_stand_beside_ours(tmp_path):
    paper = {"theirs": {"WA": 81.86, "macro_F1": 82.8}}
    run(tmp_path, {"theirs": predictions(), "ours": predictions()}, published=paper)
    found = summary(tmp_path)
    assert (found["theirs"]["published"], found["ours"]["published"]) == ("WA 81.9, macro-F1 82.8", "")
    assert (found["theirs"]["notes"], found["ours"]["notes"]) == ("[1]", "")
    assert found["[1]"].startswith("[1] published: the paper's own figures")
