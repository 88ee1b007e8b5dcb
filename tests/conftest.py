"""A small project folder, made anew for each test that asks for one."""

import os
import subprocess
import sys
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: threads that wait for each other cost the most
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np
import pytest
import soundfile
from bad_inputs.table import pytest_terminal_summary  # noqa: F401 (a hook, by its name)
from hypothesis import settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the commands do, before torch is there

REPOSITORY = Path(__file__).resolve().parents[1]

# The same cases every time, so that no test is red by chance; `--hypothesis-profile=hunt` looks for new ones.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("hunt", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def drawn(most):
    """Settings of a slow test: so many cases, and when hunting as many times more as elsewhere."""
    return settings(max_examples=most * settings().max_examples // 100)


PARAMS = """\
seed: 0
demo:
  spoken: {language: en, voices: 2, sentences: 1}
corpora:
  mine: {reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}
copies:
  loud: {source: mine, snr: [10, 20]}
features:
  mel: {extractor: logmel, n_fft: 512, clip: 0.5, pad_to: 0.5, n_mels: 32}
  cepstra: {extractor: mfcc, n_mfcc: 12, n_mels: 20}
  melody: {extractor: prosody}
embeddings:
  tiny: {model: tiny, layers: [1]}
protocols:
  loso: {scheme: leave_one_speaker_out}
  dealt: {scheme: grouped_kfold, folds: 3}
  mixed: {scheme: stratified_split, test: 0.2}
experiments:
  statistics: {system: pooled, corpus: mine, protocol: loso, logmel: mel, mfcc: cepstra, prosody: melody}
  again: {system: pooled, corpus: mine, protocol: loso, logmel: mel, mfcc: cepstra, prosody: melody}
  picture: {system: spectrogram, corpus: mine, copies: loud, protocol: dealt, logmel: mel, params: {epochs: 1}}
fusions:
  both: {of: [statistics, again], fit_on: validation}
scoring:
  bootstrap: 100
"""


def tone(seconds=0.2, frequency=440.0, rate=16000, amplitude=0.5):
    """A sine wave, (samples,)."""
    return amplitude * np.sin(2 * np.pi * frequency / rate * np.arange(round(seconds * rate)))


class Project:
    """A project folder, which is the working folder of the test too."""

    def __init__(self, folder):
        self.folder = folder
        self.params = folder / "params.yaml"
        self.params.write_text(PARAMS, encoding="utf-8")
        self.recordings = []
        for number, emotion in enumerate(("angry", "happy", "sad")):
            for speaker in ("anna", "ben", "cleo"):
                path = folder / "recordings" / emotion / f"{speaker}_1.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, tone(0.1 + 0.1 * number, 440.0 + len(self.recordings)), 16000)
                self.recordings.append(path)

    def edit(self, old, new):
        """Replace text in params.yaml."""
        text = self.params.read_text(encoding="utf-8")
        assert old in text, f"nothing to replace: {old}"
        self.params.write_text(text.replace(old, new, 1), encoding="utf-8")

    def run(self, module, *arguments):
        """Run `python -m module arguments` in this folder, as dvc does."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    def files(self):
        """What lies in the folder: relative path -> bytes."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(autouse=True)
def one_worker(monkeypatch):
    """Tests run in one process unless they ask for more, and know no answers from before."""
    monkeypatch.setenv("SER_WORKERS", "1")
    monkeypatch.setenv("SER_CACHE_MB", "0")
    monkeypatch.delenv("SER_CLUSTER", raising=False)
    monkeypatch.delenv("SER_DEVICE", raising=False)


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Torch's random numbers are the same whichever tests ran before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="module")
def one_thread():
    """Torch on one thread, which is faster for small networks, above all on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
