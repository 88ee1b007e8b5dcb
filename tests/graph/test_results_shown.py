"""What DVC shows of results: few columns, and pictures that need no network."""

import hashlib
import re
import shlex

import pytest
import yaml
from projects import REPOSITORY, commit, repository, sh
from toy_predictions import drawn, predictions

from pipeline.config.document import validated
from pipeline.graph import dvc_yaml
from pipeline.graph.stages import graph_stages

NAMES = ("hump_cat_ravdess", "caf_ravdess", "snr_low_ravdess", "pooled_ravdess")
PARAMS = """\
corpora: {mine: {reader: folder, root: recordings}}
features: {mel: {extractor: logmel}}
protocols: {dealt: {scheme: stratified_split}}
experiments:
""" + "".join(
    f"  {name}: {{system: pooled, corpus: mine, protocol: dealt, logmel: mel, params: {{c: 1.0}}}}\n" for name in NAMES
)


LOCK = """\
schema: '2.0'
stages:
  code:
    cmd: python -m stages.code
    deps: [{{path: params.yaml, hash: md5, md5: {}, size: 9}}]
"""


def evaluated(folder, params, **changed):
    """Write params.yaml, and what a run leaves in git, of predictions that differ in some experiments."""
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    digest = hashlib.md5(params.encode()).hexdigest()  # as DVC has it
    (folder / "dvc.lock").write_text(LOCK.format(digest), encoding="utf-8")
    drawn(folder / "metrics", {name: changed.get(name, predictions()) for name in NAMES})


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with two commits, in the second of which two experiments have other scores, one by another param."""
    folder = tmp_path_factory.mktemp("shown")
    data = yaml.safe_load(PARAMS)
    params, _ = validated(data)
    dvc_yaml.write(dvc_yaml.written(graph_stages(params, data), dvc_yaml.GraphFile("", {}, {})), folder / "dvc.yaml")
    repository(folder)
    evaluated(folder, PARAMS)
    commit(folder, "first")
    text = PARAMS.replace(
        "caf_ravdess: {system: pooled, corpus: mine, protocol: dealt, logmel: mel, params: {c: 1.0}}",
        "caf_ravdess: {system: pooled, corpus: mine, protocol: dealt, logmel: mel, params: {c: 0.5}}",
    )
    worse = predictions()
    worse.rows = [row if fold else 1 - row for fold, row in zip(worse.fold, worse.rows, strict=True)]
    evaluated(folder, text, caf_ravdess=worse, snr_low_ravdess=worse)
    commit(folder, "second")
    return folder


def test_an_experiment_has_five_columns(project):
    header = sh(project, "dvc", "exp", "show", "--csv").splitlines()[0].split(",")
    for name in NAMES:
        assert {column for column in header if column.startswith(f"{name}.")} == {
            f"{name}.{score}" for score in ("UA", "UA_low", "UA_high", "WA", "macro_F1")
        }


def test_the_line_of_the_readme_fits_a_terminal(project):
    readme = REPOSITORY / "README.md"
    line = next(line for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("dvc exp show"))
    shown = sh(project, *shlex.split(line), "-n", "2", "--no-pager")
    assert {"caf_ravdess.UA", "snr_low_ravdess.UA"} <= {*shown.split()}
    assert "experiments.caf_ravdess.params.c" in shown
    assert "pooled" not in shown
    assert max(map(len, shown.splitlines())) <= 120


def test_a_difference_of_metrics_fits_a_screen(project):
    shown = sh(project, "dvc", "metrics", "diff", "HEAD~1", "HEAD").splitlines()
    assert 3 <= len(shown) <= 1 + 2 * 5
    assert all("caf_ravdess." in line or "snr_low_ravdess." in line for line in shown[1:])
    assert max(map(len, shown)) <= 120


KINDS = ("calibration", "confusion", "curves")


def page(project, *command):
    """The page that DVC writes, and the pictures that it shows, in its order."""
    sh(project, "dvc", "plots", *command, "-o", "dvc_plots")
    text = (project / "dvc_plots/index.html").read_text(encoding="utf-8")
    sources = re.findall(r'<img src="([^"]+)"', text)
    assert all((project / "dvc_plots" / source).is_file() for source in sources)
    return text, [source.removeprefix("static/") for source in sources]


def test_the_page_of_plots_has_every_picture_and_needs_no_network(project):
    text, pictures = page(project, "show")
    assert pictures == [
        "workspace_metrics_plots_scores.svg",
        *(f"workspace_metrics_plots_{kind}_{name}.svg" for kind in KINDS for name in sorted(NAMES)),
    ]
    assert "<script" not in text
    assert "http" not in text


def test_a_difference_of_plots_sets_pictures_side_by_side(project):
    text, pictures = page(project, "diff", "HEAD~1", "HEAD", "--targets", "metrics/plots/confusion/caf_ravdess.svg")
    assert len(pictures) == 2
    first, second = ((project / "dvc_plots/static" / name).read_bytes() for name in pictures)
    assert first != second
    assert "<script" not in text
