"""From a class to its features: devices, extractors, and the audio of recordings, which is not left behind."""

import pytest
from recorded import record
from toy_extractor import Toy, ToyParams

from pipeline.audio import audio_file
from pipeline.errors import ParamsError, UserError
from pipeline.extraction import recipe
from pipeline.extraction.extraction import Summary
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile


class Model(Toy):
    uses_device = True


class Spectrum(Toy):
    uses_torch = True


@pytest.mark.parametrize(
    ("extractor", "asked", "environment", "devices"),
    [
        (Toy, (), "cpu,cpu", ("cpu",)),
        (Toy, ("cuda:7",), "", ("cpu",)),
        (Spectrum, (), "cuda:7", ("cpu",)),
        (Spectrum, ("cpu", "cpu"), "", ("cpu", "cpu")),
        (Model, (), "cpu,cpu", ("cpu", "cpu")),
        (Model, ("cpu",), "cuda:7", ("cpu",)),
    ],
)
def test_devices_of_this_machine(monkeypatch, extractor, asked, environment, devices):
    monkeypatch.setenv("SER_DEVICE", environment)
    workplace = recipe.equipped(Workplace(3, devices=asked), extractor)
    assert workplace == Workplace(3, devices=devices)
    assert recipe.equipped(workplace, extractor) == workplace


def test_a_clusters_workers_have_their_own_devices(monkeypatch):
    """By whichever way the cluster is said, this machine need not have them."""
    asked = Workplace(cluster="tcp://head:8786", devices=("cuda:7",))
    assert recipe.equipped(asked, Model) == asked
    assert recipe.make_extractor(Model, ToyParams(), asked).device == "cpu"
    monkeypatch.setenv("SER_CLUSTER", "tcp://head:8786")
    assert recipe.equipped(Workplace(devices=("cuda:7",)), Model).devices == ("cuda:7",)
    with pytest.raises(ParamsError, match="device 'cuda:7' cannot be used"):
        recipe.make_extractor(Model, ToyParams(), Workplace(cluster="", devices=("cuda:7",)))


@pytest.fixture
def recordings(tmp_path):
    return {path.stem: path for path in sorted(record(tmp_path / "recordings", 3).iterdir())}


def test_recordings_are_decoded_once_for_all_features_and_rates(recordings, tmp_path, monkeypatch):
    decoded, recording = [], audio_file.Recording
    monkeypatch.setattr(audio_file, "Recording", lambda path: decoded.append(path) or recording(path))
    low, again, high = (
        Toy(ToyParams(sample_rate=rate, clip=clip)) for rate, clip in ((16000, None), (16000, 0.01), (48000, None))
    )
    outs = [tmp_path / "features" / name for name in ("low.h5", "again.h5", "high.h5")]
    summaries = recipe.extract_recordings(dict(zip(outs, (low, again, high), strict=True)), recordings, "mine")
    assert summaries == [Summary(3, 0, 0)] * 3
    assert sorted(decoded) == sorted(recordings.values())
    assert sorted((tmp_path / "features").iterdir()) == sorted(outs)
    lengths = [FeatureFile(out).lengths.sum() for out in outs]
    assert lengths[2] > lengths[0] > lengths[1]


def test_no_audio_is_left_after_an_error(recordings, tmp_path, monkeypatch):
    def fail(*values):
        raise UserError("here")

    monkeypatch.setattr(recipe, "extract", fail)
    with pytest.raises(UserError, match="here"):
        recipe.extract_recordings({tmp_path / "out.h5": Toy(ToyParams())}, recordings, "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["recordings"]


def test_a_feature_of_a_corpus(recordings, tmp_path):
    audio_file.prepare_corpus(recordings, {tmp_path / "audio/16k.h5": 16000}, "mine")
    out = tmp_path / "out.h5"
    assert recipe.extract_feature(Toy, ToyParams(), tmp_path / "audio", out, "mine") == Summary(3, 0, 0)
    assert FeatureFile(out).keys == list(recordings)
