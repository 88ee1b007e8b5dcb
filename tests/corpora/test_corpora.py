from pathlib import Path

import pytest
from corpus_reading import build

from pipeline import corpora
from pipeline.corpora import READERS, find_reader, listing, manifest
from pipeline.corpora.base import LISTS, CorpusParams
from pipeline.corpora.emotions import ALIASES, EMOTIONS, canonical
from pipeline.errors import ParamsError, UserError
from pipeline.strict import validate

__all__ = ["build"]


def test_every_reader_says_what_it_reads():
    for name in READERS:
        reader = find_reader(name)
        assert reader.name == name
        assert set(reader.emotions.values()) <= set(EMOTIONS)
        assert all((reader.title, reader.licence, reader.source))
        assert reader.citation or name in ("folder", *LISTS)
        assert all(len(language) == 2 for language in reader.languages)


def test_what_is_published_of_a_corpus_adds_up():
    for name in READERS:
        published = find_reader(name).published
        assert sum(published.labels.values()) in (0, published.recordings)
        assert len({*published.speaker_names}) in (0, published.speakers)


@pytest.mark.parametrize("name", ["casia", "esd", "ravdess", "ravdess_song", "ravdess_speech_song", "savee", "subesco"])
def test_a_naming_rule_has_all_recordings_of_a_corpus(name):
    reader = find_reader(name)
    expected = reader.expected(Path("none"))
    assert len(expected) == len({*expected}) == reader.published.recordings


def test_each_reader_is_found_in_its_own_file():
    modules = [entry.module for entry in READERS.values()]
    assert {module.rpartition(".")[2] for module in modules} == set(READERS)
    helpers = {
        "__init__",
        "base",
        "duplicates",
        "emotions",
        "examined",
        "fold_lists",
        "health",
        "left_out",
        "listing",
        "manifest",
    }
    helpers |= {
        "arrow",
        "coverage",
        "listed_files",
        "lost_links",
        "name_rules",
        "overlaps",
        "own_tables",
        "prints",
        "ratings",
        "recognition",
        "recording_names",
        "same_key",
        "speaker_pattern",
        "spellings",
        "table",
        "text_encoding",
        "unpacking",
        "unread",
    }
    assert {path.stem for path in Path(corpora.__file__).parent.glob("*.py")} - helpers == set(READERS)


def test_an_unknown_reader_is_named_with_its_nearest():
    with pytest.raises(ParamsError, match=r"'ravdes'.*did you mean 'ravdess'"):
        find_reader("ravdes")


# The folder


def test_home_is_expanded(build, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    build("emodb", "03a01Fa.wav")
    params = validate(CorpusParams, {"reader": "emodb", "root": "~/corpus"})
    assert params.root == tmp_path / "corpus"
    assert [row.wav for row in listing.read("mine", params).rows] == ["03a01Fa.wav"]


@pytest.mark.parametrize("root", ["corpus/~", "data/raw", "../x"])
def test_relative_folders_stay_as_they_are(root):
    assert validate(CorpusParams, {"reader": "emodb", "root": root}).root == Path(root)


def test_the_home_of_nobody():
    with pytest.raises(ParamsError, match="root: '~no-such-user' is no user's home folder; it is '~no-such-user/x'"):
        validate(CorpusParams, {"reader": "emodb", "root": "~no-such-user/x"})


# RAVDESS


@pytest.mark.parametrize(
    ("stem", "emotion", "gender", "text"),
    [
        ("03-01-01-01-01-01-01", "neutral", "male", "Kids are talking by the door"),
        ("03-01-02-02-01-01-08", "calm", "female", "Kids are talking by the door"),
        ("03-01-03-01-02-02-24", "happy", "female", "Dogs are sitting by the door"),
        ("03-01-04-01-01-01-03", "sad", "male", "Kids are talking by the door"),
        ("03-01-05-01-02-01-18", "angry", "female", "Dogs are sitting by the door"),
        ("03-01-06-01-01-01-05", "fearful", "male", "Kids are talking by the door"),
        ("03-01-07-02-01-01-17", "disgusted", "male", "Kids are talking by the door"),
        ("03-01-08-01-01-02-17", "surprised", "male", "Kids are talking by the door"),
    ],
)
def test_ravdess_names(build, stem, emotion, gender, text):
    wav = f"Actor_{stem[-2:]}/{stem}.wav"
    row = build("ravdess", wav)[wav]
    assert (row.key, row.emotion, row.raw_emotion) == (f"ravdess-{stem}", emotion, stem[6:8])
    assert (row.speaker, row.gender) == (f"actor_{stem[-2:]}", gender)
    assert (row.language, row.text, row.session) == ("en", text, stem[15:17])


def test_ravdess_leaves_out_song_video_and_the_second_copy(build):
    speech, song, video = "03-01-05-01-02-01-18.wav", "03-02-05-01-02-01-18.wav", "02-01-05-01-02-01-18.wav"
    rows = build("ravdess", f"Actor_18/{speech}", f"Actor_18/{song}", f"Actor_18/{video}", f"copies/Actor_18/{speech}")
    assert list(rows) == [f"Actor_18/{speech}"]


def test_ravdess_of_song_only_is_an_error(build):
    with pytest.raises(UserError, match=r"corpus'? has no recording that the ravdess reader takes"):
        build("ravdess", "03-02-05-01-02-01-18.wav")


@pytest.mark.parametrize("stem", ["03-01-05-01-02-01", "03-01-05-01-02-01-18-x", "notes", "3-1-5-1-2-1-18"])
def test_ravdess_wrong_names(build, stem):
    with pytest.raises(UserError, match=rf"{stem}\.wav: not a RAVDESS file name"):
        build("ravdess", f"{stem}.wav")


def test_ravdess_unknown_emotion_code(build):
    with pytest.raises(
        UserError, match=r"03-01-09-01-02-01-18\.wav: unknown emotion code '09'.*corpora\.mine\.emotions"
    ):
        build("ravdess", "03-01-09-01-02-01-18.wav")


# EmoDB


@pytest.mark.parametrize(
    ("stem", "speaker", "gender", "emotion"),
    [
        ("03a01Fa", "03", "male", "happy"),
        ("08a01Wa", "08", "female", "angry"),
        ("09a02La", "09", "female", "bored"),
        ("10a04Eb", "10", "male", "disgusted"),
        ("11b01Aa", "11", "male", "fearful"),
        ("12a05Ta", "12", "male", "sad"),
        ("15b10Nc", "15", "male", "neutral"),
        ("16b03N", "16", "female", "neutral"),
    ],
)
def test_emodb_names(build, stem, speaker, gender, emotion):
    row = build("emodb", f"wav/{stem}.wav")[f"wav/{stem}.wav"]
    assert (row.key, row.speaker, row.gender) == (f"emodb-{stem}", speaker, gender)
    assert (row.emotion, row.raw_emotion, row.language) == (emotion, stem[5], "de")


def test_emodb_knows_its_sentences(build):
    rows = build("emodb", "03a01Fa.wav", "03b10Wa.wav")
    assert rows["03a01Fa.wav"].text == "Der Lappen liegt auf dem Eisschrank."
    assert rows["03b10Wa.wav"].text.startswith("Die wird auf dem Platz sein")


@pytest.mark.parametrize("stem", ["3a01Fa", "03c01Fa", "03a01fa", "03a01Faa", "03a01"])
def test_emodb_wrong_names(build, stem):
    with pytest.raises(UserError, match=rf"{stem}\.wav: not an EmoDB file name"):
        build("emodb", f"{stem}.wav")


def test_emodb_unknown_emotion_letter(build):
    with pytest.raises(UserError, match=r"03a01Xa\.wav: unknown emotion code 'X'"):
        build("emodb", "03a01Xa.wav")


# A folder with one subfolder per emotion


def test_subfolders_name_the_emotions(build):
    rows = build("folder", "happy/anna/take_1.wav", "Anger/ben.wav", language="fr")
    assert [(row.key, row.emotion, row.raw_emotion) for row in rows.values()] == [
        ("Anger/ben", "angry", "Anger"),
        ("happy/anna/take_1", "happy", "happy"),
    ]
    assert {(row.speaker, row.gender, row.language) for row in rows.values()} == {("", "", "fr")}


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "WAV"])
def test_audio_formats(build, suffix):
    (row,) = build("folder", f"sad/a.{suffix}").values()
    assert (row.key, row.sample_rate, row.channel) == ("sad/a", 16000, 1)
    assert row.length == pytest.approx(0.1, abs=0.08 if suffix == "mp3" else 1e-6)


def test_hidden_and_other_files_are_left_out(build, tmp_path):
    (tmp_path / "corpus/sad").mkdir(parents=True)
    for name in ("notes.txt", "sad/._a.wav", ".trash.wav"):
        (tmp_path / "corpus" / name).write_bytes(b"no audio")
    assert list(build("folder", "sad/a.wav", "sad/.cache/b.wav")) == ["sad/a.wav"]


def test_a_file_in_no_emotion_folder(build):
    with pytest.raises(UserError, match=r"stray\.wav: lies in no emotion folder"):
        build("folder", "stray.wav", "sad/a.wav")


def test_unicode_names(build, tmp_path):
    rows = build("folder", "traurig/Zoë 東京.wav", emotions={"traurig": "sad"}, speaker_pattern="/(.+) ")
    row = rows["traurig/Zoë 東京.wav"]
    assert (row.key, row.speaker, row.emotion) == ("traurig/Zoë 東京", "Zoë", "sad")
    manifest.write(tmp_path / "m.jsonl", [row])
    assert manifest.read(tmp_path / "m.jsonl") == [row]


def test_a_file_name_that_is_not_utf8(build, tmp_path):
    build("folder", "sad/a.wav")
    try:
        (tmp_path / "corpus/sad/a.wav").rename(tmp_path / "corpus/sad/m\udcfcde.wav")
    except (OSError, UnicodeError):
        return  # this file system has no such names
    with pytest.raises(UserError, match="not UTF-8"):
        build("folder")


# Speakers from paths


def test_speaker_pattern(build):
    rows = build("folder", "sad/anna/1.wav", "sad/ben/1.wav", speaker_pattern="/([^/]+)/")
    assert [row.speaker for row in rows.values()] == ["anna", "ben"]


@pytest.mark.parametrize("pattern", ["_([0-9]+)", "sad/(x)?"])
def test_speaker_pattern_that_finds_none(build, pattern):
    with pytest.raises(UserError, match=r"sad/anna\.wav: speaker_pattern .* does not match"):
        build("folder", "sad/anna.wav", speaker_pattern=pattern)


@pytest.mark.parametrize(("pattern", "problem"), [("[a-z]+", "needs a group"), ("(a", "is no regular expression")])
def test_speaker_pattern_that_cannot_work(build, pattern, problem):
    with pytest.raises(ParamsError, match=f"speaker_pattern: {problem}"):
        build("folder", "sad/anna.wav", speaker_pattern=pattern)


# A table


def test_table(build):
    table = (
        'path,emotion,speaker,gender,language,text,session\na.wav,joy,anna,female,en,"Well, yes",2\nb/c.wav,sad,,,,,\n'
    )
    rows = build("folder", "a.wav", "b/c.wav", "unlisted.wav", labels=table, language="de")
    assert list(rows) == ["a.wav", "b/c.wav"]
    row = rows["a.wav"]
    assert (row.emotion, row.raw_emotion, row.speaker, row.gender) == ("happy", "joy", "anna", "female")
    assert (row.language, row.text, row.session) == ("en", "Well, yes", "2")
    assert (rows["b/c.wav"].language, rows["b/c.wav"].speaker) == ("de", "")


def test_table_as_spreadsheets_write_it(build):
    rows = build("folder", "b/a.wav", labels="\ufeffpath,emotion\r\n b\\a.wav , sad \r\n")
    assert [(row.wav, row.emotion) for row in rows.values()] == [("b/a.wav", "sad")]


def test_table_text_may_have_line_ends(build, tmp_path):
    text = 'one\ntwo\u2028three\x85"four"'
    quoted = text.replace('"', '""')
    rows = build("folder", "a.wav", "b.wav", labels=f'path,emotion,text\na.wav,sad,"{quoted}"\nb.wav,happy,x\n')
    assert [row.text for row in rows.values()] == [text, "x"]
    manifest.write(tmp_path / "m.jsonl", [*rows.values()])
    assert manifest.read(tmp_path / "m.jsonl") == [*rows.values()]


def test_table_speaker_comes_before_the_pattern(build):
    rows = build(
        "folder",
        "x_a.wav",
        "y_b.wav",
        labels="path,emotion,speaker\nx_a.wav,sad,anna\ny_b.wav,sad,\n",
        speaker_pattern="^(.)_",
    )
    assert [row.speaker for row in rows.values()] == ["anna", "y"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,label\na.wav,sad\n", r"labels\.csv: has no column 'emotion'; its columns are path, label"),
        ("", r"labels\.csv: has no column 'path'; it is empty"),
        ("path,emotion,speeker\na.wav,sad,x\n", r"labels\.csv: unknown column 'speeker' \(did you mean 'speaker'\?\)"),
        ("path,emotion\na.wav,sad\nb.wav,sad\n", r"labels\.csv, line 3: no such file: .*b\.wav"),
        ("path,emotion\n../a.wav,sad\n", r"labels\.csv, line 2: path '\.\./a\.wav' must name a file below"),
        ("path,emotion\n/etc/a.wav,sad\n", r"labels\.csv, line 2: path '/etc/a\.wav' must name a file below"),
        ("path,emotion\n,sad\n", r"labels\.csv, line 2: path '' must name a file below"),
        ("path,emotion\na.wav\n", r"labels\.csv, line 2: has not the 2 columns"),
        ("path,emotion\na.wav,sad,x\n", r"labels\.csv, line 2: has not the 2 columns"),
        ("path,emotion\n", r"labels\.csv: lists no recording"),
        ("path,emotion\na.wav,sadd\n", r"a\.wav: unknown emotion code 'sadd' \(did you mean 'sad'\?\)"),
        (
            "path,emotion\na.wav,sad\na.wav,happy\n",
            r"labels\.csv, line 3: lists a\.wav as line 2 does, as 'sad' and as 'happy'; take one out",
        ),
        ("path,emotion,text,text\na.wav,sad,x,y\n", r"labels\.csv: column 'text' stands twice; take one out"),
        (f"path,emotion,text\na.wav,sad,{'x' * 140000}\n", r"labels\.csv, line 2: not CSV \(field larger than"),
        (f"path,emotion,{'x' * 140000}\n", r"labels\.csv, line 1: not CSV \(field larger than"),
        ("path,emotion\na.wav,fröhlich\n".encode("latin-1"), r"a\.wav: unknown emotion code 'fröhlich'"),
    ],
)
def test_table_mistakes(build, table, message):
    with pytest.raises(UserError, match=message) as caught:
        build("folder", "a.wav", labels=table)
    assert len(str(caught.value).splitlines()) == 1


def test_missing_table(build):
    with pytest.raises(UserError, match=r"list\.csv: no such table"):
        build("folder", "sad/a.wav", table="list.csv")


def test_a_table_that_is_a_folder(build):
    with pytest.raises(UserError, match=r"corpus/sad: cannot be read \(Is a directory\); name a CSV file"):
        build("folder", "sad/a.wav", table="sad")


def test_blank_lines_of_a_table_are_left_out(build):
    assert list(build("folder", "a.wav", labels="path,emotion\n\na.wav,sad\n\n")) == ["a.wav"]


@pytest.mark.parametrize(("name", "value"), [("table", "labels.csv"), ("speaker_pattern", "/(.)")])
def test_options_of_the_folder_reader_with_another(build, name, value):
    with pytest.raises(ParamsError, match=f"^{name}: is for the folder reader, and the reader is emodb; leave it out"):
        build("emodb", "03a01Fa.wav", **{name: value})


# Links


def test_emotions_in_params_come_first(build):
    rows = build("folder", "joy/a.wav", "sad/b.wav", "X/c.wav", emotions={"joy": "surprised", "X": "other"})
    assert {row.raw_emotion: row.emotion for row in rows.values()} == {"joy": "surprised", "sad": "sad", "X": "other"}


@pytest.mark.parametrize("emotions", [{}, {"x": "other"}])
def test_unknown_emotion_folder(build, emotions):
    with pytest.raises(UserError, match=r"hapy/a\.wav: unknown emotion code 'hapy' \(did you mean 'happy'\?\)"):
        build("folder", "hapy/a.wav", emotions=emotions)


def test_emotions_must_be_canonical(build):
    with pytest.raises(ParamsError, match=r"emotions: 'x' maps to 'hapy' \(did you mean 'happy'\?\)"):
        build("folder", "x/a.wav", emotions={"x": "hapy"})


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("ang", "angry"),
        (" Joy ", "happy"),
        ("fear", "fearful"),
        ("CALM", "calm"),
        ("excitement", "excited"),
        ("fru", "frustrated"),
        ("Contempt", "contempt"),
        ("oth", "other"),
    ],
)
def test_common_spellings(code, label):
    assert canonical(code, {}) == label


def test_no_spelling_is_a_label_and_all_lead_to_one():
    assert not set(ALIASES) & set(EMOTIONS)
    assert set(ALIASES.values()) <= set(EMOTIONS)
    assert not {code for code in ALIASES if code != code.lower()}
