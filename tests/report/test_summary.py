"""The summary marks what to beware of, and sets published figures beside ours."""

import re
from dataclasses import replace

import pytest
from feature_files import manifest_row
from toy_predictions import ROWS, predictions, run, summary, without_validation

from pipeline.corpora.listing import counts
from pipeline.report.corpus_counts import counts_table
from pipeline.report.cost import short_number
from pipeline.report.markdown import markdown_table


def test_the_summary_marks_what_to_beware_of(tmp_path):
    run(
        tmp_path,
        {
            "plain": predictions(corpus_name="real"),
            "made": predictions(),
            "random": predictions(corpus_name="real", random_backbone=True),
            "all": predictions(
                random_backbone=True, speaker_dependent=True, transductive=True, params={"fit_on": "other_folds"}
            ),
        },
        [*ROWS, *(manifest_row(row.key, row.speaker, row.emotion, "real") for row in ROWS)],
        synthetic={"toy"},
    )
    found = summary(tmp_path)
    assert {name: found[name]["notes"] for name in ("plain", "made", "random", "all")} == {
        "plain": "",
        "made": "[1]",
        "random": "[2]",
        "all": "[1] [2] [3] [4] [5]",
    }
    assert (found["plain"]["corpus"], found["made"]["corpus"]) == ("real", "toy (synthetic)")
    starts = ["synthetic speech", "random backbone", "speaker-dependent", "transductive"]
    starts.append("fitted on other folds")
    for mark, start in zip(("[1]", "[2]", "[3]", "[4]", "[5]"), starts, strict=True):
        assert found[mark].startswith(f"{mark} {start}")


def test_a_summary_of_nothing_to_beware_of_has_no_notes(tmp_path):
    run(tmp_path, {"plain": predictions()})
    found = summary(tmp_path)
    assert set(found) == {"plain"}
    assert found["plain"] == {
        "experiment": "plain",
        "corpus": "toy",
        "protocol": "leave_one_speaker_out, 4 folds",
        "WA": "75.0 [50.5, 89.8]",
        "UA": "75.0 [50.5, 89.8]",
        "macro-F1": "73.3",
        "weighted-F1": "73.3",
        "mean": "WA 75.0 ± 0.0, UA 75.0 ± 0.0",
        "validation": "75.0",
        "notes": "",
    }
    assert "[95% interval]" in (tmp_path / "summary.md").read_text()


def test_published_figures_stand_beside_ours(tmp_path):
    paper = {"theirs": {"WA": 92.24, "macro_precision": 77.0, "validation_UA": 81.7}}
    run(tmp_path, {"theirs": predictions(), "ours": predictions()}, published=paper)
    found = summary(tmp_path)
    said = "WA 92.24, macro-precision 77.0, validation UA 81.7"
    assert (found["theirs"]["published"], found["ours"]["published"]) == (said, "")
    assert (found["theirs"]["notes"], found["ours"]["notes"]) == ("[1]", "")
    assert found["[1]"].startswith("[1] published: the paper's own figures")


def test_validation_scores_stand_beside_the_tests_where_there_are_some(tmp_path):
    run(
        tmp_path / "some",
        {"with": predictions(selected_on_validation=True), "without": without_validation(predictions())},
    )
    found = summary(tmp_path / "some")
    assert (found["with"]["validation"], found["without"]["validation"]) == ("75.0", "")
    assert "selection may have seen: no estimate" in (tmp_path / "some/summary.md").read_text()
    run(tmp_path / "watched", {"with": predictions()})
    assert "no estimate" not in (tmp_path / "watched/summary.md").read_text()
    run(tmp_path / "none", {"without": without_validation(predictions())})
    assert "alidation" not in (tmp_path / "none/summary.md").read_text()


def scores_of(folder):
    """The table of scores with its notes, without the sections that follow."""
    return (folder / "summary.md").read_text().partition("\n## ")[0]


def test_columns_are_aligned(tmp_path):
    run(tmp_path, {"a": predictions(), "of_a_long_name": predictions()})
    lines = [line for line in scores_of(tmp_path).splitlines() if line.startswith("|")]
    assert {tuple(i for i, sign in enumerate(line) if sign == "|") for line in lines} == {
        tuple(i for i, sign in enumerate(lines[0]) if sign == "|")
    }


def test_costs_are_a_table_of_their_own(tmp_path):
    cost = {"parameters": 119_428, "pretrained_parameters": 94_371_712, "operations": 4.2e7}
    run(tmp_path, {"dear": predictions(cost=cost), "unknown": predictions()})
    text = (tmp_path / "summary.md").read_text()
    cells = [[cell.strip() for cell in line.split("|")] for line in text[text.index("## Cost") :].splitlines()]
    assert [row[1:-1] for row in cells if row[1:2] == ["dear"]] == [
        ["dear", "119 k", "94.5 M", "42 M", "", "2.02 G", "4.03 G"]
    ]
    assert not [row for row in cells if row[1:2] == ["unknown"]]
    run(tmp_path, {"unknown": predictions()})
    assert "Cost" not in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (999_499, "999 k"),
        (999_501, "1 M"),
        (3.1234e9, "3.12 G"),
        (5e15, "5000 T"),
    ],
)
def test_numbers_with_a_prefix(value, text):
    assert short_number(value) == text


def test_recordings_that_were_left_out_are_counted_in_a_note(tmp_path):
    run(tmp_path, {"toy": predictions()}, left_out={"other": 9})
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "left out" not in text
    run(tmp_path, {"toy": predictions()}, left_out={ROWS[0].dataset: 3})
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "[1] recordings left out: those that cannot be used" in text
    assert f"metrics/corpora/ names them ({ROWS[0].dataset}: 3)." in text


def test_a_part_of_the_listed_recordings_is_said_with_its_counts(tmp_path):
    counts = {"all": (16, 16, 0), "some": (720, 1440, 0), "more": (16, 16, 3), "both": (339, 535, 1)}
    found = {
        name: predictions(listed={"recordings": listed, "here": here, "unlisted": unlisted})
        for name, (here, listed, unlisted) in counts.items()
    }
    run(tmp_path, {**found, "none": predictions()})
    cells = summary(tmp_path)
    assert {name: cells[name]["protocol"].partition("4 folds")[2] for name in (*counts, "none")} == {
        "all": "",
        "some": "; 720 of the 1440 listed recordings",
        "more": "; 16 of the 16 listed recordings, 3 unlisted",
        "both": "; 339 of the 535 listed recordings, 1 unlisted",
        "none": "",
    }
    assert [cells[name]["notes"] for name in (*counts, "none")] == ["", "[1]", "[1]", "[1]", ""]
    assert cells["[1]"].startswith("[1] part of the listed recordings")
    assert "not comparable" in cells["[1]"]


def test_balance_and_votes_stand_beside_the_protocol(tmp_path):
    cards = {"even": {"balance": "corpus_and_class"}, "rated": {"labels": "votes"}, "plain": {}}
    run(tmp_path, {name: predictions(**card) for name, card in cards.items()})
    found = summary(tmp_path)
    assert {name: found[name]["protocol"].partition("4 folds")[2] for name in cards} == {
        "even": ", balanced by corpus and class",
        "rated": ", trained on raters' votes",
        "plain": "",
    }
    assert "Raters' votes" not in (tmp_path / "summary.md").read_text()


NAMES = ["<b>f</b>", "a|b", "[x](javascript:alert(1))", "`c` *d*"]


def test_what_corpora_call_people_and_texts_is_neither_markdown_nor_html(tmp_path):
    speakers = {f"s{i}": name for i, name in enumerate(NAMES)}
    rows = [
        replace(row, speaker=speakers[row.speaker], gender=NAMES[row.speaker < "s2"], text=NAMES[3]) for row in ROWS
    ]
    found = predictions(only={"gender": NAMES[:2]})
    found.speakers = [speakers[speaker] for speaker in found.speakers]
    run(tmp_path, {"toy": found}, rows)
    text = (tmp_path / "summary.md").read_text()
    assert "## Groups" in text
    assert r"toy, \<b\>f\</b\>/a\|b" in text
    cells = "".join(line for line in text.splitlines() if line.startswith("|"))
    assert not re.search(r"(?<!\\)[<>`*]|\]\(", cells)


@pytest.mark.parametrize("name", NAMES)
def test_each_cell_of_a_table_is_one_cell_and_shows_what_it_is(name):
    _, _, row = markdown_table(["name"], [[name]])
    (cell,) = re.split(r"(?<!\\)\|", row)[1:-1]
    assert re.sub(r"\\(.)", r"\1", cell.strip()) == name
    assert not re.search(r"(?<!\\)[<>`*]|\]\(", cell)


@pytest.mark.parametrize(
    ("speakers", "said"),
    [
        ({"a": 3, "b": 4}, "a 3, b 4"),
        ({f"s{i}": 20 for i in range(51)}, "20 each of 51"),
        ({f"s{i}": 20 + i for i in range(5000)}, "20 to 5019 each of 5000"),
    ],
)
def test_many_speakers_are_counted_and_not_named(speakers, said):
    whole = {
        "utterances": 7,
        "speakers": len(speakers),
        "seconds": 1.2,
        "by_emotion": {"sad": 7},
        "by_speaker": speakers,
    }
    assert counts_table("mine", whole).splitlines() == [
        f"mine: 7 utterances, {len(speakers)} speakers, 1 s",
        "  by emotion: sad 7",
        f"  by speaker: {said}",
    ]


def test_speakers_that_are_not_known_are_no_speaker():
    rows = [manifest_row(f"r{i}", "", "sad") for i in range(3)]
    assert counts_table("mine", counts(rows)).splitlines()[0].startswith("mine: 3 utterances, speakers unknown, ")
