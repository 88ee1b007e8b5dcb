"""What is written is checked: streams, dims, number formats, and frames by each extractor's own rule."""

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.audio_file import write_audio
from pipeline.errors import UserError
from pipeline.extraction.extraction import extract
from pipeline.features import EXTRACTORS, find_extractor
from pipeline.features.base import Extractor, FeatureParams
from pipeline.storage.feature_file import FeatureFile


class Promise(Extractor[FeatureParams]):
    """One frame per 10 samples in two streams, unless told to break its word."""

    name = "promise"
    version = "1"
    Params = FeatureParams

    def __init__(self, change=None, rule=True):
        super().__init__(FeatureParams())
        self.change, self.rule = change, rule

    @property
    def frame_rate(self):
        return 1600.0

    @property
    def dims(self):
        return {"values": 2, "flags": 1}

    @property
    def dtypes(self):
        return {"values": np.dtype(np.float32), "flags": np.dtype(np.int16)}

    def frames(self, samples):
        return samples // 10 if self.rule else None

    def extract(self, waves):
        results = []
        for wave in waves:
            count = len(wave) // 10
            streams = {"values": np.zeros((count, 2), np.float32), "flags": np.zeros((count, 1), np.int16)}
            if self.change and len(wave) == 40:
                self.change(streams)
            results.append(streams)
        return results


def exchange(stream, values):
    return lambda streams: streams.__setitem__(stream, values)


@pytest.fixture
def run(tmp_path):
    """Extract from utterances of 30, 40 and 50 samples, `a`, `b` and `c`."""

    def run(extractor):
        pcm = [(key, np.ones(length, np.int16)) for key, length in zip("abc", (30, 40, 50), strict=True)]
        write_audio(tmp_path / "16k.h5", "mine", 16000, pcm)
        extract(extractor, FeatureFile(tmp_path / "16k.h5"), tmp_path / "out.h5", "mine")
        return FeatureFile(tmp_path / "out.h5")

    return run


@pytest.mark.parametrize("rule", [True, False])
def test_a_kept_promise(run, rule):
    assert run(Promise(rule=rule)).lengths.tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (exchange("values", np.zeros((5, 2))), "stream values has 5 frames, expected 4"),
        (exchange("flags", np.zeros((3, 1), int)), "stream flags has 3 frames, expected 4"),
        (exchange("values", np.zeros((4, 3))), r"stream values has shape \(4, 3\), expected \(frames, 2\)"),
        (exchange("values", np.zeros(4)), r"stream values has shape \(4,\), expected \(frames, 2\)"),
        (exchange("flags", np.zeros((4, 1))), "stream flags is float64, expected int16"),
        (exchange("values", np.zeros((4, 2), complex)), "stream values is complex128, expected float32"),
        (lambda streams: streams.pop("flags"), r"has the streams \['values'\], expected \['flags', 'values'\]"),
        (exchange("more", np.zeros((4, 1))), r"has the streams \['flags', 'more', 'values'\], expected"),
    ],
)
def test_a_broken_promise_names_the_extractor_and_the_utterance(run, tmp_path, change, message):
    with pytest.raises(ValueError, match=f"^promise of b: {message}"):
        run(Promise(change))
    assert not (tmp_path / "out.h5").exists()


def test_without_a_rule_the_streams_still_agree(run):
    with pytest.raises(ValueError, match=r"^promise of b: stream flags has 3 frames, expected 4"):
        run(Promise(exchange("flags", np.zeros((3, 1), int)), rule=False))


def test_a_value_that_is_not_finite_is_the_users_to_see(run):
    with pytest.raises(UserError, match=r"^b: promise has values that are not finite in values"):
        run(Promise(exchange("values", np.full((4, 2), np.nan))))


@pytest.mark.parametrize("name", EXTRACTORS)
@drawn(10)
@given(samples=st.integers(1, 9000), seed=st.integers(0, 9))
def test_every_extractor_keeps_its_promise(name, samples, seed):
    """Streams, dims, the frame count by its own rule; no frame is centred past the end of the utterance."""
    kind = find_extractor(name)
    extractor = kind(kind.Params())
    try:
        extractor.check_installed()
    except UserError as error:
        pytest.skip(str(error))
    wave = (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)
    (streams,) = extractor.extract([wave])
    count = extractor.frames(samples)
    assert {stream: values.shape for stream, values in streams.items()} == {
        stream: (count, dim) for stream, dim in extractor.dims.items()
    }
    assert set(extractor.dtypes) == set(streams)
    if extractor.frame_rate:
        last = extractor.first_frame + (count - 1) / extractor.frame_rate
        assert count == 1 or last <= samples / 16000
