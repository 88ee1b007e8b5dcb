"""`ser compare`: its formats, and mistakes."""

import csv
import json
import re
from io import StringIO

import numpy as np
import pytest
from compared_projects import compared, made, plain_folder, project, records, refused
from projects import sh

# --- formats ---

__all__ = ["made", "plain_folder", "project"]


def test_csv_has_what_json_has(project):
    found = [*csv.DictReader(StringIO(compared("first", "second", "--format", "csv")))]
    for row, (_, record) in zip(found, records("first", "second").items(), strict=True):
        for name, cell in row.items():
            if name not in ("published", "changed", "notes"):
                assert cell == ("" if record[name] is None else str(record[name]))
    assert found[1]["changed"] == "experiments.plain.params.c: 0.01 -> 0.1"
    assert found[1]["published"] == "UA 92.24"


def test_markdown_is_one_table_with_the_published_figures(project):
    lines = [line for line in compared("first", "second", "--format", "markdown").splitlines() if line.startswith("|")]
    head, rule, *body = ([cell.strip() for cell in line[1:-1].split("|")] for line in lines)
    assert head[:2] == ["experiment", "revision"]
    assert {len(line) for line in lines} == {len(lines[0])}
    assert set("".join(rule)) == {"-"}
    second = dict(zip(head, body[1], strict=True))
    assert second["UA difference [95%]"] == "+25.0 [-100.0, +100.0]"
    assert (second["p"], second["published"]) == ("0.125", "UA 92.24")
    assert dict(zip(head, body[0], strict=True))["UA difference [95%]"] == "(reference)"


def test_latex_is_escaped_and_whole(project):
    sh(project, "git", "branch", "a_branch&more", "second")
    text = compared("first", "a_branch&more", "--format", "latex")
    tabular = text[text.index(r"\toprule") : text.index(r"\bottomrule")].splitlines()[1:]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in tabular if line != r"\midrule"} == {11}
    assert all(line.endswith(r" \\") for line in tabular if line != r"\midrule")
    assert r"a\_branch\&more" in text
    assert "$+$25.0 [$-$100.0, $+$100.0]" in text
    assert not re.search(r"\\\\\s*\[", text), "LaTeX would take the bracket for an argument"
    for name in ("table", "tabular", "flushleft"):
        assert text.count(f"\\begin{{{name}}}") == text.count(f"\\end{{{name}}}") == 1
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert body.replace(r"\{", "").count("{") == body.replace(r"\}", "").count("}")


def test_a_terminal_shows_long_names_by_their_ends(project):
    branch = "a-branch-of-a-very-long-name-" + "x" * 60 + "-end"
    sh(project, "git", "branch", branch, "second")
    metrics = project / "metrics/scores.json"
    long = "experiment_" + "y" * 80 + "_last"
    metrics.write_text(json.dumps({long: json.loads(metrics.read_text())["plain"]}))
    lines = compared("first", branch, "workspace").splitlines()
    table = lines[lines.index("") + 1 :][:6]
    assert max(map(len, lines)) <= 120
    assert any(re.search(r" a-br\S*…\S*-end ", line) for line in table)
    assert any(re.match(r"exper\S*…\S*last ", line) for line in table)
    column = table[0].index("UA [95%]")
    assert all(re.match(r"  \d+\.\d", line[column - 2 :]) for line in table[1:] if line)


def test_a_file_has_what_standard_output_has(project):
    for name in ("table", "csv", "json", "markdown", "latex"):
        assert compared("first", "second", "--format", name, "--out", f"out/{name}") == ""
        assert (project / "out" / name).read_text(encoding="utf-8") == compared("first", "second", "--format", name)


# --- mistakes ---


def test_unknown_revisions_suggest_the_nearest(project):
    assert refused("seconds").startswith(
        "seconds: no commit, branch, tag or experiment of DVC's (did you mean 'second'?)"
    )
    assert "did you mean 'tried'" in refused("tired")
    assert "did you mean 'workspace'" in refused("worksapce")
    assert "no commit" in refused("--", "--output=x")
    assert "no commit" in refused("first..second")


def test_an_experiments_name_that_stands_twice_needs_a_hash(project):
    first = sh(project, "git", "rev-parse", "first").strip()
    sh(project, "git", "update-ref", f"refs/exps/{'a' * 2}/{'b' * 38}/tried", first)
    line = refused("tried")
    assert line.startswith("tried: 2 experiments of DVC's have this name; give a hash: ")
    assert first[:7] in line


def test_unknown_experiments_suggest_the_nearest(project):
    assert "--experiment plain_: no revision compared has scores of it (did you mean 'plain'?)" in refused(
        "--experiment", "plain_"
    )
    assert "(did you mean 'steady'?); known: plain, steady, or both as workspace:plain" in refused("--against", "study")
    assert "did you mean 'second'" in refused("first", "second", "--against", "secondo")


def test_a_name_of_a_revision_and_an_experiment_is_no_reference(project):
    sh(project, "git", "branch", "plain", "second")
    assert refused("first", "plain", "--against", "plain").endswith("give both, as plain:plain")
    assert records("first", "plain", "--against", "plain:plain")["first", "plain"]["UA_difference"] == -0.25


def test_a_revision_without_metrics_is_named(project):
    (project / "metrics/scores.json").unlink()
    assert refused(code=1).startswith("workspace: has no metrics/scores.json")
    sh(project, "git", "rm", "-rqf", "--cached", "metrics")
    sh(project, "git", "commit", "-qm", "none")
    assert refused("first", "HEAD", code=1).startswith("HEAD: has no metrics/scores.json, or not in git")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "metrics/scores.json: no JSON"),
        ("[1]", "expected a mapping of scores"),
        ('{"plain": {"UA": "much"}}', "plain has no UA"),
        ('{"plain": 0.5}', "plain has no UA"),
        ('{"pl\\u001bain": {}}', "name 'pl\\x1bain' may hold only"),
        ('{"\\ud800": {"UA": 0.5}}', "may hold only"),
        ('{"plain": {"UA": 1' + "0" * 400 + "}}", "plain has no UA"),
    ],
)
def test_damaged_metrics_are_named(plain_folder, text, words):
    (plain_folder / "metrics/scores.json").write_text(text)
    assert words in refused(code=1)


def test_without_git_there_are_no_revisions(plain_folder, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(plain_folder.parent))
    assert refused("HEAD", code=1).startswith("HEAD: git has no revisions here (fatal: not a git repository")


def test_params_that_cannot_be_read_hide_no_scores(plain_folder):
    (plain_folder / "params.yaml").write_text("experiments: {plain: [1, {")
    assert records()["workspace", "plain"]["UA"] == 1


@pytest.mark.parametrize("damage", ["key,fold\n", "fold,part,key,emotion,speaker,p_angry\n0,test,a,joy,s0,1\n"])
def test_damaged_predictions_test_nothing(project, damage):
    (project / "data/predictions/plain/probabilities.csv").write_text(damage)
    plain = records("--against", "steady")["workspace", "plain"]
    assert (plain["UA_difference"], plain["p"]) == (0.1875, None)
    assert "data/predictions/plain" in plain["notes"][0]


@pytest.mark.parametrize(
    ("card", "says"),
    [
        (
            "[]",
            "plain: predictions missing or damaged (card.json is no mapping); `dvc repro` makes them",
        ),
        ('{"corpus": "toy"}', "data/predictions/plain of workspace is damaged, or of an older program"),
    ],
)
def test_predictions_that_are_damaged_or_of_an_older_program_test_nothing(project, card, says):
    (project / "data/predictions/plain/card.json").write_text(card)
    plain = records("--against", "steady")["workspace", "plain"]
    assert plain["p"] is None
    assert plain["notes"][0].endswith(says)


def test_params_of_any_kind_can_be_shown(project):
    path = project / "params.yaml"
    path.write_text(
        path.read_text().replace("c: 0.5", 'c: 2024-01-01, a: "\\ud800|\\n", b: [{x: %}]'.replace("%", '"%"'))
    )
    for name in ("table", "csv", "json", "markdown", "latex"):
        compared("first", "workspace", "--format", name)


def test_the_same_inputs_are_the_same_bytes(project):
    assert compared("first", "workspace") == compared("first", "workspace")
    assert np.unique([compared("first", "second", "--format", "json") for _ in range(2)]).size == 1
