"""`ser init` on recordings without emotions, and on some whose speakers are unknown."""

import numpy as np
import pytest
import soundfile
import yaml
from in_process import ser

from pipeline.config.strict_yaml import parse


@pytest.fixture
def rated(tmp_path, monkeypatch):
    """A folder of four recordings by two speakers, with a table of numbers."""
    root = tmp_path / "recordings"
    root.mkdir()
    lines = ["path,speaker,valence,arousal"]
    for number in range(4):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 8000)
        soundfile.write(root / f"u{number}.wav", noise, 16000)
        lines.append(f"u{number}.wav,s{number % 2},{number},{4 - number}")
    (root / "labels.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return root


def test_numbers_are_predicted_where_there_are_no_emotions(rated, tmp_path):
    result = ser("init", "--corpus", "mine=recordings", "--model", "tiny")
    assert result.exit_code == 0, result.stderr
    first, *_, last = result.stdout.splitlines()
    assert first.endswith("4 recordings, 2 speakers; no emotions, but numbers on valence and arousal")
    assert "functionals of log-Mel, MFCC and prosody, ridge regression of valence and arousal" in result.stdout
    assert last == "next: dvc repro"
    params = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))
    assert [one["targets"] for one in params["experiments"].values()] == [["valence", "arousal"]] * 2
    stages = yaml.safe_load((tmp_path / "dvc.yaml").read_text("utf-8"))["stages"]
    assert {"train-pooled_mine", "train-tiny_mine"} <= {*stages}


@pytest.mark.parametrize(
    ("given", "name", "source"),
    [("facebook/hubert-base-ls960", "hubert_base_ls960", "facebook/hubert-base-ls960"), ("mine=a/b", "mine", "a/b")],
)
def test_a_model_is_named_by_its_source_or_by_name(rated, tmp_path, given, name, source):
    result = ser("init", "--corpus", "mine=recordings", "--model", given)
    assert result.exit_code == 0, result.stderr
    embeddings = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))["embeddings"]
    assert {key: entry["model"] for key, entry in embeddings.items()} == {name: source}


@pytest.mark.parametrize("given", ["/no/such", "mine=/no/such", "=a/b", "my model=a/b"])
def test_a_model_that_is_nowhere_or_has_no_name_is_refused_before_anything_is_written(rated, tmp_path, given):
    result = ser("init", "--corpus", "mine=recordings", "--model", given)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: --model ")
    assert not (tmp_path / "params.yaml").exists()


def test_a_folder_in_which_dvc_would_fill_in_a_variable_is_refused(rated, tmp_path):
    rated.rename(tmp_path / "take ${two}")
    result = ser("init", "--corpus", "mine=take ${two}")
    assert result.exit_code == 2
    says = "'take ${two}' has a '${', which DVC would fill in; rename it, or give a link to it"
    assert result.stderr.splitlines()[-1].endswith(says)
    assert not (tmp_path / "params.yaml").exists()
    (tmp_path / "linked").symlink_to("take ${two}")
    assert ser("init", "--corpus", "mine=linked").exit_code == 0


def test_a_benchmark_of_them_says_that_it_needs_emotions(rated):
    result = ser("benchmark", "--corpus", "mine=recordings")
    assert result.exit_code == 1
    assert "no recording of corpus mine has an emotion; give" in result.stderr.splitlines()[-1]


PODCAST = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"


def test_a_corpus_with_parts_of_its_own_is_tested_on_them_where_some_speaker_is_unknown(tmp_path, monkeypatch):
    """As MSP-Podcast is, many of whose speakers are `Unknown`."""
    (tmp_path / "msp/Audios").mkdir(parents=True)
    lines = [PODCAST]
    for number in range(12):
        name, part = f"MSP-PODCAST_{number:04d}_0001.wav", ("Train", "Development", "Test1")[number % 3]
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 8000)
        soundfile.write(tmp_path / "msp/Audios" / name, noise, 16000)
        lines.append(f"{name},{'AH'[number // 3 % 2]},4,4,4,{'Unknown' if number == 5 else number},Male,{part}")
    (tmp_path / "msp/labels_consensus.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = ser("init", "--corpus", "msp=msp")
    assert result.exit_code == 0, result.stderr
    why = "the corpus's own training and test parts, as nobody knows who speaks in 1 of 12 recordings"
    assert f"  protocol own_parts: {why}" in result.stdout
    params = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))
    assert params["protocols"] == {"own_parts": {"scheme": "predefined"}}


def test_without_parts_some_unknown_speaker_makes_the_split_random(rated, tmp_path):
    table = rated / "labels.csv"
    lines = "path,speaker,emotion\n" + "".join(
        f"u{n}.wav,{'' if n == 5 else f's{n % 4}'},{'sad' if n % 2 else 'happy'}\n" for n in range(20)
    )
    for number in range(4, 20):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 8000)
        soundfile.write(rated / f"u{number}.wav", noise, 16000)
    table.write_text(lines, encoding="utf-8")
    result = ser("init", "--corpus", "mine=recordings")
    assert result.exit_code == 0, result.stderr
    assert "random split, as nobody knows who speaks in 1 of 20 recordings" in result.stdout


@pytest.fixture
def make_folder(tmp_path, monkeypatch):
    """Makes a folder of so many recordings of each of some emotions, of nobody known."""
    monkeypatch.chdir(tmp_path)

    def make(emotions, count):
        for number in range(len(emotions) * count):
            place = tmp_path / "recordings" / emotions[number % len(emotions)]
            place.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(number).uniform(-0.3, 0.3, 8000)
            soundfile.write(place / f"{number}.wav", noise, 16000)
        return ser("init", "--corpus", "mine=recordings")

    return make


@pytest.mark.parametrize("name", ["no", "2024", "null", "1e3", "2024_01", "0o17", "08"])
def test_names_that_yaml_would_take_for_something_else_are_text(make_folder, tmp_path, name):
    assert make_folder(EMOTIONS[:2], 5).exit_code == 0
    (tmp_path / "params.yaml").unlink()
    result = ser("init", "--corpus", f"{name}=recordings", "--model", name)
    assert result.exit_code == 0, result.stderr
    params = parse((tmp_path / "params.yaml").read_text("utf-8"), "params.yaml")
    assert [params["corpora"].keys(), params["embeddings"].keys()] == [{name}, {name}]
    experiments = params["experiments"]
    assert {(entry["corpus"], entry.get("ssl", name)) for entry in experiments.values()} == {(name, name)}
    assert experiments.keys() == {f"pooled_{name}", f"{name}_{name}"}
    assert ser("graph").exit_code == 0


EMOTIONS = ["angry", "calm", "disgust", "fearful", "happy", "neutral", "sad", "surprised"]


@pytest.mark.parametrize(("classes", "count", "tested"), [(8, 3, 0.34), (7, 2, 0.5), (6, 5, 0.2)])
def test_a_random_split_of_few_recordings_tests_each_emotion(make_folder, tmp_path, classes, count, tested):
    result = make_folder(EMOTIONS[:classes], count)
    assert result.exit_code == 0, result.stderr
    protocol = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))["protocols"]["random"]
    assert protocol == {"scheme": "stratified_split", "validation": 0, "test": tested}


@pytest.fixture
def few_and_many(make_folder, tmp_path):
    """The folders few and recordings, of 2 recordings of each of seven emotions and 10 of each of two."""
    assert make_folder(EMOTIONS[:7], 2).exit_code == 0
    (tmp_path / "recordings").rename(tmp_path / "few")
    (tmp_path / "params.yaml").unlink()
    assert make_folder(EMOTIONS[:2], 10).exit_code == 0
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).unlink()


@pytest.mark.parametrize("command", ["init", "benchmark"])
@pytest.mark.usefixtures("few_and_many")
def test_each_corpus_has_a_random_split_that_it_has_room_for(tmp_path, command):
    result = ser(
        *(command, "--corpus", "few=few", "--corpus", "many=recordings", "--corpus", "others=recordings"),
        *(["--no-run"] if command == "benchmark" else []),
    )
    assert result.exit_code == 0, result.stderr
    params = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))
    tested = {name: entry["test"] for name, entry in params["protocols"].items() if "inner" not in name}
    assert tested == {"random": 0.5, "random_many": 0.2, "random_others": 0.2}
    chosen = {entry["corpus"]: entry["protocol"].removesuffix("_inner3") for entry in params["experiments"].values()}
    assert chosen == {"few": "random", "many": "random_many", "others": "random_others"}
    assert command == "benchmark" or "  protocol random_many: random split, as nobody knows" in result.stdout


@pytest.mark.usefixtures("few_and_many")
def test_a_corpus_that_a_benchmark_gets_later_has_a_random_split_of_its_own(tmp_path):
    texts = []
    for corpus in ("few=few", "many=recordings", "many=recordings", "few=few"):
        result = ser("benchmark", "--no-run", "--corpus", corpus)
        assert result.exit_code == 0, result.stderr
        texts.append((tmp_path / "params.yaml").read_text("utf-8"))
    assert texts[0] != texts[1] == texts[2] == texts[3]
    tested = {name: entry["test"] for name, entry in yaml.safe_load(texts[1])["protocols"].items()}
    assert (tested["random"], tested["random_many"]) == (0.5, 0.2)


def test_emotions_of_one_recording_are_told_from_those_that_can_be_tested(make_folder):
    result = make_folder(EMOTIONS[:6], 1)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "experiments.pooled_mine.protocol: mine: cannot be split by emotion: emotion 'angry' of mine has one " in (
        result.stderr
    )


@pytest.fixture
def make_table(tmp_path, monkeypatch):
    """Makes a corpus of such recordings, and asks for a project of it; each is a speaker, an emotion and a part."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()

    def make(*recordings):
        lines = ["path,speaker,emotion,part"]
        for number, about in enumerate(recordings):
            noise = np.random.default_rng(number).uniform(-0.3, 0.3, 8000)
            soundfile.write(tmp_path / f"recordings/{number}.wav", noise, 16000)
            lines.append(",".join([f"{number}.wav", *about, *[""] * (3 - len(about))]))
        (tmp_path / "recordings/labels.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
        result = ser("init", "--corpus", "mine=recordings")
        assert result.exit_code == 0, result.stderr
        text = (tmp_path / "params.yaml").read_text("utf-8")
        return result.stdout, text, yaml.safe_load(text)["experiments"]["pooled_mine"]

    return make


COMMON = [(speaker, emotion) for speaker in "abc" for emotion in ("sad", "happy") * 2]


@pytest.mark.parametrize("others", [[], [(f"s{n}", emotion) for n in range(11) for emotion in ("sad", "happy")]])
def test_an_emotion_of_one_speaker_is_left_out_where_speakers_are_held_out(make_table, others):
    said, text, entry = make_table(*COMMON, ("b", "bored"), ("b", "bored"), *others)
    line = "without bored (2 recordings): all are of speaker 'b', without whom there is none to train on"
    assert f"  {line}; bring more of it, and take it into the experiment's `emotions`" in said.splitlines()
    assert f"  # {line}\n" in text
    assert entry["emotions"] == ["happy", "sad"]
    assert entry["protocol"] == ("speaker_folds" if others else "speakers")


def test_where_nearly_all_emotions_are_of_one_speaker_the_split_is_random(make_table):
    emotions = {"a": "sad", "b": "happy", "c": "calm"}
    said, text, entry = make_table(*[(speaker, emotion) for speaker, emotion in emotions.items() for _ in range(5)])
    assert "random split, as 3 of 3 emotions are of one speaker each: scores are too high for new speakers" in said
    assert (entry["protocol"], entry.get("emotions"), "without" in said + text) == ("random", None, False)


def test_a_random_split_and_parts_of_their_own_leave_out_what_they_cannot_test(make_table):
    said, _, entry = make_table(*[("a", "sad"), ("a", "happy")] * 4, ("a", "calm"))
    assert "  without calm (1 recording): of one recording there is none to train on; " in said
    assert (entry["protocol"], entry["emotions"]) == ("random", ["happy", "sad"])


def test_parts_of_their_own_leave_out_what_their_training_part_lacks(make_table):
    both = [("a", emotion, part) for part in ("train", "test") for emotion in ("sad", "happy")]
    said, _, entry = make_table(*both, ("a", "calm", "test"))
    assert "  without calm (1 recording): the corpus's own training part has none of it; " in said
    assert (entry["protocol"], entry["emotions"]) == ("own_parts", ["happy", "sad"])


def test_recordings_in_no_part_are_left_out_of_parts_of_their_own(make_table, tmp_path):
    both = [("", emotion, part) for part in ("train", "test", "") for emotion in ("sad", "happy")]
    said, _, entry = make_table(*both)
    assert ("  protocol own_parts: the corpus's own" in said, entry["protocol"]) == (True, "own_parts")
    params = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))
    assert params["protocols"] == {"own_parts": {"scheme": "predefined", "missing": "leave_out"}}


def test_a_corpus_beside_metadata_has_its_own_reader_and_it_is_said(tmp_path, monkeypatch):
    lines = ["file_name,emotion"]
    for number in range(24):
        name = f"03-01-{3 + number % 2:02}-01-01-01-{number // 2 + 1:02}.wav"
        soundfile.write(tmp_path / name, np.random.default_rng(number).uniform(-0.3, 0.3, 8000), 16000)
        lines.append(f"{name},{('happy', 'sad')[number % 2]}")
    (tmp_path / "metadata.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    result = ser("init", "--corpus", f"mine={tmp_path}")
    assert result.exit_code == 0, result.stderr
    assert "  the reader hf_datasets knows this folder too; `reader: hf_datasets` takes" in result.stdout
    corpora = yaml.safe_load((tmp_path / "project/params.yaml").read_text("utf-8"))["corpora"]
    assert corpora == {"mine": {"reader": "ravdess", "root": tmp_path.as_posix()}}


@pytest.mark.parametrize("settings", ["", "on_bad_audio: skip, "])
def test_a_link_to_nothing_is_named_before_dvc_meets_it(make_folder, tmp_path, settings):
    assert make_folder(EMOTIONS[:2], 5).exit_code == 0
    (tmp_path / "recordings/calm/lost.wav").symlink_to("/nowhere/lost.wav")
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text("utf-8").replace("{reader: folder, ", f"{{reader: folder, {settings}"), "utf-8")
    (line,) = ser("graph").stderr.splitlines()
    what = "corpora.mine.root: recordings/calm/lost.wav: is a link to /nowhere/lost.wav, where nothing is; mend or "
    assert what in line
    with (tmp_path / ".dvcignore").open("a", encoding="utf-8") as file:
        file.write("recordings/calm/lost.wav\n")
    assert ser("graph").exit_code == 0
