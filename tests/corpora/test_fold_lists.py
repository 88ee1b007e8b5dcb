"""Folds that others made: EmoBox's lists, and tables."""

import pytest
from emobox_lists import line, write_lists

from pipeline.corpora.fold_lists import has_emobox_validation, has_table_validation, read_emobox, read_table
from pipeline.corpora.name_rules import named_utterances
from pipeline.corpora.recording_names import matches
from pipeline.errors import UserError

A, B, C, D = (line("emodb", name, emotion) for name, emotion in zip("abcd", ("anger", "sad") * 2, strict=True))
FOLDS = [{"train": [A, B], "test": [C, D]}, {"train": [C, D], "test": [A, B]}]


def names(folds):
    return [{part: [one.name for one in listed] for part, listed in fold.parts().items()} for fold in folds]


@pytest.mark.parametrize("slip", ["_", ""])
def test_emoboxs_folds_are_train_and_test_lists_however_their_files_are_numbered(tmp_path, slip):
    folds = read_emobox(write_lists(tmp_path / "emodb", "emodb", FOLDS, slip=slip))
    assert [fold.name for fold in folds] == ["1", "2"]
    assert names(folds)[1] == {"train": ["emodb-c", "emodb-d"], "validation": [], "test": ["emodb-a", "emodb-b"]}
    assert folds[0].test[0].where.endswith(f"fold{slip}1.jsonl, line 1")
    assert not has_emobox_validation(tmp_path)


def test_a_validation_list_is_the_validation_part(tmp_path):
    folder = write_lists(tmp_path, "meld", [{"train": [A], "valid": [B], "test": [C]}])
    assert names(read_emobox(folder))[0]["validation"] == ["emodb-b"]
    assert has_emobox_validation(folder)


def test_labels_are_mapped_in_whatever_capitals(tmp_path):
    lists = [{"train": [line("emodb", "a", "boredem"), line("emodb", "b", "neutral")], "test": [C]}]
    (fold,) = read_emobox(write_lists(tmp_path, "emodb", lists, {"boredem": "Boredom", "Neutral": "Neutral"}))
    assert [(one.code, one.label) for one in fold.train] == [("boredem", "Boredom"), ("neutral", "Neutral")]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "fold_1/emodb_train_fold_1.jsonl").unlink(), "fold 1 has no train list"),
        (lambda folder: (folder / "fold_2/emodb_test_fold_2.jsonl").write_text("{"), "line 1: not a line of EmoBox's"),
        (lambda folder: (folder / "fold_2/emodb_test_fold_2.jsonl").write_text("[1]\n"), "'key' should be text"),
        (lambda folder: (folder / "fold_2/emodb_test_fold_2.jsonl").write_bytes(b"\xff"), "not UTF-8 text"),
        (lambda folder: (folder / "emodb_test_fold1.jsonl").write_text(""), "is the test list of fold 1, as"),
        (lambda folder: (folder / "tess_test_fold_1.jsonl").write_text(""), "has the lists of emodb, tess"),
        (lambda folder: (folder / "label_map.json").write_text("[]"), "should map each emotion code"),
    ],
)
def test_lists_that_do_not_fit_are_named(tmp_path, spoil, says):
    spoil(write_lists(tmp_path / "emodb", "emodb", FOLDS))
    with pytest.raises(UserError, match=says):
        read_emobox(tmp_path / "emodb")


@pytest.mark.parametrize(("folder", "says"), [("nowhere", "does not exist"), (".", "has no list of EmoBox's")])
def test_a_folder_without_lists_is_refused(tmp_path, folder, says):
    with pytest.raises(UserError, match=says):
        read_emobox(tmp_path / folder)


def table(tmp_path, text):
    path = tmp_path / "folds.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_of_parts_is_one_fold_and_parts_have_common_spellings(tmp_path):
    path = table(tmp_path, "key,part\na,train\nb,dev\nc,TEST\nd,training\ne,evaluation\n")
    (fold,) = read_table(path)
    assert names([fold]) == [{"train": ["a", "d"], "validation": ["b", "e"], "test": ["c"]}]
    assert has_table_validation(path)


def test_a_table_of_folds_tests_each_recording_in_its_own(tmp_path):
    path = table(tmp_path, "Path,fold,speaker\nx/a.wav,10,s1\nx/b.wav,9,s2\nx/c.wav,9,s3\n")
    folds = read_table(path)
    assert [fold.name for fold in folds] == ["9", "10"]
    assert names(folds)[0] == {"train": ["x/a.wav"], "validation": [], "test": ["x/b.wav", "x/c.wav"]}
    assert folds[0].test[0].speaker == "s2"
    assert not has_table_validation(path)


def test_a_table_of_both_has_a_line_for_each_recording_of_each_part(tmp_path):
    text = "key,fold,part\na,1,train\nb,1,test\na,2,test\nb,2,train\n"
    assert [fold["test"] for fold in names(read_table(table(tmp_path, text)))] == [["b"], ["a"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no column 'key' or 'path'"),
        ("key\na\n", "has no column 'part' or 'fold'; its columns are key"),
        ("key,part\n", "lists no recording"),
        ("key,part\na,tset\n", r"line 2: 'tset' is no part \(did you mean 'test'\?\)"),
        ("key,part\na\n", "line 2: has not the 2 columns"),
        ("key,part\n,test\n", "line 2: has no key"),
        ("key,fold\na,1\nb,1\n", "has one fold, '1', which leaves nothing to train on"),
        ("key,key,part\na,a,test\n", "column 'key' stands twice"),
    ],
)
def test_tables_that_do_not_fit_are_named(tmp_path, text, says):
    with pytest.raises(UserError, match=says):
        read_table(table(tmp_path, text))


PUBLIC = [  # the manifest's key and path, and EmoBox's
    ("crema_d-1001_DFA_ANG_XX", "AudioWAV/1001_DFA_ANG_XX.wav", "cremad-1001-DFA-ANG-XX", "1001_DFA_ANG_XX.wav",
     "1001"),
    ("emodb-03a01Fa", "wav/03a01Fa.wav", "emodb-03a01Fa", "downloads/emodb/wav/03a01Fa.wav", "03"),
    ("emovo-neu-f2-l2", "f2/neu-f2-l2.wav", "emovo-neu-f2-l2", "downloads/emovo/f2/neu-f2-l2.wav", "f2"),
    ("esd-0011_001744", "0011/Surprise/test/0011_001744.wav", "esd-0011-001744", "esd/0011/Surprise/0011_001744.wav",
     "0011"),
    ("iemocap-Ses01F_impro04_M008", "Session1/sentences/wav/Ses01F_impro04/Ses01F_impro04_M008.wav",
     "iemocap-Ses01F_impro04_M008", "Session1/sentences/wav/Ses01F_impro04/Ses01F_impro04_M008.wav", "Ses01M"),
    ("mesd-Fear_M_A_basta_ya", "Fear_M_A_basta_ya.wav", "mesd-Fear_M_A_basta_ya", "Fear_M_A_basta_ya.wav", ""),
    ("ravdess-03-01-05-01-02-01-18", "Actor_18/03-01-05-01-02-01-18.wav", "ravdess-03-01-05-01-02-01-18",
     "downloads/ravdess/audio/Actor_18/03-01-05-01-02-01-18.wav", "actor_18"),
    ("savee-DC_sa03", "AudioData/DC/sa03.wav", "savee-DC-sa03", "downloads/savee/DC_sa03.wav", "DC"),
    ("tess-OA_bite_neutral", "OAF_neutral/OA_bite_neutral.wav", "tess-OA-bite-neutral", "OA_bite_neutral.wav", "OAF"),
]  # fmt: skip


def test_emoboxs_keys_are_those_of_the_manifests_recordings(tmp_path):
    manifest = [(key, wav) for key, wav, *_ in PUBLIC]
    listed = [(key, wav) for _, _, key, wav, _ in PUBLIC]
    assert matches(listed, manifest) == list(range(len(PUBLIC)))
    assert matches([(key, "") for key, _ in listed], manifest) == list(range(len(PUBLIC)))


@pytest.mark.parametrize("case", PUBLIC, ids=[case[0].partition("-")[0] for case in PUBLIC])
def test_the_speaker_is_told_by_the_name_alone(tmp_path, case):
    _, _, key, wav, speaker = case
    corpus = key.partition("-")[0]
    values = {"key": key, "wav": wav, "dataset": corpus, "emo": "x"}
    (fold,) = read_emobox(write_lists(tmp_path, corpus, [{"train": [values], "test": [values]}]))
    (told,) = named_utterances(fold.train)
    assert told.speaker == speaker


def test_a_name_that_is_two_recordings_is_nobodys():
    known = [("a/1", "a/1.wav"), ("b/1", "b/1.wav")]
    assert matches([("", "1.wav"), ("", "b/1.flac"), ("x", "")], known) == [None, 1, None]
    assert matches([("", "c/1.wav"), ("", "a/1.wav")], known[:1]) == [None, 0]


def test_keys_that_differ_in_capitals_alone_are_told_apart():
    assert matches([("A", ""), ("a", "")], [("a", "a.wav"), ("A", "A.wav")]) == [1, 0]
