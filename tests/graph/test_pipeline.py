"""The whole graph, through DVC's own commands, on a corpus of 32 synthetic utterances. Slow: about two minutes."""

import json
import shutil

import pytest
import yaml
from projects import code_project, commit, ran, ser, sh, tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # the whole graph, on a machine that does more

PARAMS = """\
seed: 0
demo:
  demo_en: {language: en, voices: 8, sentences: 1}
corpora:
  demo_en: {reader: demo, root: data/raw/demo_en}
copies:
  noisy: {source: demo_en, snr: [20]}
features:
  logmel_224: {extractor: logmel, preset: caf_logmel}
  logmel_278: {extractor: logmel, preset: dual_branch_logmel}
  mfcc_39: {extractor: mfcc, preset: hump_cat_mfcc, n_mels: 40}
  prosody: {extractor: prosody}
embeddings:
  tiny: {model: tiny, layers: [1, 9]}
protocols:
  speakers: {scheme: grouped_kfold, folds: 2, validation_speakers: 1, inner_folds: 2}
experiments:
  pooled_en:
    {system: pooled, corpus: demo_en, protocol: speakers, logmel: logmel_224, mfcc: mfcc_39, prosody: prosody,
     params: {c: 0.01}}
  caf_en:
    {system: caf, corpus: demo_en, protocol: speakers, logmel: logmel_224, ssl: tiny,
     params: {epochs: 1, batch_size: 16}}
  spectrogram_en:
    system: spectrogram
    corpus: demo_en
    copies: noisy
    protocol: speakers
    logmel: logmel_278
    params: {epochs: 1, batch_size: 8, patience: 0}
  wav2vec_en:
    system: wav2vec
    corpus: demo_en
    copies: noisy
    protocol: speakers
    ssl: tiny
    params: {learning_rate: 0.001, epochs: 1, batch_size: 16, patience: 0}
fusions:
  dual_branch_en: {of: [wav2vec_en, spectrogram_en], fit_on: training}
  three_en: {of: [dual_branch_en, pooled_en, caf_en], method: weighted_average}
scoring: {bootstrap: 100}
"""


def set_param(project, path, value):
    """Change one value of params.yaml, by its dotted key."""
    file = project / "params.yaml"
    data = yaml.safe_load(file.read_text())
    *parents, last = path.split(".")
    node = data
    for name in parents:
        node = node[name]
    node[last] = value
    file.write_text(yaml.safe_dump(data, sort_keys=False))


def undo(project):
    sh(project, "git", "checkout", "-q", ".")
    sh(project, "dvc", "checkout", "-q")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose graph has run once."""
    project = code_project(tmp_path_factory.mktemp("project"), PARAMS)
    ser(project, "graph")
    output = sh(project, "dvc", "repro")
    assert {"audio-demo_en", "features-demo_en-mfcc_39", "fuse-three_en", "evaluate", "report"} <= ran(output)
    commit(project, "first")
    return project


def test_nothing_to_do_after_a_run(project):
    assert ran(sh(project, "dvc", "repro")) == set()
    assert "up to date" in sh(project, "dvc", "status")


def test_only_what_is_read_was_made(project):
    made = {path.relative_to(project / "data").as_posix() for path in (project / "data").rglob("*.h5")}
    assert made == {
        *(f"audio/{corpus}/{rate}.h5" for corpus in ("demo_en", "noisy") for rate in ("16k", "48k")),
        *(f"features/demo_en/{name}.h5" for name in ("logmel_224", "logmel_278", "mfcc_39", "prosody")),
        "features/noisy/logmel_278.h5",
        "embeddings/demo_en/tiny.h5",
        "embeddings/noisy/tiny.h5",
    }


def test_every_utterance_has_an_out_of_fold_probability_of_every_experiment(project):
    manifest = (project / "data/manifests/demo_en.jsonl").read_text().splitlines()
    keys = {json.loads(line)["key"] for line in manifest}
    folders = sorted((project / "data/predictions").iterdir())
    assert len(folders) == 6
    for folder in folders:
        header, *lines = [line.split(",") for line in (folder / "probabilities.csv").read_text().splitlines()]
        first = next(i for i, name in enumerate(header) if name.startswith("p_"))
        tested = [line for line in lines if line[1] == "test"]
        assert len(tested) == len(keys)
        assert {line[2] for line in tested} == keys
        assert all(abs(sum(map(float, line[first:])) - 1) < 1e-4 for line in tested)


def test_metrics_are_in_git_and_data_is_not(project):
    tracked = sh(project, "git", "ls-files").split()
    assert {"metrics/scores.json", "metrics/confusion/caf_en.csv", "metrics/curves/spectrogram_en.csv"} <= set(tracked)
    assert not [name for name in tracked if name.startswith("data/")]
    assert "synthetic" in (project / "metrics/summary.md").read_text()
    assert set(json.loads((project / "metrics/scores.json").read_text())["three_en"]) == {
        "UA", "UA_low", "UA_high", "WA", "macro_F1",
    }  # fmt: skip


def test_plots_show_has_the_pictures_and_no_script(project):
    sh(project, "dvc", "plots", "show", "-o", "plots")
    page = (project / "plots/index.html").read_text()
    for name in ("scores", "confusion_dual_branch_en", "curves_spectrogram_en"):
        assert f'src="static/workspace_metrics_plots_{name}.svg"' in page
    assert "<script" not in page
    shutil.rmtree(project / "plots")


def test_made_again_from_nothing_it_has_the_same_bytes(project):
    lock, metrics = (project / "dvc.lock").read_bytes(), tree(project / "metrics")
    shutil.rmtree(project / "data")
    shutil.rmtree(project / ".dvc/cache")
    output = sh(project, "dvc", "repro", "--no-run-cache")
    assert "train-spectrogram_en" in ran(output)
    assert (project / "dvc.lock").read_bytes() == lock
    assert tree(project / "metrics") == metrics


def test_a_changed_mfcc_reruns_what_uses_it_and_nothing_else(project):
    set_param(project, "features.mfcc_39.n_mels", 30)
    output = sh(project, "dvc", "repro")
    assert ran(output) == {"code", "features-demo_en-mfcc_39", "train-pooled_en", "fuse-three_en", "evaluate", "report"}
    assert "n_mels" in sh(project, "dvc", "params", "diff")
    assert "metrics/scores.json" in sh(project, "dvc", "metrics", "diff")
    undo(project)


def test_a_published_figure_retrains_nothing(project):
    set_param(project, "experiments.pooled_en.published", {"WA": 50.0})
    assert ran(sh(project, "dvc", "repro")) == {"code", "evaluate", "report"}
    assert "WA 50.0" in (project / "metrics/summary.md").read_text()
    undo(project)


def test_a_comment_in_a_module_changes_nothing(project):
    for module in ("pipeline/systems/layers/residual.py", "stages/train.py"):
        path = project / module
        path.write_text(path.read_text() + "# a remark\n")
    assert ran(sh(project, "dvc", "repro")) == {"code"}
    undo(project)


def test_a_changed_layer_retrains_the_systems_that_use_it(project):
    path = project / "pipeline/systems/layers/residual.py"
    path.write_text(path.read_text() + "\nUNUSED = 1\n")
    # Its models come out the same, so that nothing after it runs.
    assert ran(sh(project, "dvc", "repro")) == {"code", "train-spectrogram_en"}
    undo(project)


def test_an_experiment_runs_with_a_param_set_on_the_command_line(project):
    output = sh(project, "dvc", "exp", "run", "-S", "experiments.pooled_en.params.c=0.5")
    assert ran(output) == {"code", "train-pooled_en", "fuse-three_en", "evaluate", "report"}
    assert "pooled_en.params.c" in sh(project, "dvc", "params", "diff")
    undo(project)


def test_a_misspelt_param_stops_the_run_and_leaves_the_outputs(project):
    feature = project / "data/features/demo_en/mfcc_39.h5"
    before = feature.read_bytes()
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("n_mels: 40", "n_mel: 40"))
    output = sh(project, "dvc", "repro", ok=False)
    assert "features.mfcc_39.n_mel: unknown key (did you mean 'n_mels'?)" in output
    assert "Traceback" not in output
    assert feature.read_bytes() == before
    undo(project)


AGAIN = "  again_en: {system: svm, corpus: demo_en, protocol: speakers, prosody: prosody}\n"


@pytest.mark.parametrize(
    ("old", "new", "stage"),
    [
        ("experiments:\n", f"experiments:\n{AGAIN}", "train-again_en is new in it"),
        ("  three_en:", "  four_en:", "fuse-four_en is new in it"),
        (PARAMS[PARAMS.index("  three_en:") : PARAMS.index("scoring")], "", "fuse-three_en is no longer in it"),
    ],
)
def test_a_stale_graph_is_one_clear_line_and_costs_no_score(project, old, new, stage):
    text = (project / "params.yaml").read_text()
    assert old in text
    (project / "params.yaml").write_text(text.replace(old, new))
    output = sh(project, "dvc", "repro", ok=False)
    assert f"error: dvc.yaml is older than params.yaml: stage {stage}; run `ser graph`" in output
    assert "metrics" not in sh(project, "git", "status", "--porcelain")
    undo(project)


def test_an_added_experiment_runs_its_stages_and_a_dropped_one_leaves_no_trace(project):
    text = (project / "params.yaml").read_text()
    line = "  again_en: {system: svm, corpus: demo_en, protocol: speakers, prosody: prosody}\n"
    (project / "params.yaml").write_text(text.replace("experiments:\n", f"experiments:\n{line}"))
    assert "added    train-again_en" in ser(project, "graph")
    assert ran(sh(project, "dvc", "repro")) == {"code", "train-again_en", "evaluate", "report"}
    assert "again_en" in (project / "dvc.lock").read_text()
    (project / "params.yaml").write_text(text)
    assert "dropped  train-again_en" in ser(project, "graph")
    assert ran(sh(project, "dvc", "repro")) <= {"code", "evaluate", "report"}
    assert "again_en" not in (project / "dvc.lock").read_text()
    assert not (project / "metrics/details/again_en.json").exists()
    assert sh(project, "git", "status", "--porcelain") == ""


def test_a_clone_pulls_and_runs_nothing(project, tmp_path):
    sh(project, "dvc", "remote", "add", "-f", "-d", "storage", str(tmp_path / "remote"))
    sh(project, "dvc", "push", "-q")
    commit(project, "with a remote")
    sh(tmp_path, "git", "clone", "-q", str(project), "clone")
    sh(tmp_path / "clone", "dvc", "pull", "-q")
    assert ran(sh(tmp_path / "clone", "dvc", "repro")) == set()
    assert sh(tmp_path / "clone", "git", "status", "--porcelain") == ""
