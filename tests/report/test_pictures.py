"""Pictures: what they show, and that they are the same bytes on every run."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from toy_predictions import drawn, files_in, predictions

from pipeline.experiments.predictions import Predictions
from pipeline.report.marks import NOTES
from pipeline.report.pictures.confusion import draw_confusion
from pipeline.report.pictures.curves import draw_curves, lines_of, mean_line, measures_of
from pipeline.report.pictures.forest import LETTER, Score, by_group, draw_forest
from pipeline.report.pictures.svg import svg

EMOTIONS = [f"emotion_{number}" for number in range(13)]
LONG = "a_name_of_sixty_characters_" + 33 * "x"


def texts(picture):
    """All that can be read in a picture, in the order drawn."""
    nodes = ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    return [node.text for node in nodes if node.text]


def epochs(fold, count, **values):
    return [{"fold": fold, "epoch": e, **{name: v + e for name, v in values.items()}} for e in range(1, count + 1)]


# --- confusion ---


def test_the_confusion_has_counts_and_recalls_of_every_class():
    counts = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 6]])
    words = texts(svg(lambda: draw_confusion("mine", ["UA 75.0"], ["angry", "bored", "sad"], counts)))
    assert {"mine", "UA 75.0", "angry", "bored", "sad", "angry (4)", "bored (0)", "sad (8)"} <= {*words}
    cells = words[words.index("sad (8)") + 2 :][:18]
    assert cells == ["3", "75%", "1", "25%", "0", "0%", *["0", "–"] * 3, "2", "25%", "0", "0%", "6", "75%"]


def test_the_confusion_says_what_was_tested_and_what_to_beware_of(tmp_path):
    drawn(tmp_path, {"toy": predictions(random_backbone=True)}, synthetic={"toy"})
    words = " ".join(texts((tmp_path / "plots/confusion/toy.svg").read_text()))
    for part in ("UA 75.0 % [95% interval", "WA 75.0 %", "toy, leave_one_speaker_out, 4 folds, 16 test utterances"):
        assert part in words
    assert "synthetic speech, random backbone" in words


@pytest.mark.parametrize("classes", [2, 13])
def test_a_confusion_of_few_or_many_classes(classes):
    counts = np.arange(classes * classes).reshape(classes, classes)
    words = texts(svg(lambda: draw_confusion(LONG, [], EMOTIONS[:classes], counts)))
    assert LONG in words
    assert {str(count) for count in counts.flat} <= {*words}


# --- curves ---


def test_each_fold_is_a_line_of_its_own():
    rows = [*epochs(0, 3, train_loss=0.0), *epochs(1, 2, train_loss=1.0)]
    lines = lines_of(rows, "train_loss")
    assert lines[0].tolist() == [[1, 1], [2, 2], [3, 3]]
    assert lines[1].tolist() == [[1, 2], [2, 3]]


def test_the_mean_goes_as_far_as_all_folds_do():
    lines = lines_of([*epochs(0, 3, train_loss=0.0), *epochs(1, 2, train_loss=1.0)], "train_loss")
    assert mean_line(lines).tolist() == [[1, 1.5], [2, 2.5]]


@pytest.mark.parametrize(
    ("given", "grid"),
    [
        (
            ["train_loss", "train_acc", "valid_loss", "valid_acc"],
            [["train_loss", "valid_loss"], ["train_acc", "valid_acc"]],
        ),
        (["train_loss", "train_acc"], [["train_loss"], ["train_acc"]]),
        (["train_loss", "valid_loss", "valid_acc"], [["train_loss", "valid_loss"], ["train_acc", "valid_acc"]]),
        (["train_loss"], [["train_loss"]]),
        ([], []),
    ],
)
def test_a_panel_for_each_measure(given, grid):
    rows = epochs(0, 2, **dict.fromkeys(given, 0.0))
    assert measures_of(rows) == grid
    if grid:
        words = texts(svg(lambda: draw_curves("mine", [], rows)))
        assert ("training loss" in words, "epoch" in words) == (True, True)
        assert ("not recorded" in words) == (len(given) == 3)


@pytest.mark.parametrize(("folds", "count"), [(1, 1), (24, 1), (24, 40)])
def test_curves_of_few_or_many_folds(folds, count):
    rows = [row for fold in range(folds) for row in epochs(fold, count, train_loss=float(fold), valid_acc=0.1)]
    picture = svg(lambda: draw_curves(LONG, [], rows))
    colour = "#0072b2"
    assert len(re.findall(f"stroke: {colour}; stroke-width: ", picture)) >= folds
    assert len(picture) < 200_000


def test_what_has_no_epochs_has_no_curves(tmp_path):
    still = predictions()
    still.curves = []
    drawn(tmp_path, {"still": still, "moving": predictions()})
    assert [path.name for path in (tmp_path / "plots/curves").iterdir()] == ["moving.svg"]
    assert {path.name for path in (tmp_path / "plots/confusion").iterdir()} == {"still.svg", "moving.svg"}


def test_curves_of_an_older_program_lack_the_training_accuracy(tmp_path):
    predictions().write(tmp_path / "old")
    file = tmp_path / "old/curves.csv"
    file.write_text("fold,epoch,train_loss,valid_loss,valid_acc\n0,1,1.5,,\n0,2,1.2,1.4,0.5\n")
    assert Predictions.read(tmp_path / "old").curves == [
        {"fold": 0, "epoch": 1, "train_loss": 1.5},
        {"fold": 0, "epoch": 2, "train_loss": 1.2, "valid_loss": 1.4, "valid_acc": 0.5},
    ]


# --- forest ---


def score(name, group="ravdess, 8 classes", marks=()):
    return Score(name, group, 12.5, 50.0, (40.0, 60.0), marks)


def test_scores_stand_by_corpus_with_chance_and_interval():
    here, there, again = score("a"), score("b", "emodb, 7 classes"), score("c")
    assert by_group([here, there, again]) == [[here, again], [there]]
    words = texts(svg(lambda: draw_forest([here, there, again], 0.9)))
    assert words.count("50.0 [40.0, 60.0]") == 3
    assert words.count("chance 12.5") == 2
    assert {"a", "b", "c", "ravdess, 8 classes", "emodb, 7 classes", "UA [90% interval]"} <= {*words}


def test_marks_do_not_rest_on_colour():
    marks = [[], ["dependent"], ["transductive"], ["synthetic"], ["dependent", "random"]]
    looks = {(m["marker"], m["markerfacecolor"] == "white") for m in (score("x", marks=mark).marker for mark in marks)}
    assert len(looks) == len(marks)
    words = texts(svg(lambda: draw_forest([score("x", marks=mark) for mark in marks], 0.95)))
    assert {"D", "T", "S", "D R", "speaker-dependent", "transductive", "synthetic speech", "random backbone"} <= {
        *words
    }


def test_every_mark_of_a_score_has_its_letter():
    assert {*LETTER} == {*NOTES} - {"published", "left_out"}
    assert len({*LETTER.values()}) == len(LETTER)


def test_forty_long_names_are_all_there():
    names = [f"{LONG[:-2]}{number:02d}" for number in range(40)]
    assert {*names} <= {*texts(svg(lambda: draw_forest([score(name) for name in names], 0.95)))}


def test_chance_is_of_the_classes_that_are_tested(tmp_path):
    found = predictions()
    found.classes = ["angry", "bored", "sad"]
    found.rows = [np.insert(row, 1, 0) for row in found.rows]
    drawn(tmp_path, {"toy": found, "both": predictions(system="fusion (gate)", inputs=["toy"])})
    words = texts((tmp_path / "plots/scores.svg").read_text())
    assert {"chance 50.0", "toy, 2 classes", "both (fusion)"} <= {*words}


# --- the files ---


def test_a_name_is_no_formula():
    assert "a$b$<c>_{d}" in texts(svg(lambda: draw_forest([score("a$b$<c>_{d}")], 0.95)))


DRAWN = """
import sys
from pathlib import Path
from toy_predictions import drawn, predictions
import pipeline.report.pictures.pictures
assert "matplotlib" not in sys.modules
drawn(Path(sys.argv[1]), {"toy": predictions(), "other": predictions(0.8)}, synthetic={"toy"})
assert "matplotlib.pyplot" not in sys.modules
"""


def test_two_processes_draw_the_same_bytes_whatever_the_users_settings(tmp_path):
    """In one of them, matplotlib is set to another font, size, and way to write text."""
    (tmp_path / "matplotlibrc").write_text("font.family: serif\nfont.size: 20\nsvg.fonttype: path\naxes.grid: True\n")
    files = []
    for number, more in enumerate(({}, {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "PYTHONHASHSEED": "7"})):
        path = os.pathsep.join(str(Path(__file__).parents[up]) for up in (1, 2))
        env = {**os.environ, "PYTHONPATH": path, **more}
        folder = tmp_path / str(number)
        subprocess.run([sys.executable, "-c", DRAWN, str(folder)], env=env, check=True, cwd=tmp_path)
        files.append(files_in(folder))
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files[0].items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in files[1].items()
    }
    assert len([name for name in files[0] if name.endswith(".svg")]) == 5


def test_drawing_leaves_matplotlibs_settings_as_they_were():
    import matplotlib

    before = dict(matplotlib.rcParams)
    svg(lambda: draw_forest([score("x")], 0.95))
    assert dict(matplotlib.rcParams) == before


def test_a_picture_needs_nothing_else(tmp_path):
    drawn(tmp_path, {"toy": predictions()})
    for path in (tmp_path / "plots").rglob("*.svg"):
        text = path.read_text(encoding="utf-8")
        addresses = {address for address in re.findall(r"https?://[^\"]+", text) if "www.w3.org" not in address}
        assert not addresses
        assert "<image" not in text
