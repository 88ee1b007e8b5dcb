"""openSMILE's feature sets: exactly what its package gives, by however many workers."""

import sys

import numpy as np
import pytest
from toy_opensmile import toy_package, voice

from pipeline.audio.audio_file import write_audio
from pipeline.audio.samples import to_float
from pipeline.errors import UserError
from pipeline.extraction.extraction import extract
from pipeline.features import opensmile
from pipeline.features.opensmile import SETS, Opensmile, OpensmileParams
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile


@pytest.fixture(scope="module")
def package():
    return pytest.importorskip("opensmile", reason="the extra opensmile is not installed")


def test_what_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(opensmile, "LONGEST", 1)
    with pytest.raises(UserError, match=r"^opensmile: is 2 s long, and openSMILE takes 1 s at most; set clip$"):
        list(Opensmile(OpensmileParams()).extract_long(np.zeros(32000, np.float32)))


def test_below_60_ms_there_are_zeros_and_no_valid_row(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", toy_package())
    waves = [to_float(voice(1))[:length] for length in (0, 1, 959, 960, 16000)]
    for features, (_, width) in SETS.items():
        rows = Opensmile(OpensmileParams(features=features)).extract(waves)
        assert [row["valid"].tolist() for row in rows] == [[[0]], [[0]], [[0]], [[1]], [[1]]]
        assert [row["values"].shape for row in rows] == [(1, width)] * 5
        assert [row["values"][0, -1] for row in rows] == [0, 0, 0, 960, 16000]


@pytest.mark.parametrize("rate", [16000, 48000])
@pytest.mark.parametrize(("features", "full_name"), [(name, full_name) for name, (full_name, _) in SETS.items()])
def test_a_row_is_what_the_package_gives(package, features, full_name, rate):
    smile = package.Smile(full_name, package.FeatureLevel.Functionals)
    extractor = Opensmile(OpensmileParams(features=features, sample_rate=rate))
    waves = [to_float(voice(seconds, rate, seed)) for seed, seconds in enumerate((0.5, 0.06, 0.31))]
    for wave, row in zip(waves, extractor.extract(waves), strict=True):
        wanted = smile.process_signal(wave, rate)
        np.testing.assert_array_equal(row["values"], wanted.to_numpy())
        assert (row["values"].dtype, row["valid"].tolist()) == (np.float32, [[1]])
    assert extractor.feature_names == tuple(wanted.columns)
    assert extractor.full_version == f"1 (opensmile {package.__version__})"


def test_workers_batches_and_runs_change_no_byte(package, tmp_path):
    write_audio(tmp_path / "audio.h5", "mine", 16000, [(f"u{i}", voice(0.2 + 0.03 * i, seed=i)) for i in range(6)])
    made = Opensmile(OpensmileParams())
    made.batch_seconds = 0.5
    for name, workers in (("one", 1), ("two", 2), ("again", 2)):
        extract(made, FeatureFile(tmp_path / "audio.h5"), tmp_path / f"{name}.h5", "mine", Workplace(workers))
    contents = {(tmp_path / f"{name}.h5").read_bytes() for name in ("one", "two", "again")}
    assert len(contents) == 1
