"""What is said of recordings, in each format."""

import csv
import io
import json
import re

import numpy as np
import pytest

from pipeline.serving.answers import Answer, emotion_of, text_grid, text_of
from pipeline.serving.tasks import EmotionTask

CLASSES = ["angry", "sad"]
TASK = EmotionTask(CLASSES)


def answers(spans=False):
    rows = {"a": [0.75, 0.25], "=b\n": [0.5, 0.5], "c": [1.0, 0.0]}
    return [
        Answer(key, emotion_of(np.array(row), CLASSES, 0.6), np.array(row), (i, i + 2.0) if spans else None)
        for i, (key, row) in enumerate(rows.items())
    ]


def test_csv_is_for_spreadsheets():
    header, *rows = csv.reader(io.StringIO(text_of(answers(), TASK, "csv")))
    assert header == ["key", "emotion", "p_angry", "p_sad", "entropy"]
    assert rows == [
        ["a", "angry", "0.75", "0.25", "0.811278"],
        ["'=b\n", "", "0.5", "0.5", "1"],
        ["c", "angry", "1", "0", "0"],
    ]
    header, first, *_ = csv.reader(io.StringIO(text_of(answers(spans=True), TASK, "csv")))
    assert dict(zip(header, first, strict=True)) | {"start": "0", "end": "2"} == dict(zip(header, first, strict=True))


def test_json_and_json_lines_say_the_same():
    known = json.loads(text_of(answers(spans=True), TASK, "json"))
    assert known["classes"] == CLASSES
    assert known["answers"] == [json.loads(line) for line in text_of(answers(True), TASK, "jsonl").splitlines()]
    assert known["answers"][1] == {
        "key": "=b\n", "start": 1, "end": 3.0, "emotion": None, "entropy": 1.0,
        "probabilities": {"angry": 0.5, "sad": 0.5},
    }  # fmt: skip


def test_a_table_is_for_people():
    assert text_of(answers(), TASK, "table") == (
        "key   emotion  angry  sad  entropy\n"
        "a     angry      75%  25%     0.81\n"
        "=b\\n  -          50%  50%     1.00\n"
        "c     angry     100%   0%     0.00\n"
    )


def test_the_last_window_of_a_table_is_told_from_the_one_before():
    spans = [(0.0, 1.0), (0.5, 1.5), (0.503, 1.503)]
    rows = [Answer("a", "sad", np.array([0.25, 0.75]), span) for span in spans]
    starts = [line.split()[1] for line in text_of(rows, TASK, "table").splitlines()[1:]]
    assert starts == ["0.000", "0.500", "0.503"]
    assert [line.split()[1] for line in text_of(rows[:2], TASK, "table").splitlines()[1:]] == ["0.00", "0.50"]


@pytest.mark.parametrize(
    ("form", "text"),
    [("csv", "key,emotion,p_angry,p_sad,entropy\n"), ("table", "key  emotion  angry  sad  entropy\n"), ("jsonl", "")],
)
def test_of_nothing(form, text):
    assert text_of([], TASK, form) == text


def intervals(text, tier):
    """(start, end, text) of a tier, as Praat's long text format has them."""
    own = re.split(r"item \[\d\]:", text)[1:][tier]
    found = re.findall(r'xmin = (\S+)\s+xmax = (\S+)\s+text = "(.*)"', own)
    return [(float(start), float(end), label) for start, end, label in found]


def test_a_text_grid_has_intervals_that_touch_and_cover_the_recording():
    text = text_grid(answers(spans=True), TASK, 4.0)
    assert intervals(text, 0) == [(0, 1.5, "angry"), (1.5, 2.5, ""), (2.5, 4, "angry")]
    assert [label for *_, label in intervals(text, 1)] == ["0.750", "0.500", "1.000"]
    assert intervals(text_grid(answers()[:1], TASK, 1.25), 0) == [(0, 1.25, "angry")]
    assert text.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 4.000000\n')


def test_what_no_window_hears_has_no_label_in_a_text_grid():
    rows = [Answer("a", "sad", np.array([0.25, 0.75]), span) for span in ((0.0, 1.0), (2.0, 3.0), (2.5, 3.5))]
    text = text_grid(rows, TASK, 3.5)
    assert intervals(text, 0) == [(0, 1, "sad"), (1, 2, ""), (2, 2.75, "sad"), (2.75, 3.5, "sad")]
    assert "intervals: size = 4" in text


def windows():
    """A window in which somebody speaks, and one in which nobody does."""
    nothing = np.full(2, np.nan)
    spoken = Answer("a", "angry", np.array([0.75, 0.25]), (0.0, 2.0), 0.625)
    return [spoken, Answer("a", emotion_of(nothing, CLASSES, 0.0), nothing, (2.0, 4.0), 0.0)]


def test_the_places_of_windows_are_written_to_the_sample():
    span = (10000 + 1 / 16000, 10002 + 1 / 8000)
    lines = text_of([Answer("a", "sad", np.array([0.25, 0.75]), span)], TASK, "csv").splitlines()
    assert lines[1].split(",")[1:3] == ["10000.0000625", "10002.000125"]


def test_a_window_without_voice_has_no_emotion_in_any_format():
    assert text_of(windows(), TASK, "csv") == (
        "key,start,end,voiced,emotion,p_angry,p_sad,entropy\na,0,2,0.625,angry,0.75,0.25,0.811278\na,2,4,0,,,,\n"
    )
    assert text_of(windows(), TASK, "table") == (
        "key  start   end  voiced  emotion  angry  sad  entropy\n"
        "a     0.00  2.00     62%  angry      75%  25%     0.81\n"
        "a     2.00  4.00      0%  -            -    -        -\n"
    )
    assert json.loads(text_of(windows(), TASK, "jsonl").splitlines()[1]) == {
        "key": "a", "start": 2.0, "end": 4.0, "voiced": 0.0, "emotion": None, "entropy": None, "probabilities": None,
    }  # fmt: skip
    text = text_grid(windows(), TASK, 4.0)
    assert intervals(text, 0) == [(0, 2, "angry"), (2, 4, "")]
    assert intervals(text, 1) == [(0, 2, "0.750"), (2, 4, "")]
