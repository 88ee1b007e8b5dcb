"""`ser audit`: what is shared between parts is in a table, and a shared recording fails."""

import csv
from dataclasses import replace

import pytest
from emobox_lists import line, write_lists
from in_process import ser
from toy_predictions import ROWS, predictions

from pipeline.corpora import manifest

EMODB = ["03a01Fa", "03a02Nc", "08a01Na", "08a02Wb", "16a01Wa", "16b03Td"]
"""three speakers, three texts"""


def lists(folder, train, test, corpus="emodb", number=1):
    parts = {"train": [line(corpus, name, "x") for name in train], "test": [line(corpus, name, "x") for name in test]}
    return str(write_lists(folder / corpus, corpus, [parts] * number))


def cells(result, fold="all"):
    """Speakers, recordings and texts shared, by the line of a fold."""
    row = next(one for one in result.stdout.splitlines() if one.startswith(f"{fold} "))
    columns = [cell.strip() for cell in row.split("  ") if cell.strip()]
    return columns[-3:]


def test_folds_without_a_common_speaker_pass_strictly(tmp_path):
    result = ser("audit", "--strict", lists(tmp_path, EMODB[:4], EMODB[4:]))
    assert (result.exit_code, cells(result)) == (0, ["0 of 1", "0 of 2", "1 of 2"])
    assert cells(result, "1") == cells(result)


def test_shared_speakers_are_named_and_fail_where_it_is_strict(tmp_path):
    folds = lists(tmp_path, EMODB[::2], EMODB[1::2])
    result = ser("audit", folds)
    assert (result.exit_code, cells(result)[:2]) == (0, ["3 of 3", "0 of 3"])
    assert "speakers shared: 03, 08, 16" in result.stdout
    assert ser("audit", "--strict", folds).exit_code == 1


def test_a_shared_recording_fails_whatever_the_options(tmp_path):
    result = ser("audit", lists(tmp_path, EMODB[:3], EMODB[2:]))
    assert (result.exit_code, cells(result)[1]) == (1, "1 of 4")
    assert "recordings shared: emodb-08a01Na" in result.stdout


def test_a_recording_in_the_validation_and_the_test_part_fails(tmp_path):
    (tmp_path / "parts.csv").write_text("key,part,speaker\na,train,x\nb,validation,y\nb,test,y\n")
    result = ser("audit", str(tmp_path / "parts.csv"))
    assert (result.exit_code, cells(result)) == (1, ["0 of 1", "1 of 1", "unknown"])


@pytest.mark.parametrize("same", ["sha256", "twin"])
def test_the_same_sound_under_two_names_fails_with_a_manifest(tmp_path, same):
    rows = [replace(row, sha256=row.key, text="hello") for row in ROWS]
    twin = {"sha256": rows[-1].key} if same == "sha256" else {"twin": rows[-1].key}
    manifest.write(tmp_path / "m.jsonl", [replace(rows[0], **twin), *rows[1:]])
    half = "".join(f"{row.key},{'test' if row.speaker < 's2' else 'train'}\n" for row in ROWS)
    (tmp_path / "parts.csv").write_text("key,part\n" + half + "stranger,train\n")
    arguments = ["audit", str(tmp_path / "parts.csv"), "--out", str(tmp_path / "shared.csv")]
    assert ser(*arguments).exit_code == 0
    result = ser(*arguments, "--manifest", str(tmp_path / "m.jsonl"))
    assert (result.exit_code, cells(result)) == (1, ["0 of 2", "1 of 8", "1 of 1"])
    assert f"not in {tmp_path / 'm.jsonl'}: 1 recordings, stranger" in result.stdout
    with (tmp_path / "shared.csv").open() as file:
        assert [(row["fold"], row["what"]) for row in csv.DictReader(file)] == [("0", "recordings"), ("0", "texts")]


def test_where_nobody_knows_who_speaks_strict_fails(tmp_path):
    (tmp_path / "parts.csv").write_text("key,part\na,train\nb,test\n")
    result = ser("audit", "--strict", str(tmp_path / "parts.csv"))
    assert (result.exit_code, cells(result)) == (1, ["unknown", "0 of 1", "unknown"])
    assert "unknown: who speaks in 2 recordings of a fold" in result.stdout


@pytest.mark.parametrize("leak", [False, True])
def test_what_an_experiment_leaves_behind(tmp_path, monkeypatch, leak):
    monkeypatch.chdir(tmp_path)
    found = predictions()
    if leak:
        found.folds[0]["train"].append(f"{found.folds[0]['test'][0]}@10dB")
    found.write(tmp_path / "data/predictions/toy")
    for given in ("toy", "data/predictions/toy", "data/predictions/toy/folds.json"):
        result = ser("audit", given)
        assert (result.exit_code, cells(result)[1]) == (int(leak), f"{int(leak)} of 16")
    assert cells(ser("audit", "toy"))[0] == f"{int(leak)} of 4"


def test_several_are_told_apart_and_any_leak_fails(tmp_path):
    good, bad = lists(tmp_path / "a", EMODB[:4], EMODB[4:]), lists(tmp_path / "b", EMODB, EMODB)
    result = ser("audit", good, bad)
    assert result.exit_code == 1
    assert [one for one in result.stdout.splitlines() if one.endswith(":")] == [f"{good}:", f"{bad}:"]


@pytest.mark.parametrize(
    ("corpus", "train", "test", "shared"),
    [
        ("cremad", ["1001_DFA_ANG_XX", "1002_IEO_HAP_HI"], ["1001_TIE_SAD_XX"], ["1 of 1", "0 of 1", "0 of 1"]),
        ("tess", ["OAF_back_angry", "YAF_mob_sad"], ["OAF_mob_ps", "YAF_dog_sad"], ["2 of 2", "0 of 2", "1 of 2"]),
        ("ravdess", ["03-01-05-01-02-01-18"], ["03-01-05-01-02-01-17"], ["0 of 1", "0 of 1", "1 of 1"]),
    ],
)
def test_the_speaker_and_the_text_are_told_by_names_alone(tmp_path, corpus, train, test, shared):
    assert cells(ser("audit", lists(tmp_path, train, test, corpus))) == shared
