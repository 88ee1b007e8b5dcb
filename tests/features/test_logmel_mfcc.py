"""Log-Mel and MFCC against librosa, and what the shipped params.yaml promises of them."""

from pathlib import Path

import librosa
import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import document
from pipeline.errors import ParamsError
from pipeline.features import mel_spectrum, spectrum
from pipeline.features.length import fit
from pipeline.features.logmel import LogMel, LogMelParams
from pipeline.features.mfcc import MFCC, MFCCParams
from pipeline.features.spectrum import emphasise
from pipeline.jobs.executors import single_thread
from pipeline.strict import validate

pytestmark = pytest.mark.filterwarnings("ignore:Empty filters", "ignore:some mel bands", "ignore:n_fft=")
SHIPPED = Path(__file__).parents[2] / "params.yaml"
many = drawn(25)


def signal(samples, seed=0):
    """Noise whose loudness swings, under a tone: loud and quiet frames, loud and quiet bands."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples)
    noise = rng.standard_normal(samples) * (0.02 + 0.1 * np.sin(t / 3000 + seed) ** 2)
    return (noise + 0.3 * np.sin(t * rng.uniform(0.02, 2))).astype(np.float32)


@st.composite
def spectra(draw):
    """Random settings of everything that log-Mel and MFCC share."""
    rate = draw(st.sampled_from([16000, 48000]))
    n_fft = draw(st.sampled_from([256, 400, 512, 640, 1024, 2048]))
    return {
        "sample_rate": rate,
        "n_fft": n_fft,
        "win_length": draw(st.none() | st.integers(n_fft // 2, n_fft)),
        "hop_length": draw(st.integers(n_fft // 8, n_fft)),
        "window": draw(st.sampled_from(["hann", "hamming"])),
        "center": draw(st.booleans()),
        "n_mels": draw(st.integers(13, 128)),
        "f_min": draw(st.sampled_from([0.0, 50.0])),
        "f_max": draw(st.none() | st.floats(2000, rate / 2)),
        "htk": draw(st.booleans()),
        "power": draw(st.sampled_from([1.0, 2.0, 1.5])),
        "top_db": draw(st.none() | st.floats(20, 100)),
    }


def librosa_decibels(wave, p):
    mel = librosa.feature.melspectrogram(
        y=wave,
        sr=p["sample_rate"],
        n_fft=p["n_fft"],
        win_length=p["win_length"],
        hop_length=p["hop_length"],
        window=p["window"],
        center=p["center"],
        n_mels=p["n_mels"],
        fmin=p["f_min"],
        fmax=p["f_max"],
        htk=p["htk"],
        power=p["power"],
    )
    return librosa.power_to_db(mel, top_db=p["top_db"])


def assert_close(ours, theirs, summed=None, tolerance=1e-4):
    """Within 1e-4 of the values' norm, and no value off by more than 1e-4 of itself, or of 10 where it is smaller.

    Cepstra and deltas are sums that may cancel: then the norm is that of what is summed.
    """
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    assert np.linalg.norm(ours - theirs) <= tolerance * np.linalg.norm(theirs if summed is None else summed)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=10 * tolerance)


def values(extractor, *waves):
    return [streams["values"] for streams in extractor.extract(waves)]


# --- parity with librosa ---


@many
@given(spectra(), st.integers(2048, 12000), st.integers(0, 99))
def test_log_mel_is_librosas(p, samples, seed):
    wave = signal(samples, seed)
    assert_close(values(LogMel(LogMelParams(**p)), wave)[0], librosa_decibels(wave, p).T)


PURE = {
    "tone": lambda t: 0.5 * np.sin(2 * np.pi * 440 * t),
    "glide": lambda t: 0.5 * np.sin(2 * np.pi * (100 * t + 1500 * t * t)),
    "offset": lambda t: 0.9 + 1e-3 * np.sin(2 * np.pi * 1000 * t),
    "tone, then nothing": lambda t: 0.5 * np.sin(2 * np.pi * 440 * t) * (t < 0.3),
    "tone above the bands": lambda t: 0.9 * np.sin(2 * np.pi * 7000 * t) + 1e-4 * np.sin(2 * np.pi * 500 * t),
}


@pytest.mark.parametrize("sound", PURE)
@pytest.mark.parametrize("n_fft", [400, 2048])
@pytest.mark.parametrize(
    "settings",
    [{}, {"top_db": None}, {"top_db": 120.0}, {"power": 1.0}, {"f_min": 300.0}, {"f_max": 4000.0}],
    ids=str,
)
def test_bands_far_below_the_loudest_are_librosas_too(sound, n_fft, settings):
    """Single precision would put its rounding there."""
    wave = PURE[sound](np.arange(12000) / 16000).astype(np.float32)
    p = LogMelParams(n_fft=n_fft, hop_length=n_fft // 4, n_mels=40, **settings).model_dump()
    theirs = librosa_decibels(wave, p).T
    np.testing.assert_allclose(values(LogMel(LogMelParams(**p)), wave)[0], theirs, rtol=1e-4, atol=1e-3)


@many
@given(
    spectra(),
    st.integers(1, 13),
    st.integers(0, 2),
    st.sampled_from([0.0, 0.9, 0.97]),
    st.integers(0, 8000),
    st.integers(0, 99),
)
def test_mfcc_and_deltas_are_librosas(p, n_mfcc, deltas, pre_emphasis, more, seed):
    wave = signal(p["n_fft"] + 8 * p["hop_length"] + more, seed)  # 9 frames at least: librosa's deltas need them
    found = values(MFCC(MFCCParams(**p, n_mfcc=n_mfcc, deltas=deltas, pre_emphasis=pre_emphasis)), wave)[0]
    if pre_emphasis:
        wave = librosa.effects.preemphasis(wave, coef=pre_emphasis)
    decibels = librosa_decibels(wave, p)
    cepstra = librosa.feature.mfcc(S=decibels, n_mfcc=n_mfcc)
    wanted = [cepstra, *(librosa.feature.delta(cepstra, order=order) for order in range(1, deltas + 1))]
    assert found.shape[1] == n_mfcc * (1 + deltas)
    for ours, theirs in zip(np.split(found, 1 + deltas, axis=1), wanted, strict=True):
        assert_close(ours, theirs.T, decibels)


@pytest.mark.parametrize("coefficient", [0.5, 0.97])
def test_pre_emphasis_is_librosas_and_leaves_its_input_alone(coefficient):
    wave = signal(1000)
    before = wave.copy()
    np.testing.assert_allclose(emphasise(wave, coefficient), librosa.effects.preemphasis(wave, coef=coefficient), 1e-5)
    np.testing.assert_array_equal(wave, before)


@pytest.mark.parametrize("center", [False, True])
def test_energy_stands_in_the_place_of_c0(center):
    options = {"n_fft": 400, "hop_length": 160, "n_mels": 40, "n_mfcc": 13, "center": center}
    wave = signal(4000)
    plain = values(MFCC(MFCCParams(**options)), wave)[0]
    found = values(MFCC(MFCCParams(**options, energy=True)), wave)[0]
    padded = np.pad(wave, 200) if center else wave
    energy = np.square(librosa.util.frame(padded, frame_length=400, hop_length=160), dtype=np.float64).sum(axis=0)
    assert found.shape == plain.shape
    np.testing.assert_array_equal(found[:, :12], plain[:, 1:])
    np.testing.assert_allclose(found[:, 12], 10 * np.log10(energy), rtol=1e-5, atol=1e-4)


# --- frames and batches ---


@many
@given(spectra(), st.integers(1, 9000))
def test_the_frame_count_rule(p, samples):
    found = values(LogMel(LogMelParams(**p)), signal(samples))[0]
    assert len(found) == LogMelParams(**p).frames(samples)
    if p["center"]:
        assert len(found) == 1 + samples // p["hop_length"]
    else:
        assert len(found) == 1 + max(0, samples - p["n_fft"]) // p["hop_length"]


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda **p: LogMel(LogMelParams(**p)),
        lambda **p: LogMel(LogMelParams(**p, resize=20)),
        lambda **p: MFCC(MFCCParams(**p, energy=True, deltas=2, pre_emphasis=0.97)),
    ],
    ids=["logmel", "logmel-resized", "mfcc"],
)
def test_neither_batch_nor_order_changes_an_utterance(make, center):
    extractor = make(n_fft=512, hop_length=200, n_mels=40, center=center)
    waves = [signal(n, seed) for seed, n in enumerate([5000, 1, 300, 16000, 512, 4999])]
    alone = [values(extractor, wave)[0] for wave in waves]
    together, backwards = values(extractor, *waves), values(extractor, *waves[::-1])[::-1]
    for one, two, three in zip(alone, together, backwards, strict=True):
        np.testing.assert_array_equal(two, one)
        np.testing.assert_array_equal(three, one)
    assert extractor.extract([]) == []


@many
@given(spectra(), st.lists(st.integers(1, 9000), min_size=1, max_size=5), st.booleans())
def test_no_setting_lets_a_batch_change_an_utterance(p, lengths, mfcc):
    make = MFCC(MFCCParams(**p, energy=True, deltas=2)) if mfcc else LogMel(LogMelParams(**p))
    waves = [signal(n, seed) for seed, n in enumerate(lengths)]
    for wave, found in zip(waves, values(make, *waves), strict=True):
        np.testing.assert_array_equal(found, values(make, wave)[0])


@many
@given(spectra(), st.integers(2048, 12000))
def test_pieces_do_not_show(p, samples):
    wave, extractor = signal(samples), LogMel(LogMelParams(**p))
    whole = values(extractor, wave)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spectrum, "PIECE", 5 * 8 * p["n_fft"])
        np.testing.assert_allclose(values(extractor, wave)[0], whole, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("n_fft", "hop", "n_mels", "power"),
    [(400, 160, 80, 2.0), (400, 160, 81, 2.0), (400, 160, 33, 1.0), (640, 320, 40, 2.0), (1024, 256, 80, 2.0)],
)
def test_tiles_do_not_show_to_the_last_bit(n_fft, hop, n_mels, power, monkeypatch):
    extractor = LogMel(LogMelParams(n_fft=n_fft, hop_length=hop, n_mels=n_mels, power=power))
    frames = (1, 95, 96, 97, 191, 192, 193, 300, 395, 396, 409, 410, 700)
    waves = [signal((count - 1) * hop + count % hop, count) for count in frames]
    with single_thread():  # threads would share the rows of a product
        tiled = values(extractor, *waves)
        monkeypatch.setattr(mel_spectrum, "TILE", 10**6)
        for found, whole in zip(tiled, values(extractor, *waves), strict=True):
            np.testing.assert_array_equal(found, whole)


@many
@given(spectra(), st.lists(st.integers(1, 12000), min_size=1, max_size=3))
def test_the_kernel_of_other_devices_gives_the_same(p, lengths):
    params, waves = LogMelParams(**p), [signal(n, seed) for seed, n in enumerate(lengths)]
    tiled = mel_spectrum.mel_spectrum(params)
    other = mel_spectrum.DeviceMelSpectrum(params, "cpu")
    (expected, counts), (found, others) = tiled.together(waves), other.together(waves)
    assert others == counts
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * float(expected.max()))


@pytest.mark.gpu
@pytest.mark.parametrize("make", [lambda d: LogMel(LogMelParams(), d), lambda d: MFCC(MFCCParams(deltas=2), d)])
def test_a_gpu_gives_the_same(make):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    waves = signal(40000), signal(1), signal(9000)
    for found, expected in zip(values(make("cuda"), *waves), values(make("cpu"), *waves), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3)


def test_top_db_is_below_each_utterances_own_maximum():
    quiet, loud = signal(4000), 30 * signal(4000)
    for found in values(LogMel(LogMelParams(n_fft=512, hop_length=128, n_mels=40, top_db=25.0)), quiet, loud):
        assert found.max() - found.min() == pytest.approx(25, abs=1e-4)


def test_resizing_is_bilinear_over_time():
    options = {"n_fft": 512, "hop_length": 200, "n_mels": 10}
    wave = signal(5 * 200)  # 6 frames
    whole, resized = (values(LogMel(LogMelParams(**options, **more)), wave)[0] for more in ({}, {"resize": 12}))
    place = np.clip((np.arange(12) + 0.5) / 2 - 0.5, 0, 5)
    wanted = np.stack([np.interp(place, np.arange(6), band) for band in whole.T], axis=1)
    np.testing.assert_allclose(resized, wanted, atol=1e-4)


# --- the shipped settings ---


@pytest.mark.parametrize(
    ("name", "shape", "frame_rate"),
    [
        ("logmel_224", (224, 224), 0),
        ("logmel_139", (139, 64), 46.875),
        ("mfcc_39", (349, 39), 50),
        ("mfcc_40", (501, 40), 100),
    ],
)
@pytest.mark.parametrize("seconds", [0.4, 5.0, 9.0])
def test_shipped_shapes(name, shape, frame_rate, seconds):
    cls, chosen = document.load(SHIPPED).feature(name)
    extractor = cls(chosen)
    wave = fit(signal(round(seconds * chosen.sample_rate)), chosen)
    found = values(extractor, wave)[0]
    if name == "mfcc_40":  # as long as the utterance, of 3 to 8 s
        shape = (1 + len(wave) // 160, 40)
        assert 3 * 16000 <= len(wave) <= 8 * 16000
    assert found.shape == shape
    assert extractor.dims == {"values": shape[1]}
    assert extractor.frame_rate == frame_rate


# --- odd utterances ---


@pytest.mark.parametrize("name", ["logmel_224", "logmel_139", "mfcc_39", "mfcc_40"])
@pytest.mark.parametrize("wave", [np.zeros(1), np.ones(1), np.zeros(16000), signal(2), signal(30)], ids=str)
def test_short_and_silent_utterances_are_finite(name, wave):
    cls, chosen = document.load(SHIPPED).feature(name)
    found = values(cls(chosen), wave.astype(np.float32))[0]
    assert len(found) >= 1
    assert np.isfinite(found).all()


@pytest.mark.parametrize("frames", range(1, 9))
def test_deltas_of_fewer_than_nine_frames_take_the_widest_odd_window(frames):
    options = {"n_fft": 256, "hop_length": 100, "n_mels": 20, "n_mfcc": 5}
    found = values(MFCC(MFCCParams(**options, deltas=2)), signal((frames - 1) * 100))[0] if frames > 1 else None
    if found is None:
        found = values(MFCC(MFCCParams(**options, deltas=2)), signal(50))[0]
    assert found.shape == (frames, 15)
    cepstra = found[:, :5].astype(np.float64).T
    width = frames if frames % 2 else frames - 1
    for order, ours in ((1, found[:, 5:10]), (2, found[:, 10:])):
        if width <= order:
            np.testing.assert_array_equal(ours, 0)
        else:
            assert_close(ours, librosa.feature.delta(cepstra, width=width, order=order).T, cepstra)


# --- settings ---


@pytest.mark.parametrize(
    ("model", "wrong", "named"),
    [
        (LogMelParams, {"n_fft": 512, "win_length": 513}, "win_length 513"),
        (LogMelParams, {"f_max": 8001.0}, "f_max 8001"),
        (LogMelParams, {"f_min": 500.0, "f_max": 400.0}, "f_min 500"),
        (LogMelParams, {"f_min": 8000.0}, "f_min 8000"),
        (LogMelParams, {"n_fft": 401}, "n_fft"),
        (LogMelParams, {"hop_length": 0}, "hop_length"),
        (LogMelParams, {"sample_rate": 44100}, "sample_rate"),
        (LogMelParams, {"window": "hanning"}, "window"),
        (LogMelParams, {"n_mfcc": 13}, "n_mfcc"),
        (MFCCParams, {"n_mfcc": 41, "n_mels": 40}, "n_mfcc 41"),
        (MFCCParams, {"deltas": 3}, "deltas"),
        (MFCCParams, {"pre_emphasis": 1.0}, "pre_emphasis"),
    ],
)
def test_wrong_settings_are_refused(model, wrong, named):
    with pytest.raises(ParamsError, match=named) as caught:
        validate(model, wrong, "features.x")
    assert str(caught.value).startswith("features.x")


def test_the_highest_band_may_end_at_half_the_rate():
    assert validate(LogMelParams, {"f_max": 8000.0, "win_length": 2048}).f_max == 8000
