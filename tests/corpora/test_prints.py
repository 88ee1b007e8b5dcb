"""Fingerprints beside the manifest: what is written is read again, and copies in another corpus are found by them."""

import numpy as np
import pytest
import soxr
from feature_files import corpus
from scipy.signal import butter, sosfilt

from pipeline import paths
from pipeline.audio.fingerprint import fingerprint
from pipeline.corpora import prints
from pipeline.corpora.prints import copies_across
from pipeline.errors import UserError

RATE = 16000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def speech(seed, seconds=1.5):
    """Noise in syllables, each of its own level, (samples,)."""
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(round(seconds * RATE))
    return 0.1 * wave * np.repeat(rng.uniform(0.1, 1, 1 + len(wave) // 2000), 2000)[: len(wave)]


def telephone(wave):
    return soxr.resample(sosfilt(butter(4, (300, 3400), "bandpass", fs=RATE, output="sos"), wave), RATE, 8000)


def written(**waves):
    """Rows of corpora of recordings, each a wave and its rate, with their fingerprints on the disk."""
    manifests = {}
    for name, own in waves.items():
        rows = [row for row in corpus(speakers=len(own)) if row.emotion == "angry"]
        manifests[name] = [type(row)(**{**vars(row), "dataset": name}) for row in rows]
        prints.write(name, {row.key: fingerprint(*each) for row, each in zip(rows, own, strict=True)})
    return manifests


def test_what_is_written_is_read_to_the_bit():
    known = {"a": fingerprint(speech(0), RATE), "b/é": fingerprint(np.zeros(RATE), RATE)}
    known["c"] = fingerprint(speech(1, 0.9), RATE)
    prints.write("mine", known)
    found = prints.read("mine")
    assert [*found] == [*known]
    for key, one in known.items():
        other = found[key]
        assert (one.digest, one.constant) == (other.digest, other.constant)
        np.testing.assert_array_equal(one.words, other.words)
        np.testing.assert_array_equal(one.compared, other.compared)
    before = paths.fingerprints("mine").read_bytes()
    prints.write("mine", found)
    assert paths.fingerprints("mine").read_bytes() == before


@pytest.mark.parametrize(
    "copy",
    [
        lambda wave: (0.6 * wave, RATE),
        lambda wave: (wave[1234:-777], RATE),
        lambda wave: (telephone(wave), 8000),
        lambda wave: (0.3 * soxr.resample(wave[999:], RATE, 44100), 44100),
    ],
    ids=["softer", "trimmed", "telephone", "all of it"],
)
def test_a_copy_in_another_corpus_is_found_by_sound(copy):
    manifests = written(one=[(speech(i), RATE) for i in range(4)], two=[(speech(9), RATE), copy(speech(2))])
    assert copies_across(manifests) == [("one/s2-angry-0", "two/s1-angry-0")]
    assert copies_across({name: manifests[name] for name in ("two", "one")}) == [("two/s1-angry-0", "one/s2-angry-0")]


def test_silence_and_copies_within_a_corpus_are_no_pairs():
    silence = (np.zeros(RATE), RATE)
    manifests = written(one=[silence, (speech(0), RATE), (0.5 * speech(0), RATE)], two=[silence, (speech(1), RATE)])
    assert copies_across(manifests) == []


def test_one_corpus_needs_no_fingerprints():
    assert copies_across({"mine": corpus()}) == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "no such fingerprints; `dvc repro manifest-two` makes them"),
        (b"", "damaged fingerprints"),
        (b"\x10\0\0\0\0\0\0\0{}              ", "damaged fingerprints"),
    ],
)
def test_what_is_missing_or_damaged_is_said_with_the_stage_that_makes_it(data, says):
    manifests = written(one=[(speech(0), RATE)], two=[(speech(1), RATE)])
    path = paths.fingerprints("two")
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError) as error:
        copies_across(manifests)
    assert str(error.value).startswith(f"{path}: {says}")
    assert "\n" not in str(error.value)
    assert str(error.value).endswith("`dvc repro manifest-two` makes them")


def test_fingerprints_of_another_manifest_are_refused():
    manifests = written(one=[(speech(0), RATE)], two=[(speech(1), RATE)])
    prints.write("two", {"other": fingerprint(speech(1), RATE)})
    with pytest.raises(UserError, match="has none of 's0-angry-0', which the manifest has; `dvc repro -f manifest-two"):
        copies_across(manifests)
