"""What the page makes of recordings and answers, without a browser."""

import base64
import io
import json
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from conftest import tone
from PIL import Image

from pipeline.app.analysis import Analysis, Branch
from pipeline.app.page.answer import Answer
from pipeline.app.page.examples import EXAMPLES, example
from pipeline.app.page.heard import RATE, Heard, at_sixteen_kilohertz, heard, mp3, outline, spectrogram
from pipeline.app.page.page import rendered
from pipeline.app.page.words import HEARINGS, certainty, doubt, listed, percent
from pipeline.errors import UserError
from pipeline.features import EXTRACTORS
from pipeline.serving.loaded import Segment

CLASSES = ["angry", "happy", "sad"]


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.004, "under 1 %"),
        (0.01, "1 %"),
        (0.725, "72 %"),
        (0.99, "99 %"),
        (0.9999, "over 99 %"),
        (1, "100 %"),
    ],
)
def test_a_share_is_not_called_none_or_all_of_it_when_it_is_not(share, text):
    assert plain(percent(share)) == text


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ([0.97, 0.02, 0.01], "It is sure, among the 3 emotions that it knows."),
        ([0.7, 0.25, 0.05], "It is fairly sure. Next comes happy, 25 %."),
        ([0.3, 0.36, 0.34], "It is unsure between happy (36 %), sad (34 %) and angry (30 %)."),
        ([0.5, 0.25, 0.25], "It is unsure: much else is possible."),
    ],
)
def test_certainty_follows_entropy(row, text):
    entropy = -sum(p * np.log2(p) for p in row)
    assert plain(certainty(np.array(row), CLASSES, entropy)) == text


def test_doubt_is_a_number_of_emotions():
    assert doubt(1.0, 4) == "Doubt: as between 2.0 equally likely emotions, of 4 (entropy 1.00 of 2.00 bits)."
    assert doubt(0.0, 4) == "Doubt: next to none (entropy 0.00 of 2.00 bits)."


def test_lists_are_english():
    assert (listed(["a"]), listed(["a", "b"], "or"), listed(["a", "b", "c"])) == ("a", "a or b", "a, b and c")


def content(address):
    return base64.b64decode(address.partition(",")[2])


def test_a_file_is_read_whole_and_called_by_its_name_alone(tmp_path):
    path = tmp_path / "mine.wav"
    soundfile.write(path, tone(1.0, 440, 8000), 8000)
    recording = heard(path, 60)
    assert (recording.name, recording.rate, recording.seconds) == ("mine.wav", 8000, 1.0)
    with pytest.raises(UserError, match=r"^mine\.wav: is longer than 0\.5 s"):
        heard(path, 0.5)
    path.write_bytes(b"no audio")
    with pytest.raises(UserError, match=r"^mine\.wav: cannot be read as audio") as told:
        heard(path, 60)
    assert str(tmp_path) not in str(told.value)


@pytest.mark.parametrize("samples", [np.zeros(8000), np.full(8000, 1e-4), np.zeros(0)])
def test_silence_is_refused(tmp_path, samples):
    soundfile.write(tmp_path / "mine.wav", samples, 8000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"^mine\.wav: "):
        heard(tmp_path / "mine.wav", 60)


def test_what_is_too_short_is_refused(tmp_path):
    soundfile.write(tmp_path / "mine.wav", tone(0.05, 440, 8000), 8000)
    with pytest.raises(UserError, match=r"^mine\.wav: is too short \(0\.05 s\); give at least 0\.1 s$"):
        heard(tmp_path / "mine.wav", 60)


@pytest.mark.parametrize("length", [1, 399, 400, 16000, 960_000])
def test_pictures_of_any_length_are_small_and_always_the_same(length):
    samples = tone(60.0, 1000, RATE)[:length]
    picture = content(spectrogram(samples))
    assert content(spectrogram(samples)) == picture
    with Image.open(io.BytesIO(picture)) as image:
        assert image.height == 250
        assert 1 <= image.width <= 1200
        if length >= 16000:  # 5 kHz are 250 rows, and the first is the highest
            assert np.asarray(image)[:, image.width // 2, 1].argmax() == pytest.approx(250 - 50, abs=1)
    points = outline(samples).split()
    assert 2 <= len(points) <= 1200
    assert all(0 <= float(point.split(",")[1]) <= 2 for point in points)


def test_the_recording_can_be_played():
    recording = Heard("mine", np.asarray(tone(1.0, 440, 44100), float), 44100)
    samples, rate = soundfile.read(io.BytesIO(content(mp3(at_sixteen_kilohertz(recording)))))
    assert rate == RATE
    assert len(samples) == pytest.approx(RATE, rel=0.1)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_short_speech_and_always_the_same(name):
    recording = example(name)
    np.testing.assert_array_equal(example(name).samples, recording.samples)
    assert 1 < recording.seconds < 15
    assert -3 > recording.peak > -30


def analysis(name="<i>model", seconds=5.0):
    rows = np.array([[0.7, 0.2, 0.1], [0.6, 0.2, 0.2], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1]])
    segments = [
        Segment(float(start), start + 3.0, CLASSES[int(row.argmax())], row, voiced)
        for start, row, voiced in zip((0, 1, 1.5, 2), rows, (1.0, 0.9, 0.8, 0.0), strict=True)
    ]
    branches = [
        Branch("left", "probe", name, "sad", rows[2], 0.75, "weight"),
        Branch("right", "caf", name, "happy", rows[3], None, "a tree"),
    ]
    return Analysis(name, CLASSES, seconds, "angry", rows[0], 1.157, segments, branches, CARD)


CARD = SimpleNamespace(
    model_dump=lambda mode: dict.fromkeys(
        ("name", "system", "models", "count", "classes", "corpora", "utterances", "speakers", "scores")
    ),
    confidence=0.95,
    marks={"synthetic": "synthetic speech: of `no` people", "random": "random backbone: the model `tiny`"},
    experiments={"left": SimpleNamespace(features={"ssl": SimpleNamespace(extractor="ssl")})},
)


def test_time_is_told_in_stretches_that_cover_the_recording():
    answer = Answer(analysis())
    assert [(span.name, span.time) for span in answer.spans] == [
        ("angry", "0.0 to 2.8 s"), ("sad", "2.8 to 3.2 s"), ("no voice", "3.2 to 5.0 s"),
    ]  # fmt: skip
    assert sum(span.width for span in answer.spans) == pytest.approx(100)
    assert answer.told == "0.0 to 2.8 s angry, 2.8 to 3.2 s sad, 3.2 to 5.0 s no voice"
    assert [moment.time for moment in answer.moments][-1] == "2.0 to 5.0 s"
    first, last = answer.courses[0].points.split()[1:3]
    assert (first, last) == ("0.00,30.00", "40.00,30.00")


def test_a_narrow_stretch_has_its_name_in_the_text_alone():
    assert [span.fits for span in Answer(analysis()).spans] == [True, False, True]


def test_an_answer_says_beside_it_what_weakens_it():
    text = rendered("said.html", answers=[Answer(analysis())])
    assert "Mind: synthetic speech; random backbone." in text


def test_a_part_says_what_it_listens_to_and_what_it_counts_for():
    known, unknown = Answer(analysis("whole")).parts
    assert known.listens.startswith("It listens to what a network trained on much unlabelled speech")
    assert plain(known.weighed) == "whole gives it 75 % of the say: weight."
    assert (unknown.listens, unknown.weighed) == ("", "In whole, a tree.")


def test_words_are_of_extractors_that_there_are():
    assert set(HEARINGS) <= set(EXTRACTORS)


def test_an_answer_is_safe_html_whatever_names_are():
    answers = [Answer(analysis())]
    recording = Heard('"><script>x', np.asarray(tone(5.0, 440, RATE), float), RATE)
    pictures = {"player": "data:,", "outline": outline(recording.samples), "spectrogram": "data:,"}
    for text in (
        rendered("said.html", answers=answers),
        rendered(
            "details.html", answers=answers, recording=recording, window="3", columns=600, highest=5000, **pictures
        ),
        rendered("trouble.html", trouble="<script>x"),
    ):
        assert "<script>" not in text
        assert "<i>" not in text
        ET.fromstring(text)


def test_the_download_is_what_the_api_answers():
    parsed = json.loads(content(Answer(analysis()).download))
    assert parsed["probabilities"] == {"angry": 0.7, "happy": 0.2, "sad": 0.1}
    assert [branch["weight"] for branch in parsed["branches"]] == [0.75, None]
