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


# --- one recording under several names, one speaker in several spellings, and faults of the list itself ---


def audited(folder, text, *options, name="folds.csv"):
    (folder / name).write_text(text)
    return ser("audit", str(folder / name), *options)


ONE = [  # key and path in the training part, and in the test part
    ("k1,d/1.wav", "k2,d/1.wav"),
    ("k1,d/1.wav", "k1,e/1.wav"),
    ("k1,d/1.wav", "k2,./d/1.wav"),
    ("k1,d/1.wav", "k2,d//1.wav"),
    ("k1,d/1.wav", "k2,d/e/../1.wav"),
    ("k1,d/1.wav", r"k2,d\1.wav"),
    ("k1,caf\u00e9.wav", "k2,cafe\u0301.wav"),
    ("k1,ravdess/Actor_01/03-01-01-01-01-01-01.wav", "k2,copy/03-01-01-01-01-01-01.wav"),
    ("k1,SAVEE/DC/sa03.wav", "k2,DC_sa03.wav"),
    ("k1,d/1.wav", "k1@10dB,noisy/1.wav"),
]
OTHER = [("k1,a/1.wav", "k2,b/1.wav"), ("k1,1.wav", "k2,1.flac"), ("A,1.wav", "a,2.wav")]


@pytest.mark.parametrize(("train", "test", "shared"), [(*pair, 1) for pair in ONE] + [(*pair, 0) for pair in OTHER])
def test_a_recording_is_one_however_its_key_and_its_path_are_written(tmp_path, train, test, shared):
    result = audited(tmp_path, f"key,path,part,speaker\n{train},train,x\n{test},test,y\n")
    assert (result.exit_code, cells(result)[1]) == (shared, f"{shared} of 1")


def test_a_recording_that_two_others_tie_together_is_one_and_both_names_are_said(tmp_path):
    lines = "k1,a/1.wav,1\nk2,a/1.wav,2\nk2,b/1.wav,3\nk3,c/1.wav,4\n"
    result = audited(tmp_path, "key,path,fold\n" + lines)
    assert (result.exit_code, cells(result)[1]) == (1, "1 of 2")
    assert "recordings shared: k2 = k1" in result.stdout


def test_emoboxs_lines_with_one_path_are_one_recording(tmp_path):
    parts = {"train": [line("mine", "a", "x", "wav/1.wav")], "test": [line("mine", "b", "x", "wav/1.wav")]}
    assert ser("audit", str(write_lists(tmp_path / "mine", "mine", [parts]))).exit_code == 1


def test_a_path_alone_in_other_spelling_is_one_recording(tmp_path):
    assert audited(tmp_path, "path,part\nd/1.wav,train\n./d/1.wav,test\n").exit_code == 1


@pytest.mark.parametrize("ways", [("01", "1"), ("1", "1.0"), ("S1", "s1")])
def test_a_speaker_who_is_written_in_several_ways_is_refused_as_in_a_corpuss_table(tmp_path, ways):
    result = audited(tmp_path, "path,part,speaker\n" + f"a.wav,train,{ways[0]}\nb.wav,test,{ways[1]}\n")
    assert result.exit_code == 1
    (one,) = result.stderr.splitlines()
    assert f"speakers '{ways[0]}' ({tmp_path}/folds.csv, line 2) and '{ways[1]}' (" in one


def test_a_speaker_whom_list_and_manifest_write_in_two_ways_is_refused(tmp_path):
    manifest.write(tmp_path / "m.jsonl", [replace(row, speaker="01") for row in ROWS])
    rows = f"{ROWS[0].key},train,1\n{ROWS[1].key},test,\n"
    result = audited(tmp_path, "key,part,speaker\n" + rows, "--manifest", str(tmp_path / "m.jsonl"))
    assert (result.exit_code, result.stderr.count("'1' (")) == (1, 1)


def test_what_a_part_lists_twice_is_counted_and_said(tmp_path):
    lines = ["a1,train", "a2,train", "a1,train", "a3,test", "./a3,test"]
    result = audited(tmp_path, "key,part\n" + "\n".join(lines), "--out", str(tmp_path / "shared.csv"))
    assert "listed more than once in a part: 2 recordings, a1, a3 = ./a3" in result.stdout
    with (tmp_path / "shared.csv").open() as file:
        faults = [(row["part"], row["what"], row["name"]) for row in csv.DictReader(file)]
    assert faults == [("train", "repeated", "a1"), ("test", "repeated", "a3 = ./a3")]
    text = '[{"train": ["a", "a@10dB", "a@0dB"], "test": ["b", "b", "c"]}]'
    assert "in a part: 1 recording, b" in audited(tmp_path, text, name="folds.json").stdout


def test_what_several_folds_test_is_said(tmp_path):
    lines = ["a,1,train", "b,1,test", "c,2,train", "b,2,test", "b,3,train", "c,3,test"]
    result = audited(tmp_path, "key,fold,part\n" + "\n".join(lines))
    assert "tested in several folds: 1 recording, b" in result.stdout


@pytest.mark.parametrize(("repeats", "said"), [(2, False), (1, True)])
def test_a_repeated_protocol_tests_again_in_each_split(tmp_path, monkeypatch, repeats, said):
    monkeypatch.chdir(tmp_path)
    found = predictions(protocol={"scheme": "grouped_kfold", "repeats": repeats})
    found.folds += found.folds
    found.write(tmp_path / "data/predictions/toy")
    assert ("tested in several folds" in ser("audit", "toy").stdout) == said


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("folds.csv", "key,part\na,train\n", "the test part of fold 0 is empty"),
        ("folds.csv", "key,part\na,test\n", "the train part of fold 0 is empty"),
        ("folds.csv", "key,fold,part\na,1,train\nb,1,test\nb,2,test\n", "the train part of fold 2 is empty"),
        ("folds.json", '[{"train": ["a"], "test": []}]', "the test part of fold 0 is empty"),
        ("folds.json", '[{"train": ["a"], "test": ["b"], "valdiation": []}]', "(did you mean 'validation'?)"),
    ],
)
def test_parts_that_are_empty_or_misspelt_are_refused(tmp_path, name, text, says):
    result = audited(tmp_path, text, name=name)
    assert result.exit_code == 1
    (one,) = result.stderr.splitlines()
    assert says in one


def test_an_empty_list_of_emoboxs_is_refused(tmp_path):
    result = ser("audit", lists(tmp_path, EMODB[:2], []))
    assert (result.exit_code, "the test part of fold 1 is empty" in result.stderr) == (1, True)
