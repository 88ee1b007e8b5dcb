"""Features aligned to another corpus's without labels."""

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import DataError, ParamsError, UserError
from pipeline.experiments.feature_alignment import Method, align
from pipeline.storage.source import OWN, Arrays, Source
from pipeline.systems.view import View

METHODS: tuple[Method, ...] = ("moments", "coral")
LENGTHS = (300, 400, 500, 800)


def _frames(seed: int, scale: float = 1.0, dims: int = 5) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    mixing, offset = rng.normal(size=(dims, dims)), rng.normal(size=dims)
    return [(scale * rng.normal(size=(length, dims)) @ mixing + 3 * offset).astype(np.float32) for length in LENGTHS]


def _source(frames: Sequence[NDArray[Any]], prefix: str) -> Arrays:
    keys = [f"{prefix}{i}" for i in range(len(frames))]
    return Arrays({"values": frames}, keys=keys, extractor="mfcc", label=prefix)


def _values(source: Source, keys: Sequence[str]) -> NDArray[Any]:
    return np.concatenate(View(keys, {"mfcc": [source]}).arrays("mfcc"))


def _aligned(target: Source, groups: Mapping[str, str], reference: Source, method: Method) -> Source:
    return align({"mfcc": target}, groups, {"mfcc": reference}, list(reference.keys), method)["mfcc"]


TARGET, REFERENCE = _source(_frames(1), "t"), _source(_frames(2, scale=4), "r")
CORPUS = dict.fromkeys(TARGET.keys, "emodb")
SPEAKERS = {"t0": "a", "t1": "b", "t2": "a", "t3": "b"}


@pytest.mark.parametrize("method", METHODS)
def test_every_group_has_the_references_moments(method: Method) -> None:
    wanted = _values(REFERENCE, REFERENCE.keys)
    for groups, keys in [(CORPUS, list(CORPUS)), (SPEAKERS, ["t0", "t2"]), (SPEAKERS, ["t1", "t3"])]:
        values = _values(_aligned(TARGET, groups, REFERENCE, method), keys)
        assert values.mean(axis=0) == pytest.approx(wanted.mean(axis=0), rel=1e-3)
        assert values.std(axis=0) == pytest.approx(wanted.std(axis=0), rel=0.05 if method == "coral" else 1e-3)


def test_coral_gives_the_references_covariance_and_moments_does_not() -> None:
    wanted = np.cov(_values(REFERENCE, REFERENCE.keys), rowvar=False)
    given = {
        method: np.cov(_values(_aligned(TARGET, CORPUS, REFERENCE, method), TARGET.keys), rowvar=False)
        for method in METHODS
    }
    distance = {method: np.linalg.norm(given[method] - wanted) / np.linalg.norm(wanted) for method in METHODS}
    assert distance["coral"] < 0.05
    assert distance["moments"] > 0.2


@pytest.mark.parametrize("method", METHODS)
def test_what_is_aligned_to_itself_stays(method: Method) -> None:
    values = _values(_aligned(TARGET, CORPUS, TARGET, method), TARGET.keys)
    assert values.dtype == np.float32
    assert values == pytest.approx(_values(TARGET, TARGET.keys), abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_order_does_not_matter_to_a_bit(method: Method) -> None:
    backwards = Arrays(
        {"values": [TARGET.row(i) for i in (3, 2, 1, 0)]}, keys=["t3", "t2", "t1", "t0"], extractor="mfcc"
    )
    given = _aligned(TARGET, SPEAKERS, REFERENCE, method)
    turned = align(
        {"mfcc": backwards},
        dict(reversed(SPEAKERS.items())),
        {"mfcc": REFERENCE},
        list(reversed(REFERENCE.keys)),
        method,
    )["mfcc"]
    assert _values(given, TARGET.keys).tobytes() == _values(turned, TARGET.keys).tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_a_group_of_one_frame_is_the_references_mean(method: Method) -> None:
    single = Arrays({"values": np.ones((1, 1, 5), np.float32)}, keys=["t0"], extractor="mfcc")
    row = _aligned(single, {"t0": "a"}, REFERENCE, method).row(0)
    assert row[0] == pytest.approx(_values(REFERENCE, REFERENCE.keys).mean(axis=0), rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_dimensions_that_never_vary_get_the_references_mean(method: Method) -> None:
    frames = _frames(1)
    for rows in frames:
        rows[:, 2] = 7
    values = _values(_aligned(_source(frames, "t"), CORPUS, REFERENCE, method), TARGET.keys)
    assert np.isfinite(values).all()
    if method == "moments":
        assert values[:, 2] == pytest.approx(_values(REFERENCE, REFERENCE.keys)[:, 2].mean())
    constant = _values(_aligned(TARGET, CORPUS, _source(frames, "r"), method), TARGET.keys)
    assert constant[:, 2] == pytest.approx(7)


@pytest.mark.parametrize("method", METHODS)
def test_undefined_values_stay_so_and_are_in_no_statistic(method: Method) -> None:
    frames = _frames(1)
    frames[0][3, 1] = np.nan
    values = _values(_aligned(_source(frames, "t"), CORPUS, REFERENCE, method), TARGET.keys)
    assert np.argwhere(np.isnan(values)).tolist() == [[3, 1]]
    whole = _values(_aligned(TARGET, CORPUS, REFERENCE, method), TARGET.keys)
    assert values[4:] == pytest.approx(whole[4:], abs=0.1)


def test_frames_after_an_utterances_own_are_moved_and_not_counted() -> None:
    frames = _frames(1)
    own = [np.concatenate([np.ones((len(rows) - 9, 1)), np.zeros((9, 1))]).astype(np.float32) for rows in frames]
    wild = [np.concatenate([rows[:-9], np.full((9, 5), 1e3, np.float32)]) for rows in frames]
    keys = list(TARGET.keys)
    padded = Arrays({"values": wild, OWN: own}, keys=keys, extractor="mfcc")
    bare = _source([rows[:-9] for rows in frames], "t")
    given = _aligned(padded, CORPUS, REFERENCE, "moments")
    assert _values(given, keys).tobytes() == _values(_aligned(bare, CORPUS, REFERENCE, "moments"), keys).tobytes()
    assert given.row(0, OWN) is not None
    assert len(given.row(0)) == LENGTHS[0]


def test_copies_go_with_their_recording_and_foreign_keys_are_refused() -> None:
    rows = [TARGET.row(0), TARGET.row(0), TARGET.row(1)]
    held = Arrays({"values": rows}, keys=["t0", "t0@1.1x", "t9"], extractor="mfcc", label="held.h5")
    given = _aligned(held, {"t0": "a"}, REFERENCE, "moments")
    assert list(given.keys) == ["t0", "t0@1.1x"]
    assert (given.row(1) == given.row(0)).all()
    with pytest.raises(DataError, match=r"held\.h5: 't9' has no group"):
        given.index(["t9"])


def test_sources_go_to_workers() -> None:
    given = _aligned(TARGET, SPEAKERS, REFERENCE, "coral")
    sent = pickle.loads(pickle.dumps(given))
    assert (sent.row(2) == given.row(2)).all()
    assert sent.streams["values"].shape == (sum(LENGTHS), 5)


def test_what_cannot_be_aligned_is_refused() -> None:
    samples = Arrays({"values": np.zeros((1, 9, 1), np.int16)}, keys=["t0"], extractor="waveform", label="wav.h5")
    with pytest.raises(ParamsError, match=r"wav\.h5 holds waveforms.*align: none"):
        align({"waveform": samples}, {"t0": "a"}, {"waveform": samples}, ["t0"], "moments")
    with pytest.raises(UserError, match="that of 't1' is not known"):
        _aligned(TARGET, CORPUS | {"t1": ""}, REFERENCE, "coral")
    with pytest.raises(DataError, match="recordings to align to"):
        align({"mfcc": TARGET}, CORPUS, {"mfcc": REFERENCE}, [], "coral")
    with pytest.raises(DataError, match="aligned as mfcc, and what it is aligned to has prosody"):
        align({"mfcc": TARGET}, CORPUS, {"prosody": REFERENCE}, ["r0"], "coral")
    with pytest.raises(DataError, match=r"'values': 5.*'values': 3"):
        _aligned(TARGET, CORPUS, _source(_frames(1, dims=3), "r"), "coral")
