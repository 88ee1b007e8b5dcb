import dataclasses
import json
import os
import pickle
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.storage.feature_file import FeatureFile, may_be_replaced
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import SCHEMA, Header, Outline
from pipeline.storage.identity import canonical_json

KEYS = ["a", "b/ü", "empty", "d@10dB"]
LENGTHS = [3, 5, 0, 1]
HEADER = Header("toy", "2", {"z": [1, 2.5], "a": {"ö": None}}, 62.5, "mine", {"weights": "abc"}, first_frame=0.016)
DTYPES = {"values": np.dtype(np.float32), "layer_09": np.dtype(np.float16), "codes": np.dtype(np.int16)}
DIMS = {"values": 3, "layer_09": 4, "codes": 1}


def frames(i, stream, length):
    rng = np.random.default_rng([i, len(stream)])
    return rng.integers(-1000, 1000, (length, DIMS[stream])).astype(DTYPES[stream])


def digests(count):
    return np.arange(32 * count, dtype=np.uint8).reshape(count, 32)


def write(path, keys=KEYS, lengths=LENGTHS, header=HEADER):
    outline = Outline(header, keys, digests(len(keys)), DIMS, DTYPES)
    with FeatureWriter(path, outline, np.array(lengths, np.int64)) as writer:
        for i, length in enumerate(lengths):
            for stream in DIMS:
                writer.put(i, stream, frames(i, stream, length))
    return path


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "features.h5")


def read_all(path):
    """Everything a file holds, as a user gets at it."""
    file = FeatureFile(path)
    rows = [file.row(i, stream).tolist() for i in range(len(file)) for stream in file.streams]
    return file.keys, file.index(file.keys).tolist(), file.lengths.tolist(), rows


def test_what_is_written_is_read(path):
    file = FeatureFile(path)
    assert (len(file), file.keys, file.header) == (4, KEYS, HEADER)
    assert file.lengths.tolist() == LENGTHS
    np.testing.assert_array_equal(file.digests, digests(4))
    assert set(file.streams) == set(DIMS)
    for stream in DIMS:
        for i, length in enumerate(LENGTHS):
            row = file.row(i, stream)
            assert row.dtype == DTYPES[stream]
            np.testing.assert_array_equal(row, frames(i, stream, length))
    third, first = file.rows([3, 0], "codes")
    np.testing.assert_array_equal(third, frames(3, "codes", 1))
    np.testing.assert_array_equal(first, frames(0, "codes", 3))


def test_the_file_follows_the_documented_schema(path):
    with h5py.File(path) as file:
        attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in file.attrs.items()}
        assert len(bytes.fromhex(attributes.pop("sha256"))) == 32
        assert attributes == {
            "schema": "ser-features/1",
            "extractor": "toy",
            "version": "2",
            "params": '{"a":{"ö":null},"z":[1,2.5]}',
            "frame_rate": 62.5,
            "first_frame": 0.016,
            "corpus": "mine",
            "weights": "abc",
        }
        assert set(file) == {"key", "digest", "offsets", *DIMS}
        assert file["key"].shape == (4,)
        assert [key.decode() for key in file["key"]] == KEYS
        assert (file["digest"].shape, file["digest"].dtype) == ((4, 32), np.uint8)
        assert (file["offsets"][:].tolist(), file["offsets"].dtype) == ([0, 3, 8, 8, 9], np.int64)
        assert {stream: file[stream].shape for stream in DIMS} == {stream: (9, dim) for stream, dim in DIMS.items()}


def test_a_file_from_before_first_frame_begins_at_zero(path):
    with h5py.File(path, "a") as file:
        del file.attrs["first_frame"]
    assert FeatureFile(path).header == dataclasses.replace(HEADER, first_frame=0.0)


def test_memory_map_equals_what_h5py_reads(path):
    ours = FeatureFile(path).streams
    with h5py.File(path) as file:
        for stream in DIMS:
            assert isinstance(ours[stream], np.memmap)
            np.testing.assert_array_equal(ours[stream], file[stream][:])


def test_compressed_streams_can_be_read_too(path):
    values = FeatureFile(path).streams["values"].copy()
    with h5py.File(path, "a") as file:
        del file["values"]
        file.create_dataset("values", data=values, chunks=(2, 3), compression="gzip")
    np.testing.assert_array_equal(FeatureFile(path).streams["values"], values)


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
@pytest.mark.parametrize("values", ["noise", "ramp", "zeros", "mixed"])
def test_what_is_written_packed_is_read(tmp_path, compression, values):
    frames = {
        "noise": np.random.default_rng(0).standard_normal((3000, 5)),
        "ramp": np.arange(15000.0).reshape(3000, 5) // 40,
        "zeros": np.zeros((3000, 5)),
        "mixed": np.arange(15000.0).reshape(3000, 5) % 7 * np.random.default_rng(0).integers(0, 2, (3000, 1)),
    }[values].astype(np.float32)
    outline = Outline(HEADER, ["a"], digests(1), {"values": 5}, {"values": np.dtype("f4")}, compression)
    with FeatureWriter(tmp_path / "packed.h5", outline, np.array([3000])) as writer:
        writer.put(0, "values", frames)
    file = FeatureFile(tmp_path / "packed.h5")
    np.testing.assert_array_equal(file.row(0), frames)
    file.verify()


def test_more_utterances_than_are_read_are_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.storage.feature_writer.UTTERANCES", 1)
    with pytest.raises(UserError, match="2 utterances, and 1 are the most; split the corpus"):
        write(tmp_path / "many.h5", keys=["a", "b"], lengths=[1, 1])


def test_rows_are_read_only(path):
    with pytest.raises(ValueError, match="read-only"):
        FeatureFile(path).row(0)[0, 0] = 1


@given(st.lists(st.integers(0, 6), max_size=6))
def test_any_lengths(tmp_path_factory, lengths):
    path = tmp_path_factory.mktemp("store") / "f.h5"
    write(path, [f"k{i}" for i in range(len(lengths))], lengths)
    file = FeatureFile(path)
    assert (len(file), file.lengths.tolist()) == (len(lengths), lengths)
    for i, length in enumerate(lengths):
        np.testing.assert_array_equal(file.row(i, "layer_09"), frames(i, "layer_09", length))


def test_an_empty_corpus(tmp_path):
    file = FeatureFile(write(tmp_path / "f.h5", [], []))
    assert (len(file), file.keys, file.lengths.size) == (0, [], 0)
    assert {name: values.shape for name, values in file.streams.items()} == {n: (0, dim) for n, dim in DIMS.items()}


def test_written_twice_the_bytes_are_equal(tmp_path):
    assert write(tmp_path / "one.h5").read_bytes() == write(tmp_path / "two.h5").read_bytes()


def test_no_time_is_written(path):
    with h5py.File(path) as file:
        assert not any(file[name].id.get_create_plist().get_obj_track_times() for name in file)


def test_the_order_of_params_does_not_change_the_bytes(path, tmp_path):
    other = dataclasses.replace(HEADER, params=dict(reversed(HEADER.params.items())))
    assert write(tmp_path / "other.h5", header=other).read_bytes() == path.read_bytes()


def write_half(path, error):
    before = path.exists()
    with FeatureWriter(path, Outline(HEADER, ["x"], digests(1), DIMS, DTYPES), np.array([2])) as writer:
        writer.put(0, "values", frames(0, "values", 2))
        assert path.exists() == before
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_while_writing_leaves_the_old_file_alone(path, error):
    before = path.read_bytes()
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        write_half(tmp_path / "f.h5", RuntimeError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(2, 2), (1, 3), (6,)])
def test_frames_of_another_shape_are_refused(tmp_path, shape):
    writer = FeatureWriter(tmp_path / "f.h5", Outline(HEADER, ["x"], digests(1), DIMS, DTYPES), np.array([2]))
    with pytest.raises(ValueError, match=r"values: shape .*, expected \(.*2.*, 3\)"), writer:
        writer.put(0, "values", np.zeros(shape, np.float32))


def test_a_reader_keeps_its_file_when_a_new_one_is_written(path):
    file = FeatureFile(path)
    expected = file.row(1).copy()
    write(path, KEYS[:1], [9])
    np.testing.assert_array_equal(file.row(1), expected)


def test_pickling(path):
    copy = pickle.loads(pickle.dumps(FeatureFile(path)))
    assert (copy.keys, copy.header, copy.path) == (KEYS, HEADER, path)
    np.testing.assert_array_equal(copy.row(1), frames(1, "values", 5))


def test_index(path):
    file = FeatureFile(path)
    assert file.index(["d@10dB", "a", "a"]).tolist() == [3, 0, 0]
    with pytest.raises(UserError, match=r"features\.h5: has no utterance 'missing'"):
        file.index(["a", "missing"])


@given(
    st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=5) | st.booleans(), max_size=4)
)
def test_canonical_json(value):
    text = canonical_json(value)
    assert json.loads(text) == value
    assert text == canonical_json(dict(reversed(value.items())))


def test_canonical_json_has_no_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


# Damage


def refuses(path):
    """The error that opening the file gives."""
    with pytest.raises(UserError) as caught:
        FeatureFile(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message


def test_a_missing_file(tmp_path):
    assert "no such feature file; `dvc repro` makes it" in refuses(tmp_path / "f.h5")


def test_an_empty_file(tmp_path):
    (tmp_path / "f.h5").touch()
    assert refuses(tmp_path / "f.h5") == f"{tmp_path / 'f.h5'}: is empty; not a feature file"


@pytest.mark.parametrize("data", [b"\x89HDF\r\n\x1a\n", b"text\n" * 1000])
def test_what_is_no_hdf5_file(tmp_path, data):
    (tmp_path / "f.h5").write_bytes(data)
    assert "damaged feature file" in refuses(tmp_path / "f.h5")


def test_a_folder(tmp_path):
    assert "cannot be read (Is a directory)" in refuses(tmp_path)


def test_a_file_cut_short_anywhere(path):
    whole = path.read_bytes()
    for length in [*range(1, len(whole), 61), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert "damaged feature file" in refuses(path)


def replace(name, value):
    def damage(file):
        del file[name]
        if value is not None:
            file[name] = value

    return damage


def attribute(name, value):
    """Set an attribute; text of fixed length, as the writer does."""
    return lambda file: file.attrs.__setitem__(name, np.bytes_(value) if isinstance(value, str) else value)


def group(name):
    def damage(file):
        del file[name]
        file.create_group(name)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.attrs.__delitem__("version"), "version"),
        (attribute("params", "{"), "Expecting property name"),
        (attribute("params", "[]"), "attribute params is no mapping in canonical JSON"),
        (attribute("params", '{"a":NaN}'), "not JSON compliant"),
        (attribute("params", '{"a":1e400}'), "not JSON compliant"),
        (attribute("params", "[" * 30000), "recursion"),
        (attribute("params", 3.0), "attribute params is no text"),
        (attribute("frame_rate", "fast"), "attribute frame_rate is no number"),
        (attribute("first_frame", "soon"), "attribute first_frame is no number"),
        (attribute("frame_rate", np.nan), "attribute frame_rate is not finite"),
        (replace("offsets", np.array([0, 2**63 - 1, -(2**63), -1, 9])), "its offsets do not ascend from 0"),
        (attribute("frame_rate", [1.0, 2.0]), ""),
        (replace("offsets", np.array([0, 5, 3, 8, 9])), "its offsets do not ascend from 0"),
        (replace("offsets", np.array([1, 3, 8, 8, 9])), "its offsets do not ascend from 0"),
        (replace("offsets", np.array([0, 3, 8, 8, 10])), "its offsets say 10 frames"),
        (replace("offsets", np.array([0, 3, 8, 9])), "do not have one length"),
        (replace("offsets", np.array([0, 5, 3, 8, 9], np.uint64)), "of another type"),
        (replace("offsets", np.array([0.0, 3, 8, 8, 9])), "of another type"),
        (replace("offsets", 0), ""),
        (replace("offsets", None), "offsets"),
        (replace("digest", np.zeros((4, 16), np.uint8)), "do not have one length"),
        (replace("digest", np.zeros((4, 32), np.float32)), "of another type"),
        (replace("key", np.array([b"a", b"b", b"a", b"d"])), "a key stands twice"),
        (replace("key", np.array([b"a", b"b", b"c"])), "do not have one length"),
        (replace("key", np.array([b"a", b"b", b"c", b"\xff"])), "utf-8"),
        (replace("key", np.arange(4)), "decode"),
        (group("key"), ""),
        (group("values"), ""),
        (replace("values", np.zeros((8, 3))), "stream values has shape (8, 3), its offsets say 9 frames"),
        (replace("values", np.zeros(9)), "stream values has shape (9,)"),
        (lambda file: [file.__delitem__(stream) for stream in DIMS], "it has no stream"),
    ],
)
def test_a_file_that_is_not_a_whole_feature_file(path, damage, message):
    with h5py.File(path, "a") as file:
        damage(file)
    assert message in refuses(path)
    assert "damaged feature file" in refuses(path)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (attribute("schema", "ser-features/9"), "ser-features/9"),
        (attribute("schema", 3), "no plain text"),
        (attribute("schema", 3.0), "3.0"),
        (attribute("schema", np.bytes_(b"\xff\n")), "no plain text"),
        (lambda file: file.attrs.__setitem__("schema", "of variable length"), "no plain text"),
        (lambda file: file.attrs.__delitem__("schema"), "missing"),
    ],
)
def test_a_file_of_another_schema(path, damage, found):
    assert may_be_replaced(path)
    with h5py.File(path, "a") as file:
        damage(file)
    assert refuses(path) == f"{path}: not a feature file (its schema is {found}, not {SCHEMA}); give another"
    assert not may_be_replaced(path)


def test_a_feature_file_cut_short_may_be_replaced_and_another_program_s_may_not(path, tmp_path):
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert may_be_replaced(path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["values"] = np.arange(5000.0)
    other = (tmp_path / "other.h5").read_bytes()
    path.write_bytes(other[:-8])
    assert not may_be_replaced(path)
    assert "delete" not in refuses(path)


def test_a_pipe_is_no_feature_file(tmp_path):
    os.mkfifo(tmp_path / "f.h5")
    assert "is no regular file" in refuses(tmp_path / "f.h5")
    assert not may_be_replaced(tmp_path / "f.h5")


def test_damaged_bytes_are_an_error_or_change_values_only(path):
    """The superblock, and places at random; there is no global heap, in whose damaged sizes HDF5 itself may loop."""
    whole = path.read_bytes()
    assert b"GCOL" not in whole
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(whole), 400).tolist()
    outcomes = {"read": 0, "refused": 0}
    for place in [*range(48), *places]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ int(rng.integers(1, 256))]) + whole[place + 1 :])
        try:
            read_all(path)
            outcomes["read"] += 1
        except UserError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 50


def test_a_copy_reads_alike(path, tmp_path):
    shutil.copy(path, tmp_path / "copy.h5")
    assert read_all(path) == read_all(tmp_path / "copy.h5")
