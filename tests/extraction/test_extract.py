import numpy as np
import pytest

from pipeline.audio.audio_file import audio_file, write_audio
from pipeline.errors import UserError
from pipeline.extraction.extraction import Summary, extract
from pipeline.features.base import Extractor, FeatureParams
from pipeline.storage.feature_file import FeatureFile


class ToyParams(FeatureParams):
    gain: float = 1.0


class Toy(Extractor[ToyParams]):
    """One frame per 10 samples, and one per utterance's double; counts what it is asked for."""

    name = "toy"
    version = "1"
    Params = ToyParams
    batch_seconds = 100 / 16000

    def __init__(self, fail_at=None, wrong=None, **params):
        super().__init__(ToyParams(**params))
        self.fail_at, self.wrong = fail_at, wrong
        self.batches = []

    @property
    def frame_rate(self):
        return 1600.0

    @property
    def dims(self):
        return {"values": 10, "doubled": 10}

    def extract(self, waves):
        if len(self.batches) == self.fail_at:
            raise KeyboardInterrupt
        self.batches.append([len(wave) for wave in waves])
        results = []
        for wave in waves:
            values = (self.params.gain * wave[: len(wave) // 10 * 10]).reshape(-1, 10)
            if self.wrong is not None and len(wave) == 40:
                values[0, 0] = self.wrong
            results.append({"values": values, "doubled": 2 * values})
        return results


def pcm(length, seed=0):
    return np.random.default_rng([length, seed]).integers(-9999, 9999, length).astype(np.int16)


SIX = {"a": pcm(30), "b": pcm(60), "c": pcm(40), "d": pcm(5), "e": pcm(90), "f": pcm(20)}


@pytest.fixture
def run(tmp_path):
    """Run an extractor over utterances (key -> samples), with the output of the runs before it still there."""

    def run(utterances, toy=None, out="out.h5"):
        write_audio(tmp_path / "audio/16k.h5", "mine", 16000, list(utterances.items()))
        return extract(toy or Toy(), audio_file(tmp_path / "audio", 16000), tmp_path / out, "mine")

    return run


def test_rows_and_order_are_those_of_the_audio(run, tmp_path):
    assert run(SIX) == Summary(computed=6, reused=0, resumed=0)
    file = FeatureFile(tmp_path / "out.h5")
    assert file.keys == list(SIX)
    assert (file.header.extractor, file.header.version, file.header.corpus) == ("toy", "1", "mine")
    assert (file.header.frame_rate, file.header.params["gain"]) == (1600.0, 1.0)
    assert file.lengths.tolist() == [3, 6, 4, 0, 9, 2]
    for i, samples in enumerate(SIX.values()):
        expected = (samples[: len(samples) // 10 * 10] / np.float32(32768)).reshape(-1, 10)
        np.testing.assert_array_equal(file.row(i), expected)
        np.testing.assert_array_equal(file.row(i, "doubled"), 2 * expected)


def test_batches_are_cut_by_duration(run):
    toy = Toy()
    run(SIX, toy)
    assert toy.batches == [[30, 60], [40, 5], [90], [20]]


def test_utterances_without_samples(run, tmp_path):
    """None comes from a recording, but a batch is begun for one all the same."""
    for utterances in ({"a": pcm(0)}, {"a": pcm(0), "b": pcm(30)}, {"b": pcm(30), "c": pcm(60, 1), "a": pcm(0)}):
        run(utterances)
        assert FeatureFile(tmp_path / "out.h5").lengths.tolist() == [len(wave) // 10 for wave in utterances.values()]


def test_padding_extractors_get_near_equal_lengths(run, tmp_path):
    toy = Toy()
    toy.sort_by_length = True
    run(SIX, toy)
    assert toy.batches == [[90], [60, 40], [30, 20, 5]]
    run(SIX, Toy(), "unsorted.h5")
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "unsorted.h5").read_bytes()


@pytest.mark.parametrize(
    ("after", "computed", "reused"),
    [
        pytest.param(SIX, 0, 6, id="the same"),
        pytest.param({**SIX, "g": pcm(70)}, 1, 6, id="added last"),
        pytest.param({"0": pcm(70), **SIX}, 1, 6, id="added first"),
        pytest.param({key: SIX[key] for key in "bdf"}, 0, 3, id="removed"),
        pytest.param({key: SIX[key] for key in "fedcba"}, 0, 6, id="reordered"),
        pytest.param({f"new_{key}": samples for key, samples in SIX.items()}, 0, 6, id="renamed"),
        pytest.param({**SIX, "b": pcm(60, seed=1)}, 1, 5, id="changed"),
        pytest.param({**SIX, "a": SIX["b"], "b": SIX["a"]}, 0, 6, id="swapped"),
        pytest.param({**SIX, "again": SIX["c"]}, 0, 7, id="duplicated"),
        pytest.param({"x": pcm(70), "y": pcm(80)}, 2, 0, id="all new"),
        pytest.param({}, 0, 0, id="none left"),
    ],
)
def test_only_what_is_new_is_computed(run, tmp_path, after, computed, reused):
    run(SIX)
    toy = Toy()
    assert run(after, toy) == Summary(computed, reused, 0)
    assert sum(map(len, toy.batches)) == computed
    run(after, out="fresh.h5")
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "fresh.h5").read_bytes()


def test_nothing_new_is_said_in_words(run):
    assert str(run(SIX)) == "computed 6, reused 0"
    assert str(run(SIX)) == "computed 0, reused 6"


def test_changed_params_compute_all(run, tmp_path):
    run(SIX)
    assert run(SIX, Toy(gain=2.0)) == Summary(6, 0, 0)
    np.testing.assert_array_equal(FeatureFile(tmp_path / "out.h5").row(0), 2 * pcm(30).reshape(3, 10) / 32768)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("version", "2"),
        ("name", "toy2"),
        ("weights_digest", "ab"),
        ("dtypes", dict.fromkeys(("values", "doubled"), np.dtype(np.float64))),
    ],
)
def test_a_changed_identity_computes_all(run, monkeypatch, attribute, value):
    run(SIX)
    with monkeypatch.context() as changed:
        changed.setattr(Toy, attribute, value)
        assert run(SIX) == Summary(6, 0, 0)
    assert run(SIX) == Summary(6, 0, 0)


def test_clip_and_pad_are_applied(run, tmp_path):
    run(SIX, Toy(pad_to=50 / 16000, clip=50 / 16000))
    assert FeatureFile(tmp_path / "out.h5").lengths.tolist() == [5] * 6


def test_identical_audio_is_computed_once(run, tmp_path):
    toy = Toy()
    assert run({"a": SIX["a"], "b": SIX["b"], "copy": SIX["a"]}, toy) == Summary(3, 0, 0)
    assert toy.batches == [[30, 60]]
    file = FeatureFile(tmp_path / "out.h5")
    assert file.lengths.tolist() == [3, 6, 3]
    np.testing.assert_array_equal(file.row(0), file.row(2))


def test_an_empty_corpus(run, tmp_path):
    assert run({}) == Summary(0, 0, 0)
    assert len(FeatureFile(tmp_path / "out.h5")) == 0


@pytest.mark.parametrize("batch", [0, 1, 2, 3])
@pytest.mark.parametrize("old", [{}, {"a": SIX["a"], "z": pcm(10)}], ids=["no_output", "old_output"])
def test_an_interrupted_run_is_resumed(run, tmp_path, batch, old):
    if old:
        run(old)
    before = (tmp_path / "out.h5").read_bytes() if old else None
    utterances = {key: samples for key, samples in SIX.items() if key not in old}
    utterances |= {f"more_{i}": pcm(50 + i) for i in range(3)} | old
    with pytest.raises(KeyboardInterrupt):
        run(utterances, Toy(fail_at=batch))
    after = (tmp_path / "out.h5").read_bytes() if old else None
    assert after == before
    assert (tmp_path / "out.h5").exists() == bool(old)

    toy = Toy()
    summary = run(utterances, toy)
    straight = Toy()
    run(utterances, straight, "straight.h5")
    fresh = len(utterances) - len(old)
    assert (summary.computed, summary.reused) == (fresh, len(old))
    assert sum(map(len, toy.batches)) == fresh - summary.resumed
    assert (summary.resumed > 0) == (batch > 0)
    assert ("before the run was interrupted" in str(summary)) == (batch > 0)
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()
    assert not (tmp_path / "out.h5.parts").exists()


def test_parts_of_another_run_are_not_used(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(SIX, Toy(fail_at=2))
    assert len(list((tmp_path / "out.h5.parts").glob("*/*.safetensors"))) == 2
    assert run(SIX, Toy(gain=3.0)) == Summary(6, 0, 0)
    assert not (tmp_path / "out.h5.parts").exists()
    run(SIX, Toy(gain=3.0), "straight.h5")
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


def test_stale_parts_go_when_nothing_is_left_to_do(run, tmp_path):
    run(SIX)
    with pytest.raises(KeyboardInterrupt):
        run(SIX, Toy(gain=2.0, fail_at=1))
    assert (tmp_path / "out.h5.parts").exists()
    assert run(SIX) == Summary(0, 6, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio", "out.h5"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_name_the_utterance(run, tmp_path, value):
    run({"a": SIX["a"]})
    before = (tmp_path / "out.h5").read_bytes()
    with pytest.raises(UserError, match=r"^c: toy has values that are not finite in values"):
        run(SIX, Toy(wrong=value))
    assert (tmp_path / "out.h5").read_bytes() == before


def test_undefined_values_pass_where_they_are_allowed(run, tmp_path):
    toy = Toy(wrong=np.nan)
    toy.may_be_nan = True
    run(SIX, toy)
    assert np.isnan(FeatureFile(tmp_path / "out.h5").row(2)[0, 0])


def test_an_extractor_that_breaks_its_word_is_a_bug(run, monkeypatch):
    monkeypatch.setattr(Toy, "extract", lambda self, waves: [{"values": np.zeros((2, 3)), "doubled": 0} for _ in waves])
    with pytest.raises(ValueError, match=r"toy of a: stream values has shape \(2, 3\), expected \(frames, 10\)"):
        run(SIX)


def test_missing_audio(tmp_path):
    with pytest.raises(UserError, match=r"48k\.h5: no such feature file"):
        audio_file(tmp_path, 48000)
