"""The whole graph, through DVC's own commands, on a corpus of 32 synthetic utterances. Slow: about two minutes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def sh(project, *command, ok=True):
    """Run a command in the project's folder with this environment's programs; its output, both streams together."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert (done.returncode == 0) == ok, done.stdout
    return done.stdout


def ran(output):
    """The stages that `dvc repro` ran."""
    return set(re.findall(r"Running stage '([^']+)'", output))


def set_param(project, path, value):
    """Change one value of params.yaml, by its dotted key."""
    file = project / "params.yaml"
    data = yaml.safe_load(file.read_text())
    *parents, last = path.split(".")
    node = data
    for name in parents:
        node = node[name]
    assert last in node
    node[last] = value
    file.write_text(yaml.safe_dump(data, sort_keys=False))


def tree(folder):
    """Relative path -> bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose graph has run once: the shipped one, with less of everything."""
    project = tmp_path_factory.mktemp("project")
    for name in ("stages", "pipeline"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, project / name)
    data = yaml.safe_load((project / "params.yaml").read_text())
    data["demo"] = {"demo_en": {"language": "en", "voices": 8, "sentences": 1}}
    del data["corpora"]["demo_de"]
    del data["experiments"]["pooled"]["pooled_de"]
    del data["embeddings"]["tiny_7s"]
    for system in ("ca_ser", "hump_cat", "serct"):
        data["experiments"][system] = {}
    data["experiments"]["pooled"]["pooled_en"]["protocol"] = "speakers"
    for group in data["experiments"].values():
        for experiment in group.values():
            if "epochs" in experiment["params"]:
                experiment["params"]["epochs"] = 1
    data["experiments"]["caf"]["caf_en"]["protocol"] = "speakers"
    data["scoring"]["bootstrap"] = 100
    (project / "params.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    sh(project, "git", "init", "-q")
    sh(project, "git", "config", "user.email", "test@example.org")
    sh(project, "git", "config", "user.name", "Test")
    sh(project, "dvc", "init", "-q")
    sh(project, "dvc", "config", "core.analytics", "false")
    output = sh(project, "dvc", "repro")
    assert {"audio@demo_en", "mfcc@demo_en-mfcc_39", "fuse@dual_branch_en", "evaluate"} <= ran(output)
    sh(project, "git", "add", "-A")
    sh(project, "git", "commit", "-qm", "first")
    return project


def test_nothing_to_do_after_a_run(project):
    assert ran(sh(project, "dvc", "repro")) == set()
    assert "up to date" in sh(project, "dvc", "status")


def test_every_utterance_has_an_out_of_fold_probability_of_every_experiment(project):
    manifest = (project / "data/manifests/demo_en.jsonl").read_text().splitlines()
    keys = {json.loads(line)["key"] for line in manifest}
    folders = sorted((project / "data/predictions").iterdir())
    assert len(folders) == 6
    for folder in folders:
        lines = [line.split(",") for line in (folder / "probabilities.csv").read_text().splitlines()[1:]]
        tested = [line for line in lines if line[1] == "test"]
        assert len(tested) == len(keys)
        assert {line[2] for line in tested} == keys
        assert all(abs(sum(map(float, line[4:])) - 1) < 1e-4 for line in tested)


def test_metrics_are_in_git_and_data_is_not(project):
    tracked = sh(project, "git", "ls-files").split()
    assert "metrics/scores/dual_branch_en.json" in tracked
    assert "metrics/confusion/caf_en.csv" in tracked
    assert "metrics/curves/spectrogram_en.csv" in tracked
    assert not [name for name in tracked if name.startswith("data/")]
    assert "synthetic" in (project / "metrics/summary.md").read_text()


def test_plots_show_draws_confusions_and_curves(project):
    sh(project, "dvc", "plots", "show", "-o", "plots")
    page = (project / "plots/index.html").read_text()
    assert "confusion/dual_branch_en.csv" in page
    assert "metrics_curves_spectrogram_en_csv" in page
    shutil.rmtree(project / "plots")


def test_made_again_from_nothing_it_has_the_same_bytes(project):
    lock, metrics = (project / "dvc.lock").read_bytes(), tree(project / "metrics")
    shutil.rmtree(project / "data")
    shutil.rmtree(project / ".dvc/cache")
    output = sh(project, "dvc", "repro", "--no-run-cache")
    assert "spectrogram@spectrogram_en" in ran(output)
    assert (project / "dvc.lock").read_bytes() == lock
    assert tree(project / "metrics") == metrics


def test_a_changed_mfcc_reruns_what_uses_it_and_nothing_else(project):
    set_param(project, "features.mfcc.mfcc_39.n_mels", 30)
    output = sh(project, "dvc", "repro")
    assert ran(output) == {"mfcc@demo_en-mfcc_39", "pooled@pooled_en", "evaluate"}
    assert "n_mels" in sh(project, "dvc", "params", "diff")
    assert "metrics/scores/pooled_en.json" in sh(project, "dvc", "metrics", "diff")
    sh(project, "git", "checkout", "-q", ".")
    sh(project, "dvc", "checkout", "-q")


def test_a_changed_learning_rate_reruns_the_experiment_and_what_is_fused_from_it(project):
    set_param(project, "experiments.wav2vec.wav2vec_en.params.learning_rate", 0.002)
    output = sh(project, "dvc", "repro")
    assert ran(output) == {"wav2vec@wav2vec_en", "fuse@dual_branch_en", "fuse@dual_branch_mean_en", "evaluate"}
    sh(project, "git", "checkout", "-q", ".")
    sh(project, "dvc", "checkout", "-q")


def test_an_experiment_runs_with_a_param_set_on_the_command_line(project):
    output = sh(project, "dvc", "exp", "run", "-S", "experiments.pooled.pooled_en.params.c=0.5")
    assert ran(output) == {"pooled@pooled_en", "evaluate"}
    assert "pooled_en.params.c" in sh(project, "dvc", "params", "diff")
    sh(project, "git", "checkout", "-q", ".")
    sh(project, "dvc", "checkout", "-q")


def test_a_misspelt_param_stops_the_run_and_leaves_the_outputs(project):
    feature = project / "data/features/demo_en/mfcc_39.h5"
    before = feature.read_bytes()
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("n_mfcc: 13", "n_mfc: 13"))
    output = sh(project, "dvc", "repro", ok=False)
    assert "error: params.yaml: features.mfcc.mfcc_39.n_mfc: unknown key (did you mean 'n_mfcc'?)" in output
    assert "Traceback" not in output
    assert feature.read_bytes() == before
    (project / "params.yaml").write_text(text)
