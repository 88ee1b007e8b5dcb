"""Damaged outputs, parts and plans are found, and made again."""

import hashlib
import random

import numpy as np
import pytest
from safetensors.numpy import load_file
from twenty_utterances import TWENTY, runner

from pipeline.errors import UserError
from pipeline.extraction.extraction import Summary
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Outline
from pipeline.storage.journal import save_piece


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


@pytest.mark.parametrize("plan", [b"[" * 100_000, b'{"a": 1}', b"[1, 2]", b"[[1]]", b'["ab"]', b'"ab"'])
def test_a_plan_that_is_none_is_not_followed(run, tmp_path, plan):
    run(TWENTY, "straight.h5")
    folder = tmp_path / "out.h5.parts" / hashlib.sha256(plan).hexdigest()[:32]
    folder.mkdir(parents=True)
    (folder / "plan").write_bytes(plan)
    save_piece(folder, 3, {"frames": np.zeros(1, np.int64)})
    assert run(TWENTY) == Summary(20, 0, 0)
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()


@pytest.mark.parametrize("piece", [{}, {"frames": np.ones(3, np.int64)}, {"frames": np.full((2, 2), "x", "S1")}])
def test_pieces_of_something_else_are_one_line(run, tmp_path, piece):
    run(TWENTY, after=4)
    (folder,) = (tmp_path / "out.h5.parts").iterdir()
    first = min(folder.glob("*.safetensors"))
    first.unlink()
    if piece and piece["frames"].dtype.kind == "S":
        data = b"\xff" * 100
        (folder / f"000000.{hashlib.sha256(data).hexdigest()}.safetensors").write_bytes(data)
    else:
        save_piece(folder, 0, piece)
    with pytest.raises(UserError, match=r"out\.h5\.parts: holds pieces of something else \(.*\); delete it and run"):
        run(TWENTY)
    assert not (tmp_path / "out.h5").exists()


def test_rows_of_another_length_than_they_must_have_are_computed_again(run, tmp_path):
    run(TWENTY)
    good, file = (tmp_path / "out.h5").read_bytes(), FeatureFile(tmp_path / "out.h5")
    dims = {name: values.shape[1] for name, values in file.streams.items()}
    dtypes = {name: values.dtype for name, values in file.streams.items()}
    outline = Outline(file.header, file.keys, file.digests, dims, dtypes)
    with FeatureWriter(tmp_path / "longer.h5", outline, file.lengths + 1) as writer:
        for i, length in enumerate(file.lengths):
            for name, dim in dims.items():
                writer.put(i, name, np.zeros((length + 1, dim), dtypes[name]))
    (tmp_path / "longer.h5").replace(tmp_path / "out.h5")
    assert run(TWENTY) == Summary(20, 0, 0, damaged=True)
    assert (tmp_path / "out.h5").read_bytes() == good


def somebodys_folder(path):
    path.mkdir()
    (path / "thesis.txt").write_text("years of work")


def link_to_somebodys_folder(path):
    somebodys_folder(path.with_name("home"))
    path.symlink_to("home")


@pytest.mark.parametrize("make", [somebodys_folder, link_to_somebodys_folder])
def test_what_is_no_journal_is_left_alone(run, tmp_path, make):
    make(tmp_path / "out.h5.parts")
    with pytest.raises(UserError, match="where pieces wait, is no folder of this program; give another output, or"):
        run(TWENTY)
    assert (tmp_path / "out.h5.parts/thesis.txt").read_text() == "years of work"
