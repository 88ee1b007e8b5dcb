"""The summary marks what to beware of, and sets published figures beside ours."""

from feature_files import manifest_row
from toy_predictions import ROWS, predictions, run, summary


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
        [*ROWS, *(manifest_row(row.key, row.speaker, row.emo, "real") for row in ROWS)],
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
    starts.append("the fusion was fitted on the other folds'")
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
        "WA": "75.0 [75.0, 75.0]",
        "UA": "75.0 [75.0, 75.0]",
        "macro-F1": "73.3",
        "weighted-F1": "73.3",
        "mean": "WA 75.0, UA 75.0",
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
