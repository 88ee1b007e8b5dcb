"""What stages import: nothing heavy before they know that they need it, and torch only to compute with it."""

import subprocess
import sys

import pytest
from kills import small_project
from projects import REPOSITORY, ran, sh

STAGES = sorted(path.stem for path in (REPOSITORY / "stages").glob("*.py") if path.stem != "__init__")
HEAVY = ("torch", "transformers", "sklearn", "scipy", "matplotlib", "pandas", "dvc")
WITHOUT_NETWORKS = """\
corpora:
  mine: {reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}
conditions: {noise: {snr: 10}}
protocols:
  loso: {scheme: leave_one_speaker_out, validation_speakers: 0}
scoring: {bootstrap: 100}
features:
  melody: {extractor: prosody}
  wave: {extractor: lpcc}
experiments:
  one: {system: svm, corpus: mine, protocol: loso, prosody: melody, test_on: [noise]}
  two: {system: pooled, corpus: mine, protocol: loso, prosody: melody, test_on: [noise]}
  three: {system: probe, corpus: mine, protocol: loso, prosody: melody}
fusions:
  both: {of: [one, two], fit_on: other_folds}
  mean: {of: [one, two], fit_on: other_folds, method: weighted_average}
keep:
  mine: [wave]
"""


def test_the_modules_of_stages_import_nothing_heavy():
    text = f"import sys\nfrom stages import {', '.join(STAGES)}\nprint([n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", text], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_a_graph_without_networks_runs_without_torch(tmp_path):
    project = small_project(tmp_path, WITHOUT_NETWORKS)
    (project / "torch").mkdir()
    (project / "torch" / "__init__.py").write_text("raise ImportError('torch is imported, and nothing needs it')\n")
    assert {"train-one", "train-three", "test-both", "fuse-mean", "evaluate", "report"} <= ran(
        sh(project, "dvc", "repro")
    )
