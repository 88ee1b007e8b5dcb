"""Readers of public corpora, on files made in each corpus's layout."""

import pytest
import soundfile
from conftest import tone

from pipeline.config.protocols import LeaveOneSessionOut
from pipeline.corpora import find_reader, listing
from pipeline.corpora.base import CorpusParams
from pipeline.corpora.manifest import as_json
from pipeline.errors import UserError
from pipeline.experiments.protocols import split
from pipeline.strict import validate


@pytest.fixture
def build(tmp_path):
    """Make recordings of these names and texts (name -> content) in a folder, and read it into manifest rows by key."""

    def build(reader, *names, texts=None, **params):
        root = tmp_path / "corpus"
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(root / name, tone(0.1), 16000)
        for name, text in (texts or {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        rows = listing.read("mine", validate(CorpusParams, {"reader": reader, "root": root, **params})).rows
        return {row.key: row for row in rows}

    return build


@pytest.mark.parametrize(
    ("reader", "wav", "key", "emotion", "speaker", "gender", "text"),
    [
        ("tess", "OAF_angry/OAF_back_angry.wav", "tess-OAF_back_angry", "angry", "OAF", "female", "Say the word back"),
        ("tess", "YAF_ps/YAF_mouse_ps.wav", "tess-YAF_mouse_ps", "surprised", "YAF", "female", "Say the word mouse"),
        ("tess", "OA_bite_neutral.wav", "tess-OA_bite_neutral", "neutral", "OAF", "female", "Say the word bite"),
        ("tess", "YAF_fear/YAF_dog_fear.wav", "tess-YAF_dog_fear", "fearful", "YAF", "female", "Say the word dog"),
        ("savee", "AudioData/DC/sa03.wav", "savee-DC_sa03", "sad", "DC", "male", ""),
        ("savee", "JK_su15.wav", "savee-JK_su15", "surprised", "JK", "male", ""),
        ("savee", "KL/a01.wav", "savee-KL_a01", "angry", "KL", "male", ""),
        ("savee", "JE/n30.wav", "savee-JE_n30", "neutral", "JE", "male", ""),
        ("crema_d", "AudioWAV/1001_DFA_ANG_XX.wav", "crema_d-1001_DFA_ANG_XX", "angry", "1001", "",
         "Don't forget a jacket"),
        ("crema_d", "1091_IEO_DIS_HI.wav", "crema_d-1091_IEO_DIS_HI", "disgusted", "1091", "", "It's eleven o'clock"),
        ("crema_d", "1040_ITH_SAD_X.wav", "crema_d-1040_ITH_SAD_X", "sad", "1040", "",
         "I think I have a doctor's appointment"),
        ("emovo", "m2/rab-m2-l3.wav", "emovo-rab-m2-l3", "angry", "m2", "male", ""),
        ("emovo", "f1/sor-f1-b1.wav", "emovo-sor-f1-b1", "surprised", "f1", "female", ""),
        ("mesd", "Anger_C_A_abajo.wav", "mesd-Anger_C_A_abajo", "angry", "", "", "abajo"),
        ("mesd", "Fear_F_B_ya_voy.wav", "mesd-Fear_F_B_ya_voy", "fearful", "", "female", "ya voy"),
        ("esd", "0011/Angry/0011_000351.wav", "esd-0011_000351", "angry", "0011", "", ""),
        ("esd", "ESD/0003/Surprise/test/0003_001421.wav", "esd-0003_001421", "surprised", "0003", "", ""),
        ("esd", "0011/0011_000350.wav", "esd-0011_000350", "neutral", "0011", "", ""),
        ("esd", "0003_001401.wav", "esd-0003_001401", "surprised", "0003", "", ""),
        ("tess", "YAF_pleasant_surprised/YAF_dog_ps.wav", "tess-YAF_dog_ps", "surprised", "YAF", "female",
         "Say the word dog"),
        ("tess", "OAF_dog_pleasant_surprise.wav", "tess-OAF_dog_ps", "surprised", "OAF", "female", "Say the word dog"),
        ("tess", "OAF_Fear/OAF_dog_Fear.wav", "tess-OAF_dog_Fear", "fearful", "OAF", "female", "Say the word dog"),
        ("savee", "ALL/JE_su01.wav", "savee-JE_su01", "surprised", "JE", "male", ""),
        ("subesco", "SUBESCO/F_01_OISHI_S_10_ANGRY_1.wav", "subesco-F_01_OISHI_S_10_ANGRY_1", "angry", "F_01",
         "female", ""),
        ("subesco", "F_02_MONIKA_S_2_SURPRISE_3].wav", "subesco-F_02_MONIKA_S_2_SURPRISE_3", "surprised", "F_02",
         "female", ""),
        ("aesdd", "fear/f10 (01).wav", "aesdd-f10-1", "fearful", "1", "", ""),
        ("aesdd", "anger/a06 (5)b.wav", "aesdd-a06-5b", "angry", "5", "", ""),
        ("casia", "casia/wangzhe/angry/201.wav", "casia-201-wangzhe-angry", "angry", "wangzhe", "male", ""),
        ("casia", "angry/250-angry-ZhaoZuoxiang.wav", "casia-250-zhaozuoxiang-angry", "angry", "zhaozuoxiang", "male",
         ""),
        ("casia", "100/Quanyin.Zhao/normal/9.wav", "casia-9-quanyin.zhao-normal", "neutral", "zhaoquanyin", "female",
         ""),
        ("shemo", "female/F21N05.wav", "shemo-F21N05", "neutral", "F21", "female", ""),
        ("shemo", "M02F01.wav", "shemo-M02F01", "fearful", "M02", "male", ""),
        ("ravdess_song", "Actor_01/03-02-04-02-01-01-01.wav", "ravdess-03-02-04-02-01-01-01", "sad", "actor_01", "male",
         "Kids are talking by the door"),
    ],
)  # fmt: skip
def test_names(build, reader, wav, key, emotion, speaker, gender, text):
    row = build(reader, wav)[key]
    assert (row.wav, row.emotion, row.speaker, row.gender, row.text) == (wav, emotion, speaker, gender, text)


@pytest.mark.parametrize(
    ("reader", "wav", "said"),
    [
        ("tess", "OAF_angry.wav", "not a TESS file name"),
        ("tess", "OAF_back_proud.wav", "unknown emotion code 'proud'"),
        ("savee", "DC/x01.wav", "not a SAVEE file name"),
        ("savee", "a01.wav", "not a SAVEE file name"),
        ("crema_d", "1001_DFA_ANG.wav", "not a CREMA-D file name"),
        ("crema_d", "1001_DFA_SUR_XX.wav", "unknown emotion code 'SUR'"),
        ("emovo", "rab-x2-l3.wav", "not an EMOVO file name"),
        ("emovo", "noi-m2-l3.wav", "unknown emotion code 'noi'"),
        ("mesd", "Anger_C_abajo.wav", "not a MESD file name"),
        ("esd", "0011/Angry/0012_000351.wav", "not a file of ESD"),
        ("esd", "0011/Proud/0011_000351.wav", "unknown emotion code 'Proud'"),
        ("esd", "0011/0012_000351.wav", "not a file of ESD"),
        ("esd", "0011_001751.wav", "not a file of ESD"),
        ("subesco", "F_01_OISHI_S_1_ANGRY.wav", "not a SUBESCO file name"),
        ("aesdd", "a03.wav", "not an AESDD file name"),
        ("casia", "anna/angry/201.wav", "not a file of CASIA"),
        ("casia", "wangzhe/proud/201.wav", "unknown emotion code 'proud'"),
        ("shemo", "F21X05.wav", "not a ShEMO file name"),
        ("meld", "train/dia1.wav", "not a MELD file name"),
        ("meld", "train/dia1_utt0.wav", "MELD's tables are not there"),
        ("msp_podcast", "PODCAST_1_1.wav", "not an MSP-Podcast file name"),
        ("msp_podcast", "Audios/MSP-PODCAST_0001_0008.wav", "labels_consensus.csv is not there"),
        ("ravdess_song", "03-01-04-02-01-01-01.wav", "no recording that the ravdess_song reader takes"),
        ("iemocap", "sentences/Ses01F_impro01_F000.wav", "holds no Session1/sentences/wav"),
    ],
)
def test_what_is_not_the_corpuss_is_named(build, reader, wav, said):
    with pytest.raises(UserError, match=said):
        build(reader, wav)


@pytest.mark.parametrize(
    ("reader", "wav", "key"),
    [
        ("aesdd", "downloads/aesdd/fear/f10 (01).wav", "aesdd-f10-1"),
        ("casia", "downloads/casia/wangzhe/neutral/239.wav", "casia-239-wangzhe-neutral"),
        ("meld", "downloads/meld/dev_splits_complete/dia0_utt0.mp4", "meld-dev-dia0_utt0"),
        ("msp_podcast", "downloads/msppodcast/Audio/MSP-PODCAST_0001_0008.wav", "msp_podcast-MSP-PODCAST_0001_0008"),
        ("shemo", "downloads/shemo/female/F21N05.wav", "shemo-F21N05"),
        ("subesco", "downloads/subesco/F_10_FAHMEE_S_6_FEAR_5.wav", "subesco-F_10_FAHMEE_S_6_FEAR_5"),
    ],
)
def test_the_paths_of_emobox_tell_the_keys(reader, wav, key):
    named = find_reader(reader).named(wav)
    assert named is not None
    assert named.key == key


def test_a_second_copy_is_left_out(build):
    assert [*build("tess", "OAF_sad/OAF_cab_sad.wav", "whole set/OAF_sad/OAF_cab_sad.wav")] == ["tess-OAF_cab_sad"]


@pytest.mark.parametrize(
    ("reader", "wav"),
    [
        ("savee", "DC/sa03.wav"),
        ("emodb", "wav/03a01Fa.wav"),
        ("ravdess", "Actor_18/03-01-05-01-02-01-18.wav"),
        ("tess", "OAF_sad/OAF_cab_sad.wav"),
        ("esd", "0011/Angry/0011_000351.wav"),
    ],
)
def test_a_corpus_held_twice_is_taken_once(build, tmp_path, reader, wav):
    (row,) = build(reader, wav, f"copy/{wav}").values()
    assert row.wav == min(wav, f"copy/{wav}")
    soundfile.write(tmp_path / f"corpus/copy/{wav}", tone(0.2), 16000)
    with pytest.raises(UserError, match=f"copy/{wav}.* have the same key '{row.key}', and differ; rename or remove"):
        build(reader)


def test_iemocap_held_twice_is_taken_once(build):
    waves, texts = turns(1, "neu", "exc")
    doubled = {f"IEMOCAP/{name}": text for name, text in texts.items()}
    rows = build("iemocap", *waves, *(f"IEMOCAP/{wav}" for wav in waves), texts={**texts, **doubled})
    assert {row.wav for row in rows.values()} == {f"IEMOCAP/{wav}" for wav in waves}
    other = {name: text.replace("exc", "fru") for name, text in doubled.items() if isinstance(text, str)}
    with pytest.raises(UserError, match="M001', and the corpus says different things of them"):
        build("iemocap", texts=other)


def test_crema_d_in_two_formats_is_taken_once(build):
    rows = build("crema_d", "AudioMP3/1001_DFA_ANG_XX.flac", "AudioWAV/1001_DFA_ANG_XX.wav")
    assert [row.wav for row in rows.values()] == ["AudioWAV/1001_DFA_ANG_XX.wav"]


def test_ravdess_with_song_is_read_as_the_reader_says(build):
    speech, song = "Actor_01/03-01-05-01-02-01-01.wav", "Actor_01/03-02-05-01-02-01-01.wav"
    assert [row.wav for row in build("ravdess", speech, song).values()] == [speech]
    assert [row.wav for row in build("ravdess_song").values()] == [song]
    both = build("ravdess_speech_song").values()
    assert {row.wav for row in both} == {speech, song}
    assert {row.speaker for row in both} == {"actor_01"}


RUBBISH = dict.fromkeys((
    "__MACOSX/Actor_01/._03-01-05-01-02-01-01.wav", ".DS_Store", "Actor_01/Thumbs.db", "desktop.ini", "README.md",
    "speakers.csv", "documents/speech.pdf",
), b"\0")  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "waves"),
    [
        (
            "ravdess",
            ["Actor_01/03-01-05-01-02-01-01.wav", "audio_speech_actors_01-24/Actor_01/03-01-05-01-02-01-01.wav"],
        ),
        ("ravdess", ["03-01-05-01-02-01-01.wav", "speech/03-01-05-01-02-01-01.wav"]),
        ("tess", ["TESS/OAF_Fear/OAF_dog_fear.wav", "TESS/TESS/OAF_fear/OAF_dog_fear.wav"]),
        ("crema_d", ["AudioWAV/1001_DFA_ANG_XX.wav", "AudioMP3/1001_DFA_ANG_XX.flac"]),
        ("savee", ["ALL/DC_a01.wav", "AudioData/DC/a01.wav"]),
        ("emovo", ["EMOVO/f1/rab-f1-l3.wav", "f1/rab-f1-l3.wav"]),
        ("emodb", ["wav/03a01Fa.wav", "EmoDB/wav/03a01Fa.wav"]),
    ],
)
def test_doubled_and_littered_folders_are_read_once(build, reader, waves):
    assert len(build(reader, *waves, texts=RUBBISH)) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_esd_has_two_languages_and_its_texts(build, encoding):
    english = "0011_000001\tThe nine the eggs, I keep.\tNeutral\n0011_000002\tI did go.\tNeutral\n"
    rows = build(
        "esd",
        "ESD/0011/Neutral/0011_000001.wav",
        "ESD/0010/Sad/0010_001051.wav",
        texts={"ESD/0011/0011.txt": english.encode(encoding)},
    )
    assert (rows["esd-0011_000001"].language, rows["esd-0010_001051"].language) == ("en", "zh")
    assert rows["esd-0011_000001"].text == "The nine the eggs, I keep."
    assert rows["esd-0010_001051"].text == ""


MANDARIN = {
    "ESD/0001/0001.txt": "0001_000001\t打远一看，它们的确很是美丽。\t中立\n0001_000002\t一 二 三\t伤心\n",
    "ESD/0011/0011.txt": "0011_000001\tIt’s the nine, I keep.\tNeutral\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("separator", ["\t", " ", "  "])
def test_esd_has_its_texts_in_every_encoding_and_with_spaces(build, encoding, separator):
    rows = build(
        "esd",
        *("ESD/0001/Neutral/0001_000001.wav", "ESD/0001/Sad/0001_000002.wav", "ESD/0011/Neutral/0011_000001.wav"),
        texts={name: text.replace("\t", separator).encode(encoding) for name, text in MANDARIN.items()},
    )
    assert [row.text for row in rows.values()] == ["打远一看，它们的确很是美丽。", "一 二 三", "It’s the nine, I keep."]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("0011_000001 You look Angry", "You look Angry"),
        ("0011_000001 You look Angry Sad", "You look Angry"),
        ("0011_000001 So sad\tSad", "So sad"),
        ("0011_000001\tHe was so Sad", "He was so Sad"),
    ],
)
def test_esd_keeps_a_last_word_that_is_another_emotion(build, line, text):
    rows = build("esd", "0011/Sad/0011_000001.wav", texts={"0011/0011.txt": line + "\n"})
    assert rows["esd-0011_000001"].text == text


def test_esd_in_english_is_not_taken_for_mandarin(build):
    texts = {name: text.encode("cp1252", errors="replace") for name, text in MANDARIN.items() if "0011" in name}
    rows = build("esd", "ESD/0011/Neutral/0011_000001.wav", texts=texts)
    assert [row.text for row in rows.values()] == ["It’s the nine, I keep."]


def test_an_esd_transcript_in_no_known_encoding_is_named(build):
    with pytest.raises(UserError, match=r"0001\.txt: is no text in UTF-8, UTF-16, gb18030.*; save it as UTF-8"):
        build("esd", "0001/Sad/0001_000001.wav", texts={"0001/0001.txt": b"0001_000001\t\xff\xff\n"})


@pytest.mark.parametrize(
    ("wav", "part"),
    [
        ("0011/Angry/0011_000351.wav", "validation"),
        ("0011/Angry/0011_000370.wav", "validation"),
        ("0011/Angry/0011_000371.wav", "test"),
        ("0011/Neutral/0011_000050.wav", "test"),
        ("0011/Neutral/0011_000051.wav", "train"),
        ("0011/Surprise/0011_001750.wav", "train"),
        ("0003/Surprise/test/0003_001421.wav", "test"),
        ("0003/Surprise/evaluation/0003_001401.wav", "validation"),
    ],
)
def test_esds_own_split_goes_by_an_utterances_number_or_folder(build, wav, part):
    (row,) = build("esd", wav).values()
    assert row.part == part
    assert as_json(row)["part"] == part


def turns(session, *codes):
    """Recordings and files of one IEMOCAP session, whose turns alternate between the woman and the man."""
    dialogue = f"Ses0{session}F_impro01"
    names = [f"{dialogue}_{'FM'[i % 2]}{i:03d}" for i in range(len(codes))]
    lines = [f"[{i}.29 - {i}.82]\t{n}\t{c}\t[2.5, 2.5, 2.5]" for i, (n, c) in enumerate(zip(names, codes, strict=True))]
    said = "\n".join(f"{name} [00{i}.2901-00{i}.8235]: Caf\xe9, number {i}. " for i, name in enumerate(names))
    place = f"Session{session}/dialog"
    texts = {
        f"{place}/EmoEvaluation/{dialogue}.txt": "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        + "\nC-E2:\tNeutral;\t()\n\n".join(lines) + "\n",
        f"{place}/transcriptions/{dialogue}.txt": said.encode("latin-1"),
    }  # fmt: skip
    return [f"Session{session}/sentences/wav/{dialogue}/{name}.wav" for name in names], texts


def test_iemocap_takes_emotions_and_texts_from_the_dialogues(build):
    waves, texts = turns(1, "neu", "exc", "fru", "xxx", "ang")
    rows = build("iemocap", *waves, "Session1/dialog/wav/Ses01F_impro01.wav", texts=texts)
    assert [(row.raw_emotion, row.emotion) for row in rows.values()] == [
        ("neu", "neutral"), ("fru", "frustrated"), ("ang", "angry"), ("exc", "excited"), ("xxx", "other"),
    ]  # fmt: skip
    man = rows["iemocap-Ses01F_impro01_M001"]
    assert (man.speaker, man.gender, man.session, man.text) == ("Ses01M", "male", "Session1", "Caf\xe9, number 1.")
    assert man.dimensions == {"valence": 2.5, "arousal": 2.5, "dominance": 2.5}


def test_an_iemocap_turn_in_which_nothing_is_said_leaves_the_next_its_text(build):
    waves, texts = turns(1, "neu", "exc", "fru")
    place = next(name for name in texts if "transcriptions" in name)
    texts[place] = texts[place].replace(b": Caf\xe9, number 0. ", b": ")
    rows = build("iemocap", *waves, texts=texts).values()
    assert sorted(row.text for row in rows) == ["", "Caf\xe9, number 1.", "Caf\xe9, number 2."]


def test_iemocap_with_turns_of_some_emotions_only(build):
    waves, texts = turns(1, "neu", "exc", "fru", "hap", "xxx")
    rows = build("iemocap", *waves, texts=texts, keep=["happy", "excited"])
    assert sorted(row.raw_emotion for row in rows.values()) == ["exc", "hap"]


def test_iemocap_goes_through_the_session_protocol(build):
    together = [turns(session, *["ang", "hap"] * 4) for session in (1, 2, 3)]
    waves = [f"IEMOCAP_full_release/{wav}" for waves, _ in together for wav in waves]
    texts = {f"IEMOCAP_full_release/{name}": text for _, texts in together for name, text in texts.items()}
    rows = [*build("iemocap", *waves, texts=texts).values()]
    folds = split(rows, LeaveOneSessionOut(scheme="leave_one_session_out"), 0)
    assert [{rows[i].session for i in fold.test} for fold in folds] == [{"Session1"}, {"Session2"}, {"Session3"}]
    assert [{rows[i].speaker for i in fold.test} for fold in folds] == [{f"Ses0{n}F", f"Ses0{n}M"} for n in (1, 2, 3)]


def test_an_iemocap_turn_without_an_emotion_is_named(build):
    waves, texts = turns(2, "neu", "sad")
    del texts["Session2/dialog/EmoEvaluation/Ses02F_impro01.txt"]
    with pytest.raises(
        UserError, match=r"Ses02F_impro01_F000\.wav: its emotion should be in .*impro01\.txt, and is not"
    ):
        build("iemocap", *waves, texts=texts)
