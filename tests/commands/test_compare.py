"""`ser compare`: experiments and revisions side by side, with what is the same in them, and what is not."""

import csv
import json
import re
import shutil
from io import StringIO

import numpy as np
import pytest
from in_process import ser
from projects import commit, repository, sh
from toy_predictions import predictions, run, without_validation

PARAMS = """\
seed: 0
corpora:
  toy: {{reader: folder, root: recordings}}
  other: {{reader: folder, root: others}}
features:
  cepstra: {{extractor: mfcc, n_mfcc: {n_mfcc}}}
  unread: {{extractor: mfcc, n_mfcc: {unread}}}
protocols:
  loso: {{scheme: leave_one_speaker_out}}
experiments:
  plain: {{system: pooled, corpus: toy, protocol: loso, mfcc: cepstra, params: {{c: {c}}}, published: {{UA: 92.24}}}}
  steady: {{system: svm, corpus: toy, protocol: loso, mfcc: unread}}
fusions:
  both: {{of: [plain, steady], method: weighted_average}}
scoring: {{bootstrap: 200}}
"""
STAGES = """\
stages:
  train-plain: {cmd: "true", outs: [data/predictions/plain]}
  train-steady: {cmd: "true", outs: [data/predictions/steady]}
"""
HIDDEN = "data/predictions/plain of first is not in DVC's cache"


def right(found, folds=range(4)):
    """The same predictions, with nothing mistaken in the test parts of these folds."""
    for i in found.where("test"):
        truth = found.classes.index(found.emotions[i])
        if found.fold[i] in folds and found.rows[i].argmax() != truth:
            found.rows[i] = found.rows[i][::-1]
    return found


def write(folder, plain, steady=None, **params):
    """What a run leaves of two experiments: params, predictions and metrics."""
    values = {"n_mfcc": 13, "unread": 13, "c": 0.01, **params}
    (folder / "params.yaml").write_text(PARAMS.format(**values), encoding="utf-8")
    both = {"plain": plain, "steady": steady or predictions()}
    for name, one in both.items():
        one.write(folder / "data/predictions" / name)
    run(folder / "metrics", both)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with two tags, an experiment of DVC's, and something else again in the working folder."""
    folder = tmp_path_factory.mktemp("project")
    repository(folder)
    (folder / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    (folder / ".gitignore").write_text("/data/\n", encoding="utf-8")
    for number, state in enumerate(("first", "second")):
        write(folder, right(predictions(), range(4 * number)), c=(0.01, 0.1)[number], unread=13 + number)
        sh(folder, "dvc", "commit", "-q", "-f")
        commit(folder, state)
        sh(folder, "git", "tag", state)
    write(folder, right(predictions(), range(2)), c=0.5, n_mfcc=20)
    sh(folder, "dvc", "commit", "-q", "-f")
    sh(folder, "dvc", "exp", "save", "-n", "tried")
    write(folder, right(predictions(), range(3)), c=0.5, n_mfcc=20)
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """A copy of it."""
    shutil.copytree(made, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def plain_folder(tmp_path, monkeypatch):
    """The working folder alone, without git, DVC and predictions."""
    write(tmp_path, right(predictions()))
    shutil.rmtree(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compared(*arguments):
    result = ser("compare", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def records(*arguments):
    """Revision and experiment -> its record."""
    rows = json.loads(compared(*arguments, "--format", "json"))
    return {(row["revision"], row["experiment"]): row for row in rows}


def refused(*arguments, code=2):
    """The one line of an error."""
    result = ser("compare", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    return line.removeprefix("error: ")


# --- the working folder ---


def test_the_working_folder_needs_neither_git_nor_predictions(plain_folder):
    rows = records()
    assert list(rows) == [("workspace", "plain"), ("workspace", "steady")]
    plain = rows["workspace", "plain"]
    assert [plain[key] for key in ("UA", "UA_low", "UA_high", "WA", "macro_F1", "utterances")] == [1, 1, 1, 1, 1, 16]
    details = json.loads((plain_folder / "metrics/details/steady.json").read_text())
    steady = rows["workspace", "steady"]
    for measure in ("UA", "WA", "macro_F1"):
        assert steady[measure] == details["scores"][measure]
        assert [steady[f"{measure}_low"], steady[f"{measure}_high"]] == details["interval"][measure]
    assert (plain["against"], plain["UA_difference"], plain["p"], plain["changed"]) == ("", None, None, [])


def test_experiments_are_compared_with_one_of_them(project):
    rows = records("--against", "steady")
    assert rows["workspace", "steady"]["against"] == ""
    plain = rows["workspace", "plain"]
    assert (plain["against"], plain["UA_difference"]) == ("workspace:steady", 0.1875)
    (table,) = csv.DictReader((project / "metrics/comparisons.csv").open())
    for ours, theirs in {"UA_difference": "UA_difference", "difference_low": "low", "difference_high": "high"}.items():
        assert f"{plain[ours]:.4f}" == table[theirs]
    for name in ("p", "p_holm", "p_mcnemar"):
        assert f"{plain[name]:.4g}" == table[name]


def test_without_predictions_the_scores_stand_alone(plain_folder):
    plain = records("--against", "steady")["workspace", "plain"]
    assert (plain["UA_difference"], plain["difference_low"], plain["p"], plain["p_mcnemar"]) == (0.25, None, None, None)
    assert [note.split(": ")[0] for note in plain["notes"][:2]] == ["no test of the difference"] * 2
    assert "data/predictions/plain: predictions missing" in plain["notes"][0]


def test_old_metrics_without_details_have_their_five_figures(plain_folder):
    shutil.rmtree(plain_folder / "metrics/details")
    steady = records()["workspace", "steady"]
    assert [steady[key] for key in ("UA", "UA_low", "UA_high", "WA", "WA_low")] == [0.75, 0.75, 0.75, 0.75, None]
    assert re.search(r"^steady +75\.0 \[75\.0, 75\.0\] +75\.0 +73\.3$", compared(), re.MULTILINE)


def test_predictions_that_the_scores_are_not_of_test_nothing(project):
    right(predictions(), range(1)).write(project / "data/predictions/plain")
    plain = records("--against", "steady")["workspace", "plain"]
    assert (plain["UA_difference"], plain["p"]) == (0.1875, None)
    assert plain["notes"][0].endswith("data/predictions/plain of workspace is not what its metrics are of")


# --- revisions ---


def test_a_revision_is_compared_with_the_first(project):
    rows = records("first", "second")
    assert list(rows) == [("first", "plain"), ("second", "plain"), ("first", "steady"), ("second", "steady")]
    plain = rows["second", "plain"]
    assert (rows["first", "plain"]["UA"], plain["UA"], plain["against"]) == (0.75, 1, "first:plain")
    assert (plain["UA_difference"], plain["difference_low"], plain["difference_high"]) == (0.25, 0.25, 0.25)
    assert plain["p_mcnemar"] == 2 * 0.5**4
    assert plain["p"] == plain["p_holm"] == 2 * 0.5**4  # four speakers can show no more
    assert plain["commit"] == sh(project, "git", "rev-parse", "second").strip()


def test_what_did_not_change_is_the_same_and_no_part_of_holms_family(project):
    steady = records("first", "second")["second", "steady"]
    assert (steady["UA_difference"], steady["p"], steady["p_holm"]) == (0, None, None)
    assert "same predictions" in compared("first", "second")


def test_only_params_that_concern_an_experiment_are_changes_of_it(project):
    rows = records("first", "second")
    assert rows["second", "plain"]["changed"] == [{"key": "experiments.plain.params.c", "before": 0.01, "after": 0.1}]
    assert rows["second", "steady"]["changed"] == [{"key": "features.unread.n_mfcc", "before": 13, "after": 14}]
    lines = compared("first", "second", "--experiment", "plain").splitlines()
    at = lines.index("changed params of plain, first -> second")
    assert lines[at + 1 : at + 3] == ["  experiments.plain.params.c: 0.01 -> 0.1", ""]


def test_dvcs_experiments_and_the_working_folder_are_revisions_too(project):
    rows = records("second", "tried", "workspace", "--experiment", "plain", "--against", "tried")
    assert [row["UA"] for row in rows.values()] == [1, 0.875, 0.9375]
    assert [row["UA_difference"] for row in rows.values()] == [0.125, None, 0.0625]
    assert rows["second", "plain"]["p"] == 0.5  # two speakers differ
    assert [one["key"] for one in rows["second", "plain"]["changed"]] == [
        "experiments.plain.params.c",
        "features.cepstra.n_mfcc",
    ]
    assert rows["workspace", "plain"]["changed"] == []


def test_one_experiment_of_one_revision_can_stand_for_all(project):
    rows = records("first", "workspace", "--against", "first:steady")
    assert {key: row["against"] for key, row in rows.items()} == {
        ("first", "plain"): "first:steady",
        ("workspace", "plain"): "first:steady",
        ("first", "steady"): "",
        ("workspace", "steady"): "first:steady",
    }
    assert rows["workspace", "plain"]["UA_difference"] == 0.1875
    assert rows["workspace", "plain"]["changed"] == []


def test_predictions_that_are_not_in_the_cache_are_said_to_be_so(project):
    for path in (project / ".dvc/cache").rglob("*.dir"):
        path.unlink()
    plain = records("first", "second", "--experiment", "plain")["second", "plain"]
    assert (plain["UA_difference"], plain["p"]) == (0.25, None)
    assert f"no test of the difference: {HIDDEN}; `dvc fetch --all-commits` gets it" in plain["notes"]


def test_a_project_below_its_repository_is_read_there(tmp_path, monkeypatch):
    write(tmp_path, predictions())
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", right(predictions()))
    sh(tmp_path, "git", "init", "-q")
    sh(tmp_path, "git", "add", "-A")
    sh(tmp_path, "git", "-c", "user.email=a@b", "-c", "user.name=A", "commit", "-qm", "all")
    monkeypatch.chdir(tmp_path / "inner")
    assert records("HEAD")["HEAD", "plain"]["UA"] == 1


def test_an_experiment_that_the_other_lacks_has_nothing_to_be_compared_with(project):
    metrics = json.loads((project / "metrics/scores.json").read_text())
    (project / "metrics/scores.json").write_text(json.dumps({**metrics, "new": metrics["plain"]}))
    new = records("first", "workspace")["workspace", "new"]
    assert (new["against"], new["notes"][0]) == ("", "nothing to compare with: first has no scores of it")


# --- what is not of the same tests ---


def without_a_speaker():
    found = without_validation(predictions())
    keep = [i for i, speaker in enumerate(found.speakers) if speaker != "s3"]
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(found, name, [getattr(found, name)[i] for i in keep])
    return found


def test_scores_of_other_utterances_have_no_difference_and_say_so(project):
    whole = predictions()
    fewer = without_a_speaker()
    fewer.write(project / "data/predictions/plain")
    details = json.loads((project / "metrics/details/steady.json").read_text())
    for row in details["classes"].values():
        row["support"] = 6
    (project / "metrics/details/plain.json").write_text(json.dumps(details))
    whole.write(project / "data/predictions/steady")
    plain = records("--against", "steady")["workspace", "plain"]
    assert (plain["UA_difference"], plain["p"]) == (None, None)
    assert plain["notes"][0] == ("not of the same test utterances: tests angry 6, sad 6, in steady angry 8, sad 8")


def test_another_corpus_is_said_without_predictions_too(plain_folder):
    path = plain_folder / "params.yaml"
    text = path.read_text()
    path.write_text(text.replace("{system: svm, corpus: toy", "{system: svm, corpus: other"))
    plain = records("--against", "steady")["workspace", "plain"]
    assert plain["UA_difference"] is None
    assert plain["notes"][0] == "not of the same test utterances: corpus toy, in steady other"


def test_another_protocol_on_the_same_utterances_is_tested_and_said(project):
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("leave_one_speaker_out}", "leave_one_speaker_out, inner_folds: 2}"))
    plain = records("first", "workspace")["workspace", "plain"]
    assert plain["p"] == 0.25
    assert plain["notes"][0] == (
        "other protocol leave_one_speaker_out, inner_folds 2, in first leave_one_speaker_out, inner_folds not given"
    )


# --- formats ---


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
    assert second["UA difference [95%]"] == "+25.0 [+25.0, +25.0]"
    assert (second["p"], second["published"]) == ("0.125", "UA 92.24")
    assert dict(zip(head, body[0], strict=True))["UA difference [95%]"] == "(reference)"


def test_latex_is_escaped_and_whole(project):
    sh(project, "git", "branch", "a_branch&more", "second")
    text = compared("first", "a_branch&more", "--format", "latex")
    tabular = text[text.index(r"\toprule") : text.index(r"\bottomrule")].splitlines()[1:]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in tabular if line != r"\midrule"} == {11}
    assert all(line.endswith(r" \\") for line in tabular if line != r"\midrule")
    assert r"a\_branch\&more" in text
    assert "$+$25.0 [$+$25.0, $+$25.0]" in text
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


@pytest.mark.parametrize("card", ["[]", '{"corpus": "toy"}'])
def test_predictions_of_an_older_program_test_nothing(project, card):
    (project / "data/predictions/plain/card.json").write_text(card)
    plain = records("--against", "steady")["workspace", "plain"]
    assert plain["p"] is None
    assert plain["notes"][0].endswith("data/predictions/plain of workspace is damaged, or of an older program")


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
