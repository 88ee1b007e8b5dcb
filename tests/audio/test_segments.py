"""Segments: what is made of a part of a file is what is made of a file of its samples, and the file is decoded once."""

import numpy as np
import pytest
import soundfile
from mp3_files import mp3

from pipeline.audio import audio_file
from pipeline.audio.audio_file import prepare
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.decoding import BLOCK_VALUES, Recording
from pipeline.audio.examination import examine
from pipeline.audio.segments import FILES, PORTION, Segment, bounds_problem, by_file, in_portions, segment_key
from pipeline.storage.feature_file import FeatureFile

RATE = 22050
SECONDS = 15.0
"""more than one block of two channels"""
PARTS = [(0.0, 0.5), (0.25, 7.123456), (5.9, 6.4), (14.0, None), (0.0, None), (14.5, 15.0)]


@pytest.fixture(scope="module", params=["wav", "flac", "mp3"])
def long_file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / f"talk.{request.param}"
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, (round(SECONDS * RATE), 2))
    assert samples.size > BLOCK_VALUES
    if request.param == "mp3":
        mp3(path, samples, RATE)
    else:
        soundfile.write(path, samples, RATE)
    return path


def cut_by_hand(path, start, end):
    """A file of the samples between two times."""
    with Recording(path) as recording:
        samples, rate = np.concatenate([*recording.blocks()]), recording.rate
    part = samples[round(start * rate) : None if end is None else round(end * rate)]
    out = path.with_name(f"{start}-{end}.wav")
    soundfile.write(out, part, rate, subtype="DOUBLE")
    return out


def audio_of(folder, recordings):
    """Key -> samples at both rates."""
    files = {folder / "16k.h5": 16000, folder / "48k.h5": 48000}
    prepare(recordings, files, "mine")
    opened = [FeatureFile(path) for path in files]
    return {key: [file.rows(file.index([key]))[0].tolist() for file in opened] for key in recordings}


def test_audio_is_that_of_a_file_cut_by_hand(long_file, tmp_path):
    segments = {str(part): Segment(long_file, *part) for part in PARTS}
    by_hand = {str(part): cut_by_hand(long_file, *part) for part in PARTS}
    (tmp_path / "hand").mkdir()
    assert audio_of(tmp_path, segments) == audio_of(tmp_path / "hand", by_hand)


def test_what_is_known_is_that_of_a_file_cut_by_hand(long_file):
    for part in PARTS:
        one, other = examine(Segment(long_file, *part)), examine(cut_by_hand(long_file, *part))
        assert one.measures == other.measures
        assert one.fingerprint.digest == other.fingerprint.digest


def test_a_file_is_decoded_once(long_file, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(audio_file, "Recording", lambda path: opened.append(path) or Recording(path))
    other = long_file.with_name("other.wav")
    soundfile.write(other, np.full(RATE, 0.1), RATE)
    recordings = {}
    for number in range(20):
        recordings[f"a{number}"] = Segment(long_file, 0.5 * number, 0.5 * number + 1)
        recordings[f"b{number}"] = Segment(other, 0.01 * number, 1)
    prepare(recordings, {tmp_path / "16k.h5": 16000}, "mine")
    assert opened == [long_file, other]


def test_files_stay_in_their_order_and_apart(tmp_path):
    path = tmp_path / "a.wav"
    assert [list(group) for group in by_file({"x": path, "y": tmp_path / "b.wav", "z": path})] == [["x"], ["y"], ["z"]]


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ((15.5, None), "talk.wav from 15.5 s: the file has 15 s; mend labels.csv, line 2"),
        ((14.0, 15.02), "talk.wav from 14 to 15.02 s: the file has 15 s; mend labels.csv, line 2"),
        ((1.0, 1.00001), "talk.wav from 1 to 1.00001 s: holds no sample at 22050 Hz; mend labels.csv, line 2"),
    ],
)
def test_a_segment_that_is_not_in_its_file_is_named_and_others_are_not(part, says, tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.full(15 * RATE, 0.1), RATE)
    segments = {"good": Segment(path, 2, 3), "bad": Segment(path, *part, where="labels.csv, line 2")}
    with pytest.raises(RecordingsError) as caught:
        prepare(segments, {tmp_path / "16k.h5": 16000}, "mine")
    assert list(caught.value.reasons) == ["bad"]
    assert says in caught.value.reasons["bad"]


def test_an_end_that_a_table_rounded_is_the_files(tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.full(15996, 0.1), 16000)
    assert examine(Segment(path, 0.5, 1.0)).measures.frames == 7996


def test_keys_sort_as_segments_follow_each_other():
    keys = [segment_key("talk", *part) for part in [(0.0, 0.5), (0.0, None), (9.9, 10), (10.0, 11.25), (100.0, None)]]
    assert keys[3:] == ["talk#00010000-00011250", "talk#00100000-end"]
    assert keys == sorted(keys)
    assert segment_key("talk", None, None) == "talk"


@pytest.mark.parametrize("start", [-1.0, float("nan"), float("inf"), 2, 10**400])
def test_bounds_that_none_can_have(start):
    assert bounds_problem(start, 2)


def test_small_files_are_taken_together_and_large_ones_alone(tmp_path):
    sizes = {"a": 10, "b": 20, "large": PORTION, "c": 5, "missing": None} | {f"{i:03d}": 1 for i in range(FILES)}
    for name, size in sizes.items():
        if size is not None:
            (tmp_path / name).write_bytes(bytes(size))
    groups = [{name: Segment(tmp_path / name)} for name in sizes]
    portions = [*in_portions(groups)]
    assert [each for portion in portions for each in portion] == groups
    assert [len(portion) for portion in portions] == [3, FILES, 2]
