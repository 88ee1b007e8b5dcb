"""Corpora whose labels are in tables of their own: MELD, MSP-Podcast, ShEMO."""

import json

import pytest
from test_public_corpora import build

from pipeline.corpora import find_reader
from pipeline.corpora.base import CorpusParams
from pipeline.errors import UserError
from pipeline.strict import validate

__all__ = ["build"]


def notes(reader, root):
    return find_reader(reader).notes(root, validate(CorpusParams, {"reader": reader, "root": root}))


# MELD

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
TRAIN = f'{HEADER}1,"Oh my God, he\x92s lost it.",Phoebe,sadness,negative,0,0,4,7,"00:20:57,256","00:21:00,049"\n'
DEV = f'{HEADER}1,Hi,Joey,joy,positive,0,0,8,21,"00:14:38,127","00:14:40,378"\n'
TEST = f'{HEADER}1,Hm,Mark,surprise,positive,0,0,3,19,"00:14:38,127","00:14:40,378"\n2,No,Ross,anger,negative,0,1,,,,\n'
TABLES = {"train/train_sent_emo.csv": TRAIN, "dev_sent_emo.csv": DEV, "test_sent_emo.csv": TEST}


@pytest.mark.parametrize(
    "waves",
    [
        ["train/train_splits/dia0_utt0.wav", "dev_splits_complete/dia0_utt0.wav",
         "output_repeated_splits_test/dia0_utt0.wav"],
        ["audio/train/dia0_utt0.wav", "audio/dev/dia0_utt0.wav", "audio/test/dia0_utt0.wav"],
        ["train_dia0_utt0.wav", "dev_dia0_utt0.wav", "final_videos_testdia0_utt0.wav"],
    ],
)  # fmt: skip
def test_meld_has_its_split_and_labels_in_every_layout(build, waves):
    rows = build("meld", *waves, texts=TABLES)
    assert {key: (row.part, row.emotion, row.speaker, row.session) for key, row in rows.items()} == {
        "meld-train-dia0_utt0": ("train", "sad", "Phoebe", "s04e07"),
        "meld-dev-dia0_utt0": ("validation", "happy", "Joey", "s08e21"),
        "meld-test-dia0_utt0": ("test", "surprised", "Mark", "s03e19"),
    }
    assert rows["meld-train-dia0_utt0"].text == "Oh my God, he\u2019s lost it."


def test_meld_leaves_second_versions_and_files_of_no_row_out_and_says_so(build, tmp_path):
    waves = ["test/dia0_utt0.wav", "test/final_videos_testdia0_utt0.wav", "test/dia9_utt9.wav"]
    rows = build("meld", *waves, texts=TABLES)
    assert [row.wav for row in rows.values()] == ["test/dia0_utt0.wav"]
    assert notes("meld", tmp_path / "corpus") == [
        "left out: 1 file that MELD's tables have no row of",
        "left out: 1 second version of test files (final_videos_test)",
    ]


def test_meld_files_of_no_part_are_named(build):
    with pytest.raises(
        UserError, match=r"wavs/dia0_utt0\.wav: neither its folder nor its name says train, dev or test"
    ):
        build("meld", "wavs/dia0_utt0.wav", texts=TABLES)


def test_meld_tables_that_differ_or_lack_a_column_are_named(build, tmp_path):
    with pytest.raises(UserError, match=r"train_sent_emo\.csv and .*train_sent_emo\.csv differ; remove the one"):
        build("meld", "train/dia0_utt0.wav", texts={**TABLES, "copy/train_sent_emo.csv": DEV})
    (tmp_path / "corpus/copy/train_sent_emo.csv").unlink()
    with pytest.raises(UserError, match=r"dev_sent_emo\.csv: has no column 'Speaker'; put back the table"):
        build("meld", texts={"dev_sent_emo.csv": "Utterance,Emotion\n"})


# MSP-Podcast

CONSENSUS = """\
FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1
MSP-PODCAST_0002_0033.wav,C,5.0,2.0,5.5,Unknown,Unknown,Train
MSP-PODCAST_0003_0001_0002.wav,X,4.0,4.0,4.0,41,Female,Development
"""
PODCAST = [f"Audios/{line.split(',')[0]}" for line in CONSENSUS.splitlines()[1:]]


@pytest.mark.parametrize("table", ["Labels/labels_consensus.csv", "Labels/labels_concensus.csv"])
def test_msp_podcast_has_its_labels_parts_speakers_and_texts(build, table):
    texts = {table: CONSENSUS, "Transcripts/MSP-PODCAST_0001_0008.txt": "Well,\n I think so.\n"}
    rows = build("msp_podcast", *PODCAST, texts=texts).values()
    assert [(row.emotion, row.speaker, row.gender, row.part, row.session, row.text) for row in rows] == [
        ("neutral", "30", "male", "test", "0001", "Well, I think so."),
        ("contempt", "", "", "train", "0002", ""),
        ("other", "41", "female", "validation", "0003", ""),
    ]


def test_msp_podcast_has_its_dimensions(build):
    table = CONSENSUS.replace(",5.0,2.0,5.5,", ",,2.0,,")
    rows = build("msp_podcast", *PODCAST, texts={"Labels/labels_consensus.csv": table}).values()
    assert [dict(row.dimensions) for row in rows] == [
        {"valence": 4.0, "arousal": 2.2, "dominance": 2.6},
        {"valence": 2.0},
        {"valence": 4.0, "arousal": 4.0, "dominance": 4.0},
    ]


def test_msp_podcast_without_labels_of_some_says_so(build, tmp_path):
    waves = [*PODCAST, "Audios/MSP-PODCAST_9999_0001.wav", "Audios/MSP-PODCAST_test3_0001.wav"]
    assert len(build("msp_podcast", *waves, texts={"Labels/labels_consensus.csv": CONSENSUS})) == 3
    said = "left out: 2 recordings that the table of labels has no row of"
    assert notes("msp_podcast", tmp_path / "corpus") == [said]


# ShEMO


def test_shemo_has_texts_and_the_corrected_labels(build):
    told = {"F21N05": {"speaker_id": "F21", "gender": "female", "emotion": "neutral", "transcript": "مگه من"}}
    rows = build("shemo", "female/F21N05.wav", texts={"shemo.json": json.dumps(told)})
    assert (rows["shemo-F21N05"].emotion, rows["shemo-F21N05"].text) == ("neutral", "مگه من")
    mended = {"F21N05.wav": {"path": "shemo/F21N05.wav", "emotion": "sadness", "transcript": "به تو"}}
    rows = build("shemo", texts={"modified_shemo.json": json.dumps(mended)})
    assert (rows["shemo-F21N05"].emotion, rows["shemo-F21N05"].text) == ("sad", "به تو")


@pytest.mark.parametrize("text", ["{", "[]", '{"F21N05": 3}'])
def test_a_damaged_list_of_shemo_is_named(build, text):
    with pytest.raises(UserError, match=r"shemo\.json: is no list of ShEMO's recordings"):
        build("shemo", "F21N05.wav", texts={"shemo.json": text})
