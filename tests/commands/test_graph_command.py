"""`ser graph`: what it says and writes, what of the user's it keeps, and what it takes away."""

from pathlib import Path

import pytest
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA, COMPILED_MULTI_STAGE_SCHEMA
from in_process import ser

from pipeline.graph import dvc_yaml

STAGES = [
    "code",
    "manifest-mine",
    "audio-mine",
    "copies-loud",
    "features-mine-mel",
    "features-mine-cepstra",
    "features-mine-melody",
    "features-loud-mel",
    "train-statistics",
    "train-again",
    "train-picture",
    "fuse-both",
    "evaluate",
    "report",
]
DVC_YAML = Path("dvc.yaml")
WRITTEN = f"dvc.yaml: {len(STAGES)} stages; `dvc repro` runs them"

OWN_STAGES = """\
  # What the figures of the paper are made of.
  figures:
    cmd: python figures.py   # mine
    deps:
    - data/predictions/picture
    outs:
      - figures/

  "notes":
    cmd: [date, "date > notes.txt"]
    always_changed: true
"""
OWN_PLOTS = """\
  # by hand
  - figures/loss.csv: {x: epoch, y: loss} # of one fold
  - figures/roc.json
"""
OWN_SECTIONS = """\
# Where the service looks.
artifacts:
  best:   {path: data/models/picture, type: model}

metrics: [figures/scores.json]
"""


def lines(*options, code=0):
    """What `ser graph` says."""
    result = ser("graph", *options)
    assert (result.exit_code, result.stderr) == (code, "")
    return result.stdout.splitlines()


def stages():
    """The stages of dvc.yaml, which DVC takes."""
    values = yaml.safe_load(DVC_YAML.read_text(encoding="utf-8"))
    COMPILED_MULTI_STAGE_SCHEMA(values)
    return values["stages"]


def lock(*names, more=""):
    """Write a dvc.lock with stages of these names, and the first output of each in dvc.yaml, as DVC does."""
    outputs = {name: dvc_yaml.read().outs(name) for name in names}
    entries = "".join(
        f"  {name}:\n    cmd: python -m stages.{name.replace('-', ' ', 1)}\n    outs:\n    - path: {paths[0]}\n"
        "      hash: md5\n      md5: 0123456789abcdef0123456789abcdef\n      size: 3\n"
        for name, paths in outputs.items()
    )
    Path("dvc.lock").write_text(f"schema: '2.0'\nstages:\n{entries}{more}", encoding="utf-8")


def locked():
    """The stages of dvc.lock, which DVC takes."""
    values = yaml.safe_load(Path("dvc.lock").read_text(encoding="utf-8"))
    COMPILED_LOCKFILE_SCHEMA(values)
    return list(values["stages"])


# --- what it says ---


def test_the_first_time_everything_is_added(project):
    assert lines() == [*(f"added    {name}" for name in STAGES), WRITTEN]
    assert list(stages()) == STAGES


def test_twice_changes_no_byte(project):
    lines()
    before = project.files()
    assert lines() == [WRITTEN]
    assert project.files() == before


def test_what_changes_is_said(project):
    lines()
    project.edit("loud, protocol: dealt, logmel: mel", "loud, protocol: loso, logmel: high")
    high = "high: {extractor: logmel, n_mels: 80, sample_rate: 48000, clip: 0.5, pad_to: 0.5}"
    project.edit("  cepstra:", f"  {high}\n  cepstra:")
    project.edit("  both: {of: [statistics, again], fit_on: validation}\n", "")
    project.edit("fusions:\n", "")
    assert lines() == [
        "added    features-mine-high",
        "added    features-loud-high",
        "changed  code (outs)",
        "changed  copies-loud (cmd, outs)",
        "changed  train-statistics (cmd)",
        "changed  train-again (cmd)",
        "changed  train-picture (params, deps)",
        "changed  evaluate (params, deps, outs)",
        "changed  report (params, deps)",
        "dropped  features-loud-mel",
        "dropped  fuse-both",
        f"dvc.yaml: {len(STAGES)} stages; `dvc repro` runs them",
    ]


def test_values_change_nothing(project):
    """DVC reads them itself."""
    lines()
    before = DVC_YAML.read_bytes()
    for old, new in (("n_mels: 32", "n_mels: 40"), ("epochs: 1", "epochs: 2"), ("seed: 0", "seed: 1")):
        project.edit(old, new)
    assert lines() == [WRITTEN]
    assert DVC_YAML.read_bytes() == before


def test_features_that_nothing_reads_ask_for_no_stage(project):
    lines()
    project.params.write_text("features: {mel: {extractor: logmel}}\n", encoding="utf-8")
    assert lines() == [*(f"dropped  {name}" for name in STAGES), "dvc.yaml: 0 stages; `dvc repro` runs them"]
    assert stages() == {}


# --- --check ---


def test_check_of_no_graph(project):
    result = ser("graph", "--check")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [f"would be added    {name}" for name in STAGES]
    assert result.stderr == "dvc.yaml is not what `ser graph` writes; run it\n"
    assert not DVC_YAML.exists()


def test_check_of_a_graph(project):
    lines()
    assert lines("--check") == [f"dvc.yaml is current: {len(STAGES)} stages"]
    project.edit("copies: loud, ", "")
    before = project.files()
    result = ser("graph", "--check")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "would be changed  code (outs)",
        "would be changed  audio-mine (cmd, outs)",
        "would be changed  train-picture (params, deps)",
        "would be dropped  copies-loud",
        "would be dropped  features-loud-mel",
    ]
    assert project.files() == before


def test_check_of_a_graph_that_was_written_over_by_hand(project):
    lines()
    text = DVC_YAML.read_text(encoding="utf-8")
    DVC_YAML.write_text(text.replace("desc: cross-validate spectrogram on mine", "desc: mine"), encoding="utf-8")
    result = ser("graph", "--check")
    assert (result.exit_code, result.stdout) == (1, "would be changed  train-picture (desc)\n")
    lines()
    assert DVC_YAML.read_text(encoding="utf-8") == text


# --- what is the user's ---


def test_what_the_user_wrote_stays_byte_for_byte(project):
    DVC_YAML.write_text(f"stages:\n{OWN_STAGES}\nplots:\n{OWN_PLOTS}\n{OWN_SECTIONS}", encoding="utf-8")
    assert lines()[-1] == f"dvc.yaml: {len(STAGES)} stages, and 2 of your own; `dvc repro` runs them"
    first = DVC_YAML.read_text(encoding="utf-8")
    assert list(stages()) == [*STAGES, "figures", "notes"]
    for written in (OWN_STAGES, OWN_PLOTS, OWN_SECTIONS):
        assert first.count(written) == 1
    project.edit("copies: loud, ", "")
    lines()
    second = DVC_YAML.read_text(encoding="utf-8")
    for written in (OWN_STAGES, OWN_PLOTS, OWN_SECTIONS):
        assert second.count(written) == 1
    project.edit("corpus: mine, protocol: dealt", "corpus: mine, copies: loud, protocol: dealt")
    lines()
    assert DVC_YAML.read_text(encoding="utf-8") == first
    assert lines("--check") == [f"dvc.yaml is current: {len(STAGES)} stages"]


def test_what_the_user_wrote_stays_when_there_is_nothing_else(project):
    DVC_YAML.write_text(f"{OWN_SECTIONS}\nplots:\n{OWN_PLOTS}\nstages:\n{OWN_STAGES}", encoding="utf-8")
    project.params.write_text("features: {mel: {extractor: logmel}}\n", encoding="utf-8")
    lines()
    text = DVC_YAML.read_text(encoding="utf-8")
    assert list(stages()) == ["figures", "notes"]
    for written in (OWN_STAGES, OWN_PLOTS, OWN_SECTIONS):
        assert text.count(written) == 1
    lines()
    assert DVC_YAML.read_text(encoding="utf-8") == text


FORMER_PLOTS = """\
  - metrics/confusion: {template: confusion_normalized, x: actual, y: predicted}
  - metrics/curves: {x: epoch, y: [train_loss, valid_loss], title: training curves}
"""


def test_pictures_take_the_place_of_the_plots_of_an_older_program(project):
    own = "  - metrics/curves: {x: epoch, y: valid_acc, title: mine}\n"
    DVC_YAML.write_text(f"plots:\n{FORMER_PLOTS}{OWN_PLOTS}{own}", encoding="utf-8")
    lines()
    text = DVC_YAML.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["plots"][0] == "metrics/plots"
    assert "metrics/plots" in [next(iter(out)) for out in stages()["evaluate"]["outs"] if isinstance(out, dict)]
    assert f"plots:\n  - metrics/plots\n{OWN_PLOTS}{own}" in text
    lines()
    assert DVC_YAML.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "text",
    [
        "stages: {figures: {cmd: python figures.py, outs: [a, b]}}\nplots: [a: {x: n}, b]\n",
        "{stages: {figures: {cmd: python figures.py, outs: [a, b]}}, plots: [a: {x: n}, b]}\n",
        "stages:\n    figures:\n        cmd: python figures.py\n        outs:\n        - a\n        - b\n"
        "plots:\n- a:\n    x: n\n- b\n",
    ],
)
def test_what_the_user_wrote_in_another_style_means_the_same(project, text):
    DVC_YAML.write_text(text, encoding="utf-8")
    lines()
    assert stages()["figures"] == {"cmd": "python figures.py", "outs": ["a", "b"]}
    assert yaml.safe_load(DVC_YAML.read_text(encoding="utf-8"))["plots"][-2:] == [{"a": {"x": "n"}}, "b"]
    before = project.files()
    lines()
    assert project.files() == before


@pytest.mark.parametrize("key", ["frozen: true", "always_changed: true", "meta: {who: me, why: [a, b]}"])
def test_what_the_user_or_dvc_puts_into_a_stage_stays(project, key):
    """`dvc freeze` writes `frozen: true`."""
    lines()
    text = DVC_YAML.read_text(encoding="utf-8")
    DVC_YAML.write_text(text.replace("  train-picture:\n", f"  train-picture:\n    {key}\n"), encoding="utf-8")
    assert lines() == [WRITTEN]
    name, value = next(iter(yaml.safe_load(key).items()))
    assert stages()["train-picture"][name] == value
    project.edit("copies: loud, ", "")
    lines()
    assert stages()["train-picture"][name] == value
    assert lines("--check")


@pytest.mark.parametrize("text", ["", "# mine\n", "stages:\n", "stages: {}\n", "---\n"])
def test_a_dvc_yaml_without_stages(project, text):
    DVC_YAML.write_text(text, encoding="utf-8")
    lines()
    assert list(stages()) == STAGES


# --- what dropped stages leave ---


def test_dropped_stages_leave_the_lock_and_others_stay_as_they_are(project):
    lines()
    own = "  figures:\n    cmd: python figures.py\n    deps:\n    - path: data/fuse-both\n"
    lock(*STAGES, more=own)
    before = Path("dvc.lock").read_text(encoding="utf-8")
    lines()
    assert Path("dvc.lock").read_text(encoding="utf-8") == before
    project.edit("fusions:\n  both: {of: [statistics, again], fit_on: validation}\n", "")
    lines()
    after = Path("dvc.lock").read_text(encoding="utf-8")
    assert locked() == [name for name in [*STAGES, "figures"] if name != "fuse-both"]
    assert after == before.replace(before[before.index("  fuse-both:") : before.index("  evaluate:")], "")


def test_outputs_that_a_stage_no_longer_has_leave_the_lock(project):
    lines()
    output = "    - path: data/code/train-{}.txt\n      hash: md5\n      md5: 0123456789abcdef0123456789abcdef\n"
    lock("code")
    before = Path("dvc.lock").read_text(encoding="utf-8") + output.format("pooled")
    Path("dvc.lock").write_text(before + output.format("caf"), encoding="utf-8")
    lines()
    assert locked() == ["code"]
    assert Path("dvc.lock").read_text(encoding="utf-8") == before


def test_a_lock_with_nothing_left(project):
    lines()
    lock(*STAGES)
    project.params.write_text("features: {mel: {extractor: logmel}}\n", encoding="utf-8")
    lines()
    assert locked() == []


def test_a_stage_with_a_long_name_leaves_the_lock(project):
    """YAML writes keys of more than 128 characters in another way."""
    long = f"features-{'c' * 90}-{'f' * 90}"
    lines()
    lock("code", more=f"  ? {long}\n  : cmd: python -m stages.features c f\n    outs:\n    - path: x\n")
    assert locked() == ["code", long]
    lines()
    assert locked() == ["code"]


def test_metrics_of_dropped_stages_go_and_others_stay(project):
    lines()
    gone = ["scores.json", "summary.md", "details/picture.json", "confusion/picture.csv"]
    for name in ["corpora/mine.json", "corpora/other.json", "own.txt", *gone]:
        path = Path("metrics") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    project.params.write_text(
        "corpora: {mine: {reader: folder, root: recordings}}\nkeep: {mine: []}\n", encoding="utf-8"
    )
    lines()
    left = [name for name in project.files() if name.startswith("metrics/")]
    assert left == ["metrics/corpora/mine.json", "metrics/corpora/other.json", "metrics/own.txt"]
    assert list(stages()) == ["code", "manifest-mine"]
