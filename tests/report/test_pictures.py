"""Pictures: what they show, and that they are the same bytes on every run."""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from toy_predictions import ROWS, drawn, files_in, predictions, run

from pipeline.experiments.predictions import Predictions
from pipeline.report.marks import NOTES
from pipeline.report.pictures.class_sets import class_set_titles
from pipeline.report.pictures.confusion import draw_confusion
from pipeline.report.pictures.curves import choosing_measure, draw_curves, kept_points, lines_of, mean_line, measures_of
from pipeline.report.pictures.forest import LETTER, Score, by_group, draw_forest
from pipeline.report.pictures.pictures import write_pictures
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


def test_long_counts_have_larger_cells():
    def width(count):
        picture = svg(lambda: draw_confusion("mine", [], EMOTIONS[:4], np.full((4, 4), count)))
        cells = ElementTree.fromstring(picture).iterfind(".//*[@id='QuadMesh_1']/*")
        xs = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", next(cells).get("d"))]
        return max(xs) - min(xs)

    assert width(1) == width(999_999)
    assert width(12_345_678) > 8 * 0.64 * 9.5  # digits of DejaVu Sans are 0.64 em wide


def repeated(*tests):
    """Predictions of one fold for each of several splits, and the utterances that each tests."""
    found = predictions(protocol={"scheme": "stratified_split", "repeats": len(tests)})
    rows = dict(zip(found.keys, found.rows, strict=True))
    emotions, speakers = (dict(zip(found.keys, each, strict=True)) for each in (found.emotions, found.speakers))
    again = Predictions(found.classes, card=found.card)
    for number, keys in enumerate(tests):
        again.add(number, "test", keys, map(emotions.get, keys), map(speakers.get, keys), [rows[key] for key in keys])
        tested = {key.partition("-")[0] for key in keys}
        others = [row.key for row in ROWS if row.key not in keys]
        parts = {part: [key for key in others if (key.partition("-")[0] in tested) == (part == "validation")]
                 for part in ("train", "validation")}  # fmt: skip
        again.folds.append({**parts, "test": [*keys]})
    return again


@pytest.mark.parametrize(
    ("tests", "title"),
    [
        ((4, 4), "toy, stratified_split, 2 splits x 1 fold, 4 test utterances"),
        ((4, -4), "toy, stratified_split, 2 splits x 1 fold, 4 test utterances of each split"),
        ((4, -6, 4), "toy, stratified_split, 3 splits x 1 fold, 4 to 6 test utterances of each split"),
    ],
)
def test_a_repeated_protocol_counts_utterances_once(tmp_path, tests, title):
    """A positive number is so many of the first utterances, a negative one, of the last."""
    keys = [row.key for row in ROWS]
    drawn(tmp_path, {"toy": repeated(*(keys[:count] if count > 0 else keys[count:] for count in tests))})
    heading = " ".join(reversed(texts((tmp_path / "plots/confusion/toy.svg").read_text())))  # drawn from below
    assert f"{title} counts: sums over the {len(tests)} splits" in heading


# --- calibration ---


def test_the_reliability_diagram_says_what_was_tested_and_how_far_confidence_is_off(tmp_path):
    drawn(tmp_path, {"toy": predictions()})
    words = " ".join(texts((tmp_path / "plots/calibration/toy.svg").read_text()))
    for part in ("ECE 0.150, log-loss", "toy, leave_one_speaker_out, 4 folds, 16 test utterances", "accuracy (%)"):
        assert part in words


# --- curves ---


def test_each_fold_is_a_line_of_its_own():
    rows = [*epochs(0, 3, train_loss=0.0), *epochs(1, 2, train_loss=1.0)]
    lines = lines_of(rows, "train_loss")
    assert lines[0].tolist() == [[1, 1], [2, 2], [3, 3]]
    assert lines[1].tolist() == [[1, 2], [2, 3]]


def test_the_mean_is_of_the_folds_that_got_so_far_as_long_as_half_of_them_did():
    folds = [epochs(0, 4, train_loss=0.0), epochs(1, 2, train_loss=1.0), epochs(2, 3, train_loss=2.0)]
    lines = lines_of([row for fold in folds for row in fold], "train_loss")
    assert mean_line(lines).tolist() == [[1, 2], [2, 3], [3, 4]]


@pytest.mark.parametrize(
    ("lengths", "parts"), [([1, 3, 3], [[1], [1, 2, 3]]), ([3, 3, 3], [[1, 2, 3]]), ([1, 1, 3], [[1]])]
)
def test_the_mean_is_dashed_beyond_the_shortest_fold(lengths, parts):
    rows = [row for fold, count in enumerate(lengths) for row in epochs(fold, count, train_loss=float(fold))]
    figure = draw_curves("mine", [], rows)
    black = [line for line in figure.axes[0].lines if line.get_color() == "black"]
    drawn = {line.get_linestyle(): line.get_xdata().tolist() for line in black}
    assert [drawn[dashes] for dashes in ("-", "--") if dashes in drawn] == parts
    assert any("dashed" in text for text in texts(svg(lambda: figure))) == (len(parts) > 1)


@pytest.mark.parametrize(("folds", "looks"), [(1, 1), (2, 2), (10, 10), (11, 1)])
def test_up_to_ten_folds_are_told_apart_and_named(folds, looks):
    rows = [row for fold in range(folds) for row in epochs(fold, 3, train_loss=float(fold), valid_loss=0.1)]
    figure = draw_curves("mine", [], rows)
    for axes in figure.axes:
        assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines[:folds]}) == looks
    words = texts(svg(lambda: figure))
    assert ("fold" in words) == (looks > 1)
    assert ("grey: the folds; black: their mean" in words) == (folds > 10)


def test_the_epoch_kept_is_the_first_of_the_best():
    lines = {0: np.array([[1, 3.0], [2, 1.0], [3, 1.0], [4, 2.0]]), 1: np.array([[1, 0.5], [2, 0.5]])}
    lowest, highest = kept_points(lines, "valid_loss"), kept_points(lines, "valid_acc")
    assert [lowest[fold].tolist() for fold in lines] == [[[2, 1.0]], [[1, 0.5]]]
    assert [highest[fold].tolist() for fold in lines] == [[[1, 3.0]], [[1, 0.5]]]


@pytest.mark.parametrize(
    ("params", "measure"),
    [
        ({"stop": True, "monitor": "valid_acc", "seeds": 1}, "valid_acc"),
        ({"stop": True, "monitor": "valid_loss"}, "valid_loss"),
        ({"stop": False, "monitor": "valid_acc", "seeds": 1}, None),
        ({"stop": True, "monitor": "valid_acc", "seeds": 3}, None),
        ({"c": 1.0}, None),
    ],
)
def test_what_chose_the_epoch_is_known_of_one_network_that_validation_stopped(params, measure):
    assert choosing_measure(params) == measure


def test_the_epoch_kept_is_marked_where_validation_chose_it(tmp_path):
    stopped = {"stop": True, "monitor": "valid_acc", "seeds": 1}
    unseen = predictions(params=stopped)
    unseen.curves = [{"fold": 0, "epoch": 1, "train_loss": 1.0}]
    drawn(tmp_path, {"kept": predictions(params=stopped), "last": predictions(), "unseen": unseen})
    note = "large dot: the epoch that was kept, the first with the highest validation accuracy"
    pictures = {path.stem: texts(path.read_text()) for path in (tmp_path / "plots/curves").iterdir()}
    assert {name: note in words for name, words in pictures.items()} == {"kept": True, "last": False, "unseen": False}


def test_a_power_of_ten_stands_left_of_the_title_and_not_in_it():
    rows = [{"fold": 0, "epoch": epoch, "train_loss": 1e6 * epoch} for epoch in (1, 2, 3)]
    corner = r'text-anchor: (\w+)" x="([\d.]+)" y="([\d.]+)" [^>]*>{}<'
    picture = svg(lambda: draw_curves("mine", [], rows))
    power, title = (re.search(corner.format(word), picture) for word in ("1e6", "training loss"))
    assert (power[1], title[1]) == ("end", "start")
    assert float(power[2]) < float(title[2])
    assert float(title[3]) == pytest.approx(float(power[3]), abs=3)


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
    colour = "#0072b2" if folds == 1 else "#b2b2b2"
    assert len(re.findall(f"stroke: {colour}; stroke-width: ", picture)) >= 2 * folds
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
    assert {"D", "T", "S", "D R", "speaker-dependent", "transductive"} <= {*words}
    assert {"hollow: synthetic speech", "hollow: random backbone"} <= {*words}


def test_the_key_says_each_mark_once_beside_its_shape_and_letter():
    marks = [[], ["dependent"], ["dependent", "transductive"], ["other_folds"], ["validation"], ["random"]]
    words = texts(svg(lambda: draw_forest([score("x", marks=mark) for mark in marks], 0.95)))
    key = words[words.index("test speakers are new") :]
    assert key == [
        *("test speakers are new", "R", "hollow: random backbone", "D", "speaker-dependent", "T", "transductive"),
        *("F", "fitted on other folds", "V", "trained on the validation part too"),
    ]


@pytest.mark.parametrize(("marks", "titled"), [([], False), (["validation"], True)])
def test_the_letters_have_a_title(marks, titled):
    assert ("notes" in texts(svg(lambda: draw_forest([score("x", marks=marks)], 0.95)))) == titled


def test_scores_on_other_classes_stand_apart_and_name_them():
    sad, merged = predictions(), predictions(emotions={"angry": ["angry"], "sad": ["sad", "bored"]})
    named = predictions(emotions={"angry": ["angry"], "sad": ["sad"]})
    elsewhere = predictions(corpus_name="other")
    assert class_set_titles({"sad": sad, "named": named, "elsewhere": elsewhere}) == {
        **dict.fromkeys(("sad", "named"), "toy, 2 classes"),
        "elsewhere": "other, 2 classes",
    }
    assert class_set_titles({"sad": sad, "named": named, "merged": merged}) == {
        **dict.fromkeys(("sad", "named"), "toy: angry, sad"),
        "merged": "toy: angry, sad (bored + sad)",
    }


def test_scores_on_chosen_recordings_stand_apart_from_those_on_all():
    women, same = (predictions(only={"gender": wanted}) for wanted in (["female"], ["female"]))
    everyone, here = predictions(only={"gender": ["male", "female"]}), predictions(only={"gender": ["female", "male"]})
    titles = class_set_titles({"all": predictions(), "women": women, "same": same, "both": everyone, "here": here})
    assert titles == {
        "all": "toy, 2 classes",
        **dict.fromkeys(("women", "same"), "toy (female), 2 classes"),
        **dict.fromkeys(("both", "here"), "toy (female/male), 2 classes"),
    }
    named = predictions(emotions={"angry": ["angry"], "sad": ["sad", "bored"]}, only={"language": ["de"]})
    assert class_set_titles({"a": named, "b": predictions(only={"language": ["de"]})})["b"] == "toy (de): angry, sad"


def test_the_forest_and_the_other_pictures_say_which_recordings_were_chosen(tmp_path):
    found = {"all": predictions(), "women": predictions(only={"gender": ["female"]})}
    results = run(tmp_path, found, [replace(row, gender="female") for row in ROWS])
    write_pictures(tmp_path / "plots", results, found, set(), 0.95, {})
    assert {"toy, 2 classes", "toy (female), 2 classes"} <= {*texts((tmp_path / "plots/scores.svg").read_text())}
    for folder in ("confusion", "calibration", "curves"):
        words = texts((tmp_path / f"plots/{folder}/women.svg").read_text())
        assert any("toy (female), leave_one_speaker_out" in word for word in words)


def test_how_much_of_the_lists_is_here_is_on_the_pictures(tmp_path):
    drawn(tmp_path, {"some": predictions(listed={"recordings": 1440, "here": 720, "unlisted": 0})})
    assert "part of the listed recordings" in texts((tmp_path / "plots/scores.svg").read_text())
    words = texts((tmp_path / "plots/confusion/some.svg").read_text())
    assert any("720 of the 1440 listed recordings" in word for word in words)


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
from dataclasses import replace
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
    assert len([name for name in files[0] if name.endswith(".svg")]) == 7


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
