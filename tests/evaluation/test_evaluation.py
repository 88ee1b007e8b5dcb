"""What an evaluation writes: few scores for people, and all else beside them."""

import json

from feature_files import manifest_row
from scipy.stats import binomtest
from toy_predictions import ROWS, files_in, predictions, run


def test_the_scores_are_those_of_the_pooled_test_parts(tmp_path):
    table = run(tmp_path, {"toy": predictions()})["toy"]
    found = table["scores"]
    # In each fold the first of two angry utterances is mistaken; sad is never.
    assert (found["WA"], found["UA"]) == (0.75, 0.75)
    assert found["recall"] == {"angry": 0.5, "sad": 1.0}
    means = {"WA": 0.75, "UA": 0.75, "macro_F1": 0.7333, "weighted_F1": 0.7333, "macro_precision": 0.8333}
    assert table["mean_over_folds"] == means
    assert (table["utterances"], table["folds"], table["speaker_dependent"]) == (16, 4, False)
    assert table["interval"]["WA"] == [0.75, 0.75]  # all speakers are alike
    assert json.loads((tmp_path / "details/toy.json").read_text()) == table
    low, high = table["interval"]["UA"]
    assert json.loads((tmp_path / "scores.json").read_text()) == {
        "toy": {"UA": 0.75, "UA_low": low, "UA_high": high, "WA": 0.75, "macro_F1": 0.7333}
    }


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
        "details/toy.json",
        "details/other.json",
        "scores.json",
        "comparisons.csv",
        "summary.md",
    }
    confusion = written["confusion/toy.csv"].decode().splitlines()
    assert confusion[0] == "actual,predicted"
    assert {line: confusion.count(line) for line in confusion[1:]} == {"angry,sad": 4, "angry,angry": 4, "sad,sad": 8}
    assert written["curves/toy.csv"].decode().splitlines()[:3] == [
        "fold,epoch,train_loss,train_acc,valid_loss,valid_acc",
        "0,1.0000,1.2500,,,",
        "0,2.0000,0.5000,0.5000,0.7500,1.0000",
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
