"""One recording under several names: what the manifest stage finds, and what becomes of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from in_process import failing_stage, stage

from pipeline.corpora import manifest
from pipeline.evaluation.leaks import contents

RATE = 16000
MANIFEST, REPORT = Path("data/manifests/mine.jsonl"), Path("metrics/corpora/mine.json")


def speech(seed, seconds=1.5):
    """Noise in syllables, each of its own level and colour, (samples,) within 16 bits and a peak of 0.5."""
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(round(seconds * RATE)) + 0.5 * np.sin(
        np.cumsum(rng.uniform(0.05, 0.3, round(seconds * RATE)))
    )
    wave *= np.repeat(rng.uniform(0.1, 1, 1 + len(wave) // 2000), 2000)[: len(wave)]
    return np.rint(0.5 * 32767 * wave / np.abs(wave).max()) / 32768


@pytest.fixture
def corpus(project):
    """The project with a recording of its own for each of three speakers and three emotions."""
    for number, path in enumerate(project.recordings):
        soundfile.write(path, speech(number), RATE)
    return project


def add(name, samples, rate=RATE, **options):
    path = Path("recordings") / name
    soundfile.write(path, samples, rate, **options)
    return path


def trimmed(wave):
    return wave[1234:-777]


COPIES = {
    "flac": lambda wave: add("happy/ben_2.flac", wave),
    "stereo": lambda wave: add("happy/ben_2.wav", np.stack([wave, wave], axis=1)),
    "24 bits": lambda wave: add("happy/ben_2.wav", wave, subtype="PCM_24"),
    "softer": lambda wave: add("happy/ben_2.wav", 0.3 * wave),
    "louder": lambda wave: add("happy/ben_2.wav", 1.3 * wave),
    "silence around": lambda wave: add("happy/ben_2.wav", np.pad(wave, (4321, 999))),
    "trimmed": lambda wave: add("happy/ben_2.wav", trimmed(wave)),
    "upside down": lambda wave: add("happy/ben_2.wav", -wave),
    "ogg": lambda wave: add("happy/ben_2.ogg", wave),
    "mp3": lambda wave: add("happy/ben_2.mp3", wave),
    "other rate": lambda wave: add("happy/ben_2.wav", soxr.resample(wave, RATE, 48000), 48000),
    "all of it": lambda wave: add("happy/ben_2.ogg", 0.3 * soxr.resample(trimmed(wave), RATE, 44100), 44100),
}
EXACT = {"flac", "stereo", "24 bits"}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_has_its_twin_whatever_was_done_to_it(corpus, name):
    COPIES[name](speech(4))  # of happy/ben_1
    done = stage("manifest", "mine")
    match = "exact" if name in EXACT else "near"
    counts = f"({int(match == 'exact')} exact, {int(match == 'near')} near)"
    said = f"the same recording more than once: 2 recordings in 1 group {counts}; metrics/corpora/mine.json names them"
    assert done.stderr.splitlines()[0] == f"warning: mine: {said}"
    rows = {row.key: row.twin for row in manifest.read(MANIFEST)}
    assert {key: twin for key, twin in rows.items() if twin} == {"happy/ben_2": "happy/ben_1"}
    report = json.loads(REPORT.read_text())["duplicates"]
    keys = ["happy/ben_1", "happy/ben_2"]
    group = {"match": match, "keys": keys, "speakers": ["ben"] * 2, "emotions": ["happy"] * 2}
    assert report == {"exact": int(match == "exact"), "near": int(match == "near"), "left_out": [], "groups": [group]}


def test_recordings_of_their_own_have_no_twins(corpus):
    add("happy/ben_2.wav", speech(4)[: RATE // 2])  # a part of another is not the same recording
    add("happy/ben_3.wav", np.concatenate([speech(4)[: RATE // 2], speech(40)]))
    done = stage("manifest", "mine")
    assert "more than once" not in done.stderr
    assert b"twin" not in MANIFEST.read_bytes()
    assert json.loads(REPORT.read_text())["duplicates"] == {"exact": 0, "near": 0, "left_out": [], "groups": []}


def test_half_of_a_corpus_under_another_speaker_is_an_error(corpus):
    """With which a model scores far better on "new" speakers than on new speakers."""
    for path in sorted(Path("recordings").glob("*/anna_*")):
        path.with_name(path.name.replace("anna", "ben")).write_bytes(path.read_bytes())
    done = stage("manifest", "mine")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        *(
            f"error: {start}recordings/{label}/ben_1.wav holds the same samples as recordings/{label}/anna_1.wav, "
            "under another speaker ('anna' and 'ben')"
            for start, label in (("mine: ", "angry"), ("", "happy"), ("", "sad"))
        ),
        "error: 3 recordings are under several speakers or labels, so some must be wrong; remove those, or set "
        "corpora.mine.duplicates: keep_first (or drop, for none)",
    ]
    assert not MANIFEST.exists()


def test_of_many_conflicts_some_are_named_and_all_counted(corpus):
    for number in range(25):
        for emotion in ("happy", "sad"):
            add(f"{emotion}/dan_{number}.wav", speech(100 + number, 0.5))
    lines = stage("manifest", "mine").stderr.splitlines()
    assert len(lines) == 21
    assert lines[-1].startswith("error: 25 recordings are under several speakers or labels, of which 20 are named ")


FOUR = ("angry", "fearful", "happy", "sad")


@pytest.mark.parametrize("keep", ["[happy, sad]", "[sad]", "[]"])
def test_a_conflict_is_seen_with_labels_that_are_not_kept(corpus, keep):
    """Such a recording's label is in doubt, whichever of its labels are kept."""
    Path("recordings/fearful").mkdir()
    for emotion in FOUR:
        add(f"{emotion}/dan_1.wav", speech(60))
    corpus.edit("root: recordings,", f"root: recordings, keep: {keep},")
    line = failing_stage(corpus, "manifest", "mine")
    assert "dan_1.wav, under another label ('angry' and 'fearful'), so one must be wrong (4 files are" in line
    corpus.edit("root: recordings,", "root: recordings, duplicates: drop,")
    assert stage("manifest", "mine").exit_code == 0
    report = json.loads(REPORT.read_text())["duplicates"]
    assert [group["emotions"] for group in report["groups"]] == [[*FOUR]]
    assert report["left_out"] == [f"{emotion}/dan_1" for emotion in FOUR]
    assert not any(row.key.endswith("dan_1") for row in manifest.read(MANIFEST))


def test_a_conflict_of_labels_that_are_not_kept_is_none(corpus):
    add("angry/ben_2.wav", speech(4))
    add("happy/ben_2.wav", speech(4))
    corpus.edit("root: recordings,", "root: recordings, keep: [sad],")
    done = stage("manifest", "mine")
    assert (done.exit_code, "more than once" in done.stderr) == (0, False), done.stderr


def test_bad_recordings_of_labels_that_are_not_kept_are_only_said(corpus):
    Path("recordings/angry/ben_1.wav").write_bytes(b"")
    corpus.edit("root: recordings,", "root: recordings, keep: [happy, sad],")
    done = stage("manifest", "mine")
    assert done.exit_code == 0, done.stderr
    assert "not compared with the others: 1 file of other emotions cannot be used, as angry/ben_1.wav: " in done.stderr
    assert json.loads(REPORT.read_text())["utterances"] == 6


def test_another_label_is_an_error(corpus):
    add("sad/ben_2.wav", 0.7 * speech(4))
    line = failing_stage(corpus, "manifest", "mine")
    assert "recordings/sad/ben_2.wav is the same recording as recordings/happy/ben_1.wav, under another label" in line
    assert "('happy' and 'sad')" in line


def test_what_differs_is_all_said(corpus):
    add("sad/cleo_2.flac", speech(4))
    line = failing_stage(corpus, "manifest", "mine")
    assert "under another speaker ('ben' and 'cleo') and another label ('happy' and 'sad'), so one" in line


@pytest.mark.parametrize(("policy", "gone"), [("keep_first", ["sad/ben_2"]), ("drop", ["happy/ben_1", "sad/ben_2"])])
def test_what_is_left_out_is_counted_and_listed(corpus, policy, gone):
    add("sad/ben_2.wav", 0.7 * speech(4))
    add("sad/ben_3.wav", 0.7 * speech(7))  # a twin of sad/ben_1, and no conflict
    corpus.edit("root: recordings,", f"root: recordings, duplicates: {policy},")
    done = stage("manifest", "mine")
    assert done.exit_code == 0
    count = {1: "1 recording", 2: "2 recordings"}[len(gone)]
    assert f"  {count} under several speakers or labels left out, as `duplicates` says\n" in done.stdout
    report = json.loads(REPORT.read_text())
    assert report["duplicates"]["left_out"] == gone
    assert (report["duplicates"]["near"], report["utterances"]) == (2, 11 - len(gone))
    rows = {row.key: row.twin for row in manifest.read(MANIFEST)}
    assert not set(gone) & set(rows)
    assert {key: twin for key, twin in rows.items() if twin} == {"sad/ben_3": "sad/ben_1"}


def test_a_corpus_of_nothing_but_conflicts_cannot_be_dropped(corpus):
    for number, path in enumerate(corpus.recordings):
        soundfile.write(path, speech(number % 3), RATE)
    corpus.edit("root: recordings,", "root: recordings, duplicates: drop,")
    assert "every recording is a duplicate with another speaker or label" in failing_stage(corpus, "manifest", "mine")


def test_an_unknown_speaker_is_no_other_speaker(corpus):
    rows = "path,emotion,speaker\nhappy/ben_1.wav,happy,ben\nhappy/ben_2.wav,happy,\nsad/ben_1.wav,sad,ben\n"
    Path("recordings/labels.csv").write_text(rows)
    add("happy/ben_2.wav", speech(4))
    corpus.edit("speaker_pattern: '/([a-z]+)_'", "table: labels.csv")
    assert stage("manifest", "mine").exit_code == 0


def test_a_policy_that_there_is_not(corpus):
    corpus.edit("root: recordings,", "root: recordings, duplicates: first,")
    line = failing_stage(corpus, "manifest", "mine", code=2)
    assert "corpora.mine.duplicates: input should be 'fail', 'keep_first' or 'drop'" in line


def opposite(seed):
    """Stereo whose mean is zero, (samples, 2)."""
    return np.stack([speech(seed), -speech(seed)], axis=1)


@pytest.mark.parametrize(
    ("samples", "outliers"),
    [(lambda seed: np.zeros(RATE), "silent"), (opposite, "cancelled"), (lambda seed: 1e-5 * speech(seed), "silent")],
    ids=["silence", "opposite phase", "below 16 bits"],
)
def test_what_is_silent_after_the_mix_is_not_one_recording(corpus, samples, outliers):
    added = {add(f"{name}.wav", samples(50 + i), subtype="FLOAT") for i, name in enumerate(SILENT)}
    assert len(added) == 3
    done = stage("manifest", "mine")
    assert done.exit_code == 0, done.stderr
    assert "more than once" not in done.stderr
    assert json.loads(REPORT.read_text())["outliers"][outliers]["keys"] == sorted(SILENT)


SILENT = ("happy/anna_7", "sad/anna_7", "sad/ben_7")


def test_silent_files_of_the_same_bytes_are_no_leak(corpus):
    for name in SILENT:
        add(f"{name}.wav", np.zeros(RATE))
    assert stage("manifest", "mine").exit_code == 0
    rows = {row.key: row for row in manifest.read(MANIFEST)}
    assert len({rows[key].sha256 for key in SILENT}) == 1
    assert {key: contents(rows.values())[key] for key in SILENT} == {key: key for key in SILENT}
    assert not any(row.twin for key, row in rows.items() if key not in SILENT)
