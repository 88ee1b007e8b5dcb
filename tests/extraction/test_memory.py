"""A corpus of many recordings leaves nothing of its audio in memory when it is read."""

import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio.audio_file import write_audio
from pipeline.extraction import extraction
from pipeline.features import find_extractor
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile

COUNT, SAMPLES = 1000, 16_000


def resident(path):
    """Bytes of a file that this process holds by mapping it."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    mapped = (next(line for line in lines if line.startswith("Rss:")) for at in lines if at.endswith(str(path)))
    return sum(1024 * int(line.split()[1]) for line in mapped)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is in memory of a mapped file")
def test_pages_that_were_read_are_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "LONG", 100 * SAMPLES)
    rng = np.random.default_rng(0)
    bank = rng.integers(-9000, 9000, 2 * SAMPLES).astype(np.int16)
    rows = ((f"u{i:04d}", bank[i : i + SAMPLES]) for i in range(COUNT))
    path = tmp_path / "16k.h5"
    write_audio(path, "many", 16_000, rows)
    audio, logmel = FeatureFile(path), find_extractor("logmel")
    digests = extraction._digests(logmel(logmel.Params()), audio, 1)
    assert len(np.unique(digests, axis=0)) == COUNT
    assert resident(path) < path.stat().st_size / 4
    extraction.extract(logmel(logmel.Params(n_mels=8)), audio, tmp_path / "out.h5", "many", Workplace(1, cluster=""))
    assert resident(path) < path.stat().st_size / 4
