"""`ser` with openSMILE's feature sets: where its package is missing, another, or there."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from in_process import failing_stage, make_audio, ser, stage
from toy_opensmile import toy_package, voice

from pipeline.features.opensmile import SETS, Opensmile
from pipeline.storage.feature_file import FeatureFile

MISSING = (
    "extractor opensmile: the package opensmile is not installed; `pip install opensmile` (free for research and other "
    "non-commercial use only)"
)


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """The working folder, with recordings in `r`: half a second, a second of silence, and 10 ms."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r").mkdir()
    for name, pcm in (("voice", voice(0.5)), ("silence", np.zeros(16000, np.int16)), ("click", voice(0.01))):
        soundfile.write(tmp_path / "r" / f"{name}.wav", pcm, 16000)
    return tmp_path


@pytest.fixture
def uninstalled(monkeypatch):
    """The package cannot be imported."""
    monkeypatch.setitem(sys.modules, "opensmile", None)


@pytest.fixture
def imitation(monkeypatch):
    """A package of its name."""
    package = toy_package()
    monkeypatch.setitem(sys.modules, "opensmile", package)
    return package


# --- without the package ---


def test_it_is_listed_with_its_licence(uninstalled):
    lines = ser("features", "opensmile").stdout.splitlines()
    assert lines[0].startswith("opensmile (version 1): openSMILE's functionals")
    for line in (
        "  licence: openSMILE's: research and other non-commercial use only, of features and models made with it too",
        "  output values: 88 dims, float32, frames an utterance: 1",
        "  output valid: 1 dims, uint8, frames an utterance: 1",
    ):
        assert line in lines


def test_an_unknown_set(recordings):
    result = ser("extract", "opensmile", "r", "--out", "out.h5", "--set", "features=gemaps")
    assert result.exit_code == 2
    said = "opensmile.features: input should be 'egemaps' or 'compare'; it is 'gemaps' (did you mean 'egemaps'?)"
    assert result.stderr == f"error: {said}\n"


def test_a_missing_package_is_one_line_before_anything_is_decoded(recordings, uninstalled):
    (recordings / "r" / "broken.wav").write_bytes(b"no sound")
    result = ser("extract", "opensmile", "r", "--out", "out.h5")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"error: {MISSING}\n")
    assert [path.name for path in recordings.iterdir()] == ["r"]


def test_a_package_that_lacks_another(recordings, monkeypatch, tmp_path):
    (tmp_path / "opensmile.py").write_text("import pandas_of_old")
    monkeypatch.delitem(sys.modules, "opensmile", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    said = ser("extract", "opensmile", "r", "--out", "out.h5").stderr
    assert said.startswith(
        "error: extractor opensmile: the package pandas_of_old is not installed; `pip install opensm"
    )


def test_a_package_of_another_platform(recordings, monkeypatch, tmp_path):
    (tmp_path / "opensmile.py").write_text("raise OSError('libSMILEapi.so: wrong ELF class\\nmore')")
    monkeypatch.delitem(sys.modules, "opensmile", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    result = ser("extract", "opensmile", "r", "--out", "out.h5")
    problem = "extractor opensmile: the package opensmile does not work here (libSMILEapi.so: wrong ELF class)"
    assert (result.exit_code, result.stderr) == (1, f"error: {problem}\n")


@pytest.fixture
def graph(project):
    """A project whose experiment `statistics` reads eGeMAPS too."""
    project.edit("  melody: {extractor: prosody}", "  melody: {extractor: prosody}\n  egemaps: {extractor: opensmile}")
    project.edit("prosody: melody}", "prosody: melody, opensmile: egemaps}")
    return project


def test_the_graph_needs_no_package(graph, uninstalled):
    result = ser("graph")
    assert (result.exit_code, result.stderr) == (0, "")
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    assert stages["features-mine-egemaps"]["params"] == ["features.egemaps"]
    assert "data/features/mine/egemaps.h5" in stages["train-statistics"]["deps"]
    assert "data/features/mine/egemaps.h5" not in stages["train-again"]["deps"]


def test_its_stage_says_that_the_package_is_missing(graph, uninstalled):
    assert ser("graph").exit_code == 0
    make_audio()
    assert failing_stage(graph, "features", "mine", "egemaps") == MISSING


def test_another_role_does_not_take_it(graph):
    graph.edit(
        "again: {system: pooled, corpus: mine, protocol: loso, logmel: mel",
        "again: {system: pooled, corpus: mine, protocol: loso, logmel: egemaps",
    )
    assert "'egemaps' is made by opensmile, and this role takes logmel" in ser("graph").stderr


# --- with a package of its name ---


def test_the_packages_version_and_licence_are_in_the_file(recordings, imitation):
    assert ser("extract", "opensmile", "r", "--out", "out.h5").stdout == "out.h5: computed 3, reused 0\n"
    said = ser("inspect", "out.h5").stdout
    assert "opensmile, version 1 (opensmile 9.1.0)\n" in said
    assert f"licence            {Opensmile.licence}\n" in said


def test_rows_of_another_version_of_the_package_are_made_anew(recordings, imitation):
    for version, summary in (
        ("9.1.0", "computed 3, reused 0"),
        ("9.1.0", "computed 0, reused 3"),
        ("9.2.0", "computed 3, reused 0"),
    ):
        imitation.__version__ = version
        assert ser("extract", "opensmile", "r", "--out", "out.h5").stdout == f"out.h5: {summary}\n"


@pytest.mark.slow
def test_a_model_is_of_one_version_of_the_package(graph, imitation):
    graph.edit("prosody: melody, opensmile: egemaps}", "opensmile: egemaps}")
    graph.edit("logmel: mel, mfcc: cepstra, ", "")
    assert ser("graph").exit_code == 0
    make_audio()
    for name, *arguments in (("features", "mine", "egemaps"), ("train", "statistics")):
        assert stage(name, *arguments).exit_code == 0
    assert ser("export", "statistics").exit_code == 0
    assert ser("predict", "exports/statistics", "recordings").exit_code == 0
    imitation.__version__ = "9.2.0"
    assert (
        "was trained on opensmile of version '1 (opensmile 9.1.0)', here it is '1 (opensmile 9.2.0)'; train it again"
        in ser("predict", "exports/statistics", "recordings").stderr
    )


# --- with the package ---


@pytest.mark.parametrize("features", SETS)
def test_silence_and_a_click_in_a_folder_are_numbers(recordings, features):
    pytest.importorskip("opensmile", reason="the extra opensmile is not installed")
    result = ser("extract", "opensmile", "r", "--out", "out.h5", "--set", f"features={features}")
    assert (result.exit_code, result.stdout) == (0, "out.h5: computed 3, reused 0\n")
    file = FeatureFile("out.h5")
    assert file.keys == ["click", "silence", "voice"]
    assert file.streams["values"].shape == (3, SETS[features][1])
    assert np.isfinite(file.streams["values"]).all()
    assert file.streams["valid"][:, 0].tolist() == [0, 1, 1]
    assert not file.row(0).any()
