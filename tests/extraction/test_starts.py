"""What a stage of features imports: nothing heavy where there is nothing to compute."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio.audio_file import write_audio
from pipeline.extraction.recipe import extract_feature
from pipeline.features import find_extractor
from pipeline.jobs.workplace import Workplace

HERE = Workplace(1)
REPOSITORY = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "scipy", "librosa", "numba", "sklearn", "matplotlib", "pandas", "parselmouth"}

EXTRACTION = """
import sys
from pathlib import Path
import stages.features
from pipeline.config.document import load
from pipeline.extraction.recipe import extract_feature
from pipeline.features import find_extractor
load(Path("params.yaml"))
name, audio, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
extractor = find_extractor(name)
print(extract_feature(extractor, extractor.Params(), audio, out, "two"))
print(*sys.modules)
"""


def extraction(name, folder):
    """A new process's summary of extracting a feature of the audio in `folder`, and the modules it loaded."""
    command = [sys.executable, "-c", EXTRACTION, name, folder, folder / f"{name}.h5"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    summary, modules = done.stdout.splitlines()
    return summary, set(modules.split())


@pytest.fixture
def audio(tmp_path):
    rng = np.random.default_rng(0)
    utterances = {key: rng.integers(-99, 99, 4000).astype(np.int16) for key in ("a", "b")}
    write_audio(tmp_path / "16k.h5", "two", 16000, list(utterances.items()))
    return tmp_path


@pytest.mark.parametrize("name", ["logmel", "mfcc", "stft", "prosody", "ssl"])
def test_where_nothing_is_new_nothing_heavy_is_imported(name, audio):
    extractor = find_extractor(name)
    extract_feature(extractor, extractor.Params(), audio, audio / f"{name}.h5", "two", HERE)
    summary, modules = extraction(name, audio)
    assert summary == "computed 0, reused 2"
    assert not modules & HEAVY


@pytest.mark.parametrize(("name", "needed"), [("mfcc", {"torch"}), ("prosody", set())])
def test_computing_imports_only_what_computes(name, needed, audio):
    summary, modules = extraction(name, audio)
    assert summary == "computed 2, reused 0"
    assert modules & HEAVY - {"parselmouth"} == needed  # Praat is asked about single frames, where rounding decides
