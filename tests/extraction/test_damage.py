"""Damaged outputs, parts and plans are found, and made again."""

import random

import numpy as np
import pytest
from safetensors.numpy import load_file
from twenty_utterances import TWENTY, runner

from pipeline.errors import UserError
from pipeline.extraction.extraction import Summary
from pipeline.storage.feature_file import FeatureFile


@pytest.fixture
def run(tmp_path):
    return runner(tmp_path)


DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "last byte gone": lambda data: data[:-1],
    "first bit": lambda data: flip(data, 0),
    "header bit": lambda data: flip(data, data.index(b"ser-features/1") + 3),
    "params bit": lambda data: flip(data, data.index(b'"pause":0.0') + 8),
    "value bit": lambda data: flip(data, len(data) - 2000),
    "late bit": lambda data: flip(data, len(data) - 500),
}


def flip(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_output_is_made_again(run, tmp_path, damage):
    run(TWENTY)
    good = (tmp_path / "out.h5").read_bytes()
    (tmp_path / "out.h5").write_bytes(damage(good))
    summary = run(TWENTY)
    assert summary == Summary(20, 0, 0, damaged=True)
    assert str(summary) == "computed 20, reused 0; the previous file was damaged"
    assert (tmp_path / "out.h5").read_bytes() == good


def test_a_bit_flipped_anywhere_is_found_or_changes_nothing(run, tmp_path):
    run(TWENTY)
    good, chance = (tmp_path / "out.h5").read_bytes(), random.Random(1)
    expected = FeatureFile(tmp_path / "out.h5")
    values = {name: np.array(stream) for name, stream in expected.streams.items()}
    found = 0
    for place in [*chance.sample(range(len(good)), 150), *chance.sample(range(3000), 100)]:
        (tmp_path / "out.h5").unlink()
        (tmp_path / "out.h5").write_bytes(flip(good, place))
        try:
            file = FeatureFile(tmp_path / "out.h5")
            file.verify()
        except UserError:
            found += 1
        else:
            assert (file.keys, file.header) == (expected.keys, expected.header)
            np.testing.assert_array_equal(file.digests, expected.digests)
            for name, stream in values.items():
                np.testing.assert_array_equal(file.streams[name], stream)
    assert found > 100


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-1], lambda data: flip(data, len(data) // 2)],
                         ids=["empty", "cut", "bit"])  # fmt: skip
def test_a_damaged_part_is_computed_again(run, tmp_path, damage):
    run(TWENTY, "straight.h5")
    run(TWENTY, after=4)
    parts = sorted((tmp_path / "out.h5.parts").glob("*/*.safetensors"))
    assert len(parts) == 4
    kept = sum(len(load_file(path)["frames"]) for path in parts if path != parts[1])
    parts[1].write_bytes(damage(parts[1].read_bytes()))
    assert run(TWENTY) == Summary(20, 0, kept)
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-1], lambda data: b"\xff" + data])
def test_with_a_damaged_plan_all_is_computed_again(run, tmp_path, damage):
    run(TWENTY, "straight.h5")
    run(TWENTY, after=4)
    (plan,) = (tmp_path / "out.h5.parts").glob("*/plan")
    plan.write_bytes(damage(plan.read_bytes()))
    assert run(TWENTY).computed == 20
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()
