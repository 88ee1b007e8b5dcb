"""What of a corpus is there. Recordings are files of one byte; those of one name have the same bytes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.corpora import find_reader, listing
from pipeline.corpora.base import CorpusParams
from pipeline.corpora.coverage import coverage
from pipeline.errors import UserError
from pipeline.report.coverage import coverage_lines
from pipeline.strict import validate


@pytest.fixture
def covered(tmp_path):
    """Make files of these names in a folder, and hold it against a corpus."""

    def covered(reader, *names, texts=None):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"r")
        for name, text in (texts or {}).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return coverage(validate(CorpusParams, {"reader": reader, "root": tmp_path}))

    return covered


def waves(reader):
    """The file names of a whole corpus."""
    return [f"{key.partition('-')[2]}.wav" for key in find_reader(reader).expected(Path("none"))]


@pytest.mark.parametrize("reader", ["ravdess", "ravdess_song", "ravdess_speech_song", "savee"])
def test_a_whole_corpus_is_complete(covered, reader):
    one = covered(reader, *waves(reader))
    assert one.is_complete
    assert (one.recordings, dict(one.labels)) == (one.published.recordings, {**one.published.labels})
    assert one.speakers == tuple(sorted(one.published.speaker_names))


def test_what_is_missing_is_named(covered):
    names = [name for name in waves("ravdess") if not name.endswith("-07.wav")]
    one = covered("ravdess", *names[1:])
    assert not one.is_complete
    assert (one.lacking, len(one.missing), one.missing_speakers) == (61, 61, ("actor_07",))
    assert names[0].removesuffix(".wav") in one.missing


def test_words_that_tess_lacks_are_counted(covered):
    names = [f"{s}_{word}_{e}.wav" for s in ("OAF", "YAF") for word in ("back", "bite")
             for e in ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")]  # fmt: skip
    names[names.index("OAF_bite_neutral.wav")] = "OA_bite_neutral.wav"
    one = covered("tess", *names[1:])
    assert one.missing == ("OAF_back_angry", "all of 198 words that are not there")
    assert (one.recordings, one.lacking, one.unexpected, one.expected) == (27, 2773, (), 2800)
    stray = covered("tess", *names[1:], "OAF_back_fearful.wav")
    assert (stray.lacking, stray.expected) == (2773, 2800)


def test_where_names_follow_no_rule_recordings_are_counted(covered):
    one = covered("emodb", "wav/03a01Fa.wav", "wav/08a01Wa.wav")
    assert (one.recordings, one.lacking, one.missing, len(one.missing_speakers)) == (2, 533, (), 8)
    many = covered("emovo", *(f"rab-f1-{a}{n}.wav" for a in "abcdefghijklmnopqrstuvwxyz" for n in range(1, 10)))
    assert (many.surplus, many.lacking) == (0, 588 - 234)


def test_more_than_are_published_are_unexpected(covered):
    one = covered("aesdd", *(f"a{number:02d} ({actor}){take}.wav" for number in range(1, 26) for actor in range(1, 7)
                             for take in ("", "b", "c", "d", "e")))  # fmt: skip
    assert (one.recordings, one.surplus, one.is_complete) == (750, 145, False)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"


def test_what_has_no_recording_is_not_there(covered):
    names = waves("savee")
    one = covered("savee", *names, texts={names[0]: POINTER, names[1]: ""})
    assert (one.recordings, one.lacking, one.hollow) == (478, 2, (names[0], names[1]))
    assert "git lfs pull" in one.hollow_reason
    assert not one.is_complete
    assert "2 files with no recording (DC_a01.wav, DC_a02.wav); the first is a Git LFS" in "\n".join(
        coverage_lines("savee", one, find_reader("savee"))
    )


def test_every_unexpected_file_is_named(covered):
    one = covered("ravdess", *waves("ravdess"), "notes.wav", "Actor_25/03-01-01-01-01-01-25.wav", "a/b.wav")
    assert one.unexpected == ("a/b.wav", "notes.wav")
    assert (one.recordings, one.lacking) == (1440, 0)
    assert "the reader stops at the first unexpected file: " in one.notes[0]


def test_a_file_of_an_unknown_label_is_unexpected(covered):
    assert covered("tess", "OAF_back_proud.wav", "OAF_back_sad.wav").unexpected == ("OAF_back_proud.wav",)


def test_a_recording_that_is_not_the_corpuss_is_unexpected(covered):
    one = covered("ravdess", *waves("ravdess"), "Actor_25/03-01-01-01-01-01-25.wav")
    assert one.unexpected == ("Actor_25/03-01-01-01-01-01-25.wav",)


def test_copies_films_documents_and_litter_are_no_fault(covered):
    stray = ["README.md", "labels.csv", "Thumbs.db", "desktop.ini", ".DS_Store", "film.mp4", "LICENCE"]
    one = covered("savee", *waves("savee"), *(f"ALL/{name}" for name in waves("savee")), *stray)
    assert one.is_complete
    assert (one.copies, one.unread, one.others) == (480, {".mp4": 1}, {".csv": 1, ".md": 1, "LICENCE": 1})


def test_what_a_reader_leaves_out_is_noted(covered):
    one = covered("ravdess", *waves("ravdess_speech_song"))
    assert one.is_complete
    assert one.notes[0].startswith("left out: 1012 recordings of song; ")


def test_the_tables_of_a_corpus_say_what_is_expected(covered):
    header = "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\n"
    tables = {
        f"{part}_sent_emo.csv": f"{header}Hi,Joey,joy,0,0\nNo,Ross,anger,0,1\n" for part in ("train", "dev", "test")
    }
    files = [f"{part}/dia0_utt{n}.wav" for part in ("train", "dev", "test") for n in (0, 1)]
    assert covered("meld", *files, texts=tables).is_complete


def test_a_table_of_meld_that_is_not_there_is_missing(covered):
    table = "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\nHi,Joey,joy,0,0\nNo,Ross,anger,0,1\n"
    one = covered("meld", "train/dia0_utt0.wav", texts={"train_sent_emo.csv": table})
    absent = [f"all of {part}_sent_emo.csv, which is not there" for part in ("dev", "test")]
    assert one.missing == (*absent, "train-dia0_utt1")


def test_ones_own_recordings_are_held_against_nothing(covered):
    one = covered("folder", "sad/a.wav", "happy/b.wav")
    assert one.is_complete
    assert (one.expected, one.recordings) == (0, 2)


def test_a_folder_of_another_corpus_is_refused(covered):
    with pytest.raises(UserError, match="not a SAVEE file name"):
        covered("savee", "wav/03a01Fa.wav")


def test_an_iemocap_turn_without_an_emotion_is_an_error(covered):
    with pytest.raises(UserError, match="its emotion should be in"):
        covered("iemocap", "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
                "Session1/dialog/wav/Ses01F_impro01.wav")  # fmt: skip


LISTS = {
    "emobox": (
        "list.jsonl",
        '{"key": "k", "wav": "a.wav", "emo": "sad"}\n{"key": "l", "wav": "b.wav", "emo": "sad"}\n',
    ),
    "hf_datasets": ("metadata.csv", "file_name,emotion\na.wav,sad\nb.wav,happy\n"),
    "folder": ("labels.csv", "path,emotion\na.wav,sad\nb.wav,happy\n"),
    "audformat": ("db.e.csv", "file,emotion\na.wav,sad\nb.wav,happy\n"),
}
AUDFORMAT = {"db.yaml": "tables: {e: {type: filewise, columns: {emotion: {}}}}\n"}


@pytest.mark.parametrize("reader", LISTS)
def test_what_a_list_names_and_is_not_there_is_missing(reader, tmp_path):
    name, text = LISTS[reader]
    for file, content in {name: text, **(AUDFORMAT if reader == "audformat" else {})}.items():
        (tmp_path / file).write_text(content, encoding="utf-8")
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 8000)
    soundfile.write(tmp_path / "a.wav", noise, 16000)
    params = {"reader": reader, "root": tmp_path, **({"table": name} if reader == "folder" else {})}
    one = coverage(validate(CorpusParams, params))
    assert (one.recordings, one.expected, one.missing, one.is_complete) == (1, 2, ("b.wav",), False)
    with pytest.raises(UserError, match=r"line [23]: no such file: .*b\.wav"):
        listing.read("mine", validate(CorpusParams, params))
    some = listing.read("mine", validate(CorpusParams, {**params, "on_bad_audio": "skip"}))
    assert [row.wav for row in some.rows] == ["a.wav"]
    why = some.left_out.bad_audio["b.wav"]
    assert "no such file: " in why
    assert str(tmp_path) not in why


def test_why_segments_are_left_out_is_the_same_wherever_the_corpus_lies(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 8000), 16000)
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-4000])
    (tmp_path / "l.csv").write_text("path,emotion,start,end\na.wav,sad,,\nb.wav,sad,0,0.1\n")
    params = {"reader": "folder", "root": tmp_path, "table": "l.csv", "on_bad_audio": "skip"}
    ((name, why),) = listing.read("mine", validate(CorpusParams, params)).left_out.bad_audio.items()
    assert name.startswith("b.wav")
    assert why.startswith("b.wav: is cut short")


def test_links_to_nothing_have_no_recording(covered, tmp_path):
    (tmp_path / "sad").mkdir()
    (tmp_path / "sad/2.wav").symlink_to("/nowhere/2.wav")
    (tmp_path / "sad/3.wav").symlink_to("../.git/annex/objects/3.wav")
    one = covered("folder", "sad/1.wav")
    assert (one.recordings, one.hollow, one.is_complete) == (1, ("sad/2.wav", "sad/3.wav"), False)
    assert one.hollow_reason == "is a link to /nowhere/2.wav, where nothing is; mend or remove the link"
    (tmp_path / "sad/2.wav").unlink()
    assert covered("folder").hollow_reason.startswith("is a git-annex link, and the recording is not here; run `git an")
