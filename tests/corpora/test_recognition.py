"""Which reader knows a folder. Recordings here are empty files: nothing is decoded."""

import re
from pathlib import Path

import pytest
from test_public_corpora import turns

from pipeline.corpora.base import CorpusParams
from pipeline.corpora.recognition import Recognition, recognise
from pipeline.errors import UserError
from pipeline.strict import validate


@pytest.fixture
def known(tmp_path):
    """Make empty recordings of these names, and texts (name -> content), in a folder, and recognise it."""

    def known(*names, texts=None):
        root = tmp_path / "corpus"
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        for name, text in (texts or {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return recognise(root)

    return known


CORPORA = {
    "aesdd": (["anger/a03 (4).wav", "fear/f18 (5)b.wav"], ("4", "5"), (), ("el",), {"angry": 1, "fearful": 1}),
    "casia": (
        ["wangzhe/angry/201.wav", "ZhaoZuoxiang/normal/7.wav", "sad/201-sad-liuchanhg.wav"],
        ("liuchanhg", "wangzhe", "zhaozuoxiang"), (), ("zh",), {"angry": 1, "sad": 1, "neutral": 1},
    ),
    "shemo": (["female/F21N05.wav", "male/M02F01.wav"], ("F21", "M02"), (), ("fa",), {"neutral": 1, "fearful": 1}),
    "subesco": (
        ["SUBESCO/F_02_MONIKA_S_2_SURPRISE_3].wav", "SUBESCO/M_10_EVAN_S_10_SAD_5.wav"],
        ("F_02", "M_10"), (), ("bn",), {"sad": 1, "surprised": 1},
    ),
    "ravdess_song": (
        ["Actor_17/03-02-05-01-02-01-17.wav", "Actor_01/03-02-02-01-02-02-01.wav"],
        ("actor_01", "actor_17"), ("01", "02"), ("en",), {"angry": 1, "calm": 1},
    ),
    "crema_d": (
        ["AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_IEO_HAP_HI.wav", "AudioWAV/1002_IEO_SAD_LO.wav"],
        ("1001", "1002"), (), ("en",), {"angry": 1, "happy": 1, "sad": 1},
    ),
    "demo": (
        ["en_f1_angry_s01_t1.wav", "de_m2_sad_s02_t1.wav"],
        ("de_m2", "en_f1"), (), ("de", "en"), {"angry": 1, "sad": 1},
    ),
    "emodb": (["wav/03a01Fa.wav", "wav/08a01Wa.wav"], ("03", "08"), (), ("de",), {"angry": 1, "happy": 1}),
    "emovo": (["m2/rab-m2-l3.wav", "f1/sor-f1-b1.wav"], ("f1", "m2"), (), ("it",), {"angry": 1, "surprised": 1}),
    "esd": (
        ["ESD/0011/Angry/0011_000351.wav", "ESD/0003/Surprise/test/0003_001421.wav"],
        ("0003", "0011"), (), ("en", "zh"), {"angry": 1, "surprised": 1},
    ),
    "mesd": (["Anger_C_A_abajo.wav", "Fear_F_B_ya_voy.wav"], (), (), ("es",), {"angry": 1, "fearful": 1}),
    "ravdess": (
        ["Actor_18/03-01-05-01-02-01-18.wav", "Actor_01/03-01-02-01-02-02-01.wav"],
        ("actor_01", "actor_18"), ("01", "02"), ("en",), {"angry": 1, "calm": 1},
    ),
    "savee": (["DC/sa03.wav", "JK/su15.wav"], ("DC", "JK"), (), ("en",), {"sad": 1, "surprised": 1}),
    "tess": (
        ["OAF_angry/OAF_back_angry.wav", "YAF_ps/YAF_mouse_ps.wav"],
        ("OAF", "YAF"), (), ("en",), {"angry": 1, "surprised": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("reader", CORPORA)
def test_each_corpus_is_known(known, reader):
    names, speakers, sessions, languages, emotions = CORPORA[reader]
    said = known(*names)
    assert (said.reader, said.recordings, said.notes, said.params) == (reader, len(names), (), {"reader": reader})
    assert (said.speakers, said.sessions, said.languages, said.emotions) == (speakers, sessions, languages, emotions)


def test_iemocap_is_known(known):
    waves, texts = turns(1, "neu", "exc", "fru", "xxx", "ang")
    said = known(*waves, "Session1/dialog/wav/Ses01F_impro01.wav", texts=texts)
    assert (said.reader, said.recordings, said.speakers) == ("iemocap", 5, ("Ses01F", "Ses01M"))
    assert (said.sessions, said.languages) == (("Session1",), ("en",))
    assert [*said.emotions] == ["angry", "neutral", "excited", "frustrated", "other"]
    assert said.notes == ("1 of 6 audio files are left out: second copies, or no utterances of speech",)


def test_meld_is_known_with_its_table(known):
    table = "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\nHi,Joey,joy,0,0\n"
    said = known("train_splits/dia0_utt0.wav", texts={"train_sent_emo.csv": table})
    assert (said.reader, said.speakers, said.emotions) == ("meld", ("Joey",), {"happy": 1})


def test_iemocap_beside_another_corpus_is_not_known(known):
    waves, texts = turns(1, "neu", "sad")
    with pytest.raises(UserError, match=r"-01-18\.wav: not a file of IEMOCAP.*; 2 other files are of"):
        known(*waves, "ravdess/Actor_18/03-01-05-01-02-01-18.wav", texts=texts)


SONG = (
    "left out: 1 recording of song; `reader: ravdess_song` takes song alone, "
    "and `reader: ravdess_speech_song` takes all"
)


def test_what_a_reader_leaves_out_is_counted(known):
    speech, song = "03-01-05-01-02-01-18.wav", "03-02-05-01-02-01-18.wav"
    said = known(f"Actor_18/{speech}", f"Actor_18/{song}", f"copies/Actor_18/{speech}")
    assert (said.reader, said.recordings) == ("ravdess", 1)
    assert said.notes == (
        SONG,
        "2 of 3 audio files are left out: second copies, or no utterances of speech",
    )


STRAYS = ["Actor_20/notes.wav", "Actor_20/03-01-09-01-02-01-20.wav", "Actor_01/03-01-02-01-02-02-01 (1).wav", "a.wav"]


@pytest.mark.parametrize("stray", STRAYS)
def test_one_file_that_is_not_the_corpuss_is_named(known, stray):
    with pytest.raises(UserError) as caught:
        known("Actor_01/03-01-02-01-02-02-01.wav", "Actor_18/03-01-05-01-02-01-18.wav", stray)
    assert f"{stray}: " in str(caught.value)
    assert "; 2 other files are of RAVDESS" in str(caught.value)
    assert "`folder` reader with a `table`" in str(caught.value)


def test_what_a_corpus_lacks_beside_its_recordings_is_said(known):
    with pytest.raises(UserError, match=r"MELD's tables are not there .*; 2 files are of MELD"):
        known("train_splits/dia0_utt0.wav", "train_splits/dia0_utt1.wav")


def test_what_is_there_is_described(known):
    said = known(
        "Actor_18/03-01-05-01-02-01-18.wav", "Actor_18/03-01-02-01-02-02-18.wav", "Actor_18/03-02-05-01-02-01-18.wav"
    )
    assert said.describe().splitlines() == [
        "RAVDESS, the Ryerson audio-visual database, speech only (reader ravdess): "
        "2 recordings, 1 speaker, 2 repetitions; en; angry 1, calm 1",
        f"  {SONG}",
        "  1 of 3 audio files are left out: second copies, or no utterances of speech",
    ]


def test_unknown_speakers_are_described(known):
    assert known("sad/1.wav").describe() == "Your own recordings (reader folder): 1 recording, speakers unknown; sad 1"


# Emotion folders


def test_emotion_folders(known):
    said = known("Anger/1.wav", "happy/deep/2.wav", "happy/3.wav")
    assert said == Recognition(
        reader="folder", title="Your own recordings", recordings=3, speakers=(), sessions=(), languages=(),
        emotions={"angry": 1, "happy": 2}, anonymous=3,
    )  # fmt: skip
    assert said.params == {"reader": "folder"}


@pytest.mark.parametrize("template", ["{}_{:02d}.wav", "{}-{:02d}.wav", "take_{1}/{0}_x.wav"])
def test_speakers_at_the_start_of_file_names_are_proposed(known, tmp_path, template):
    names = [f"{emotion}/{template.format(speaker, 1)}" for emotion in ("angry", "sad") for speaker in ("anna", "ben")]
    said = known(*names)
    assert said.speakers == ("anna", "ben")
    assert said.params == {"reader": "folder", "speaker_pattern": said.speaker_pattern}
    assert said.notes == (
        "speakers are taken from file names, up to the first _ or -: anna, ben; "
        "if these are no speakers, take `speaker_pattern` out",
    )
    params = validate(CorpusParams, {**said.params, "root": tmp_path / "corpus"})
    assert params.speaker_pattern == said.speaker_pattern


@pytest.mark.parametrize(
    "names",
    [
        ["angry/take_1.wav", "sad/take_1.wav"],  # one token
        ["angry/angry_1.wav", "sad/sad_1.wav"],  # each in one emotion
        ["angry/anna_1.wav", "angry/ben_1.wav", "sad/anna_1.wav"],  # ben in one emotion only
        ["angry/anna_1.wav", "angry/ben_1.wav", "sad/anna_1.wav", "sad/ben_1.wav", "sad/x.wav"],  # x has none
        ["angry/01_a.wav", "angry/02_b.wav", "sad/01_b.wav", "sad/02_c.wav"],  # numbers of recordings
        ["anger/anna_1.wav", "angry/anna_1.wav", "anger/ben_1.wav", "angry/ben_1.wav"],  # one emotion
    ],
)
def test_no_speakers_where_file_names_do_not_say_them(known, names):
    said = known(*names)
    assert (said.reader, said.speakers, said.speaker_pattern, said.notes) == ("folder", (), "", ())


def test_numbered_speakers_with_several_recordings_are_proposed(known):
    names = [f"{emotion}/{speaker}_{take}.wav" for emotion in ("angry", "sad") for speaker in "12" for take in "12"]
    assert known(*names).speakers == ("1", "2")


def test_many_speakers_are_shortened_in_the_note(known):
    said = known(*[f"{emotion}/s{i}_a.wav" for emotion in ("angry", "sad") for i in range(8)])
    assert "-: s0, s1, s2, s3, s4 and 3 more;" in said.notes[0]


# A table


def test_a_table_is_known(known):
    table = "path,emotion,speaker,language\na.wav,joy,anna,fr\nx/b.wav,sad,ben,\n"
    said = known("a.wav", "x/b.wav", "x/c.wav", texts={"labels.csv": table, "other.csv": "name,age\nanna,30\n"})
    assert said.params == {"reader": "folder", "table": "labels.csv"}
    assert (said.recordings, said.speakers, said.languages) == (2, ("anna", "ben"), ("fr",))
    assert said.emotions == {"happy": 1, "sad": 1}
    assert said.notes == ("1 of 3 audio files are left out: labels.csv does not list them, as x/c.wav",)


def test_a_table_of_numbers_is_known_by_what_can_be_predicted(known):
    said = known("a.wav", "b.wav", texts={"labels.csv": "path,speaker,arousal,valence\na.wav,x,1,2\nb.wav,y,3,\n"})
    assert (said.params, said.emotions, said.targets) == (
        {"reader": "folder", "table": "labels.csv"}, {}, ["valence", "arousal"],
    )  # fmt: skip
    assert said.describe().endswith(": 2 recordings, 2 speakers; no emotions, but numbers on valence and arousal")


def test_numbers_beside_emotions_are_no_targets(known):
    said = known("a.wav", texts={"labels.csv": "path,emotion,valence\na.wav,sad,1\n"})
    assert (said.emotions, said.dimensions, said.targets) == ({"sad": 1}, ("valence",), [])


def test_a_table_of_votes_is_known_by_the_majority(known):
    said = known("a.wav", texts={"labels.csv": "path,votes_sad,votes_happy\na.wav,2,1\n"})
    assert (said.emotions, said.targets) == ({"sad": 1}, [])


def test_a_table_beside_emotion_folders_is_said(known):
    said = known("angry/a.wav", texts={"labels.csv": "path,emotion\nangry/a.wav,angry\n"})
    assert said.params == {"reader": "folder"}
    assert said.notes == ("labels.csv lists recordings too; `table: labels.csv` takes them from there",)


def test_a_mistake_in_the_table_is_named(known):
    with pytest.raises(UserError, match=r"labels\.csv, line 3: no such file: .*b\.wav"):
        known("a.wav", texts={"labels.csv": "path,emotion\na.wav,sad\nb.wav,sad\n"})
    with pytest.raises(UserError, match=r"a\.wav: unknown emotion code 'sadd' \(did you mean 'sad'"):
        known("a.wav", texts={"labels.csv": "path,emotion\na.wav,sadd\n"})


# Nothing that is known


def test_unknown_folders_are_named_with_what_to_do(known):
    with pytest.raises(UserError) as caught:
        known("angry/a.wav", "hapy/b.wav", "wütend/c.wav", texts={"x.csv": b"\xff\xfe\x00", "y.csv": ""})
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert "file names of aesdd, casia, crema_d, emodb, emovo, esd, iemocap, meld, mesd, msp_podcast, ravdess, " in text
    assert "frustrated, contempt, other), but hapy, wütend are none;" in text
    assert "columns path and emotion (or numbers: valence, arousal, dominance), but there is none." in text
    assert "`emotions: {hapy: LABEL}`" in text
    assert all(word in text for word in ("`folder` reader", "`speaker_pattern`", "`table`"))


def test_files_in_no_folder_are_counted(known):
    with pytest.raises(UserError, match=re.escape("other), but 2 of 3 audio files lie in none;")):
        known("a.wav", "b.wav", "sad/c.wav")


def test_a_table_with_other_columns_is_named_with_what_tells_what_they_are(known):
    with pytest.raises(UserError, match=re.escape("labels.csv has file, label, score: `columns: {path: NAME, emotion")):
        known("a.wav", texts={"empty.csv": "", "labels.csv": "file,label,score\na.wav,sad,1\n"})


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("metadata.csv", "file_name,label\na.wav,sad\n", "it has file_name, label; `columns: {emotion: NAME}` says"),
        ("db.yaml", "tables: {}\n", "db.yaml: "),
    ],
)
def test_what_has_the_header_of_a_format_is_told_what_it_lacks(known, name, text, says):
    with pytest.raises(UserError, match=re.escape(says)):
        known("a.wav", texts={name: text})


def test_two_tables_are_named(known):
    table = "path,emotion\na.wav,sad\n"
    with pytest.raises(UserError, match=re.escape("but there are one.csv, two.CSV.")):
        known("a.wav", texts={"one.csv": table, "two.CSV": table})


def test_emotion_folders_are_known_beside_metadata_of_something_else(known):
    assert known("sad/a.wav", "happy/b.wav", texts={"metadata.csv": "id,age\n1,30\n"}).reader == "folder"


HEADER = "schemes: {emotion: {dtype: str}}\ntables: {e: {type: filewise, columns: {emotion: {scheme_id: emotion}}}}"


@pytest.mark.parametrize(
    ("reader", "general", "texts"),
    [
        ("emodb", "audformat", {"db.yaml": HEADER, "db.e.csv": "file,emotion\n%s,anger\n%s,happiness\n"}),
        ("ravdess", "hf_datasets", {"metadata.csv": "file_name,emotion\n%s,angry\n%s,calm\n"}),
    ],
)
def test_a_corpuss_own_reader_goes_before_one_of_lists(known, reader, general, texts):
    names = CORPORA[reader][0]
    said = known(*names, texts={name: text % tuple(names) if "%s" in text else text for name, text in texts.items()})
    takes = f"`reader: {general}` takes recordings and labels from its tables"
    note = f"the reader {general} knows this folder too; {takes}"
    assert (said.reader, said.notes) == (reader, (note,))
    assert said.describe().splitlines()[1] == f"  {note}"


def test_a_packed_dataset_leads_to_ser_unpack(known):
    with pytest.raises(UserError, match=r"parquet: has the recordings inside; `ser unpack \S+ NEW_FOLDER` writes them"):
        known(texts={"README.md": "", "data/train-00000-of-00001.parquet": b"PAR1"})


def test_a_folder_without_audio(tmp_path):
    with pytest.raises(UserError, match="has no audio file"):
        recognise(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        recognise(tmp_path / "none")


def test_home_is_expanded(known, tmp_path, monkeypatch):
    said = known("wav/03a01Fa.wav")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert recognise(Path("~/corpus")) == said


def test_what_is_not_read_and_how_a_table_is_read_are_noted(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    (tmp_path / "c.m4a").write_bytes(b"")
    (tmp_path / "labels.csv").write_bytes("path;emotion;speaker\na.wav;sad;Zoë\n".encode("cp1252"))
    encoding, unlisted, unread = recognise(tmp_path).notes
    assert "labels.csv: is no Unicode, and is read as cp1252 ('Zoë' is a word of it)" in encoding
    assert unlisted == "1 of 2 audio files are left out: labels.csv does not list them, as b.wav"
    assert unread == "left out: 1 .m4a, not read; convert what are recordings, as with ffmpeg"


def test_a_corpus_held_twice_is_known_and_counted_once(tmp_path):
    for name in ("DC/sa03", "DC/a01", "copy/DC/sa03", "copy/DC/a01"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.wav").touch()
    found = recognise(tmp_path)
    assert (found.reader, found.recordings) == ("savee", 2)
    assert found.notes == ("2 of 4 audio files are left out: second copies, or no utterances of speech",)
