"""Well-formed HDF5 and JSON of other structure than ours, through what reads them in production.

Of what is put into a feature file it is known whether it is plain: then it is read as it was written, else refused. Of
a card any value may be another; all that may come of it is a UserError. `--hypothesis-profile=hunt` looks for more.
"""

import json
import shutil
import zlib

import h5py
import numpy as np
import pytest
from bad_inputs import feature_file, fusion_folder, model_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.serving.models import Model, read_models
from pipeline.storage.feature_file import FeatureFile

MANY = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
FRAMES = sum(feature_file.LENGTHS)
EXTERNAL, VIRTUAL = "external", "virtual"

PLAIN_TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
OTHER_TYPES = [">f4", ">i8", "c8", "?", "g", "V3", "S3", [("a", "f4"), ("b", "i4")]]
PLAIN_LAYOUTS = [{}, *({"chunks": (n, None), "compression": name} for n in (1, 3, FRAMES) for name in ("gzip", "lzf"))]
OTHER_LAYOUTS = [
    {"chunks": (FRAMES, None)},
    {"chunks": (FRAMES, None), "shuffle": True},
    {"chunks": (FRAMES, None), "compression": "gzip", "shuffle": True},
    {"chunks": (FRAMES, None), "compression": "lzf", "fletcher32": True},
    {"chunks": (FRAMES, 1), "compression": "gzip"},
    {"maxshape": (None, None), "chunks": (FRAMES + 1, None), "compression": "gzip"},
    EXTERNAL,
    VIRTUAL,
]
PLAIN_SHAPES = [(FRAMES, 1), (FRAMES, 2), (FRAMES, 40)]
OTHER_SHAPES = [(), (FRAMES,), (FRAMES, 2, 1), (FRAMES - 1, 2), (FRAMES + 1, 2), (0, 2), (FRAMES, 0)]


def plain_or_other(plain, other):
    """A value, and whether it is plain: half of them are."""
    return st.booleans().flatmap(lambda good: st.tuples(st.sampled_from(plain if good else other), st.just(good)))


@pytest.fixture
def path(tmp_path):
    return feature_file.good(tmp_path)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of trained models and one of a fusion, with nothing wrong."""
    folder = tmp_path_factory.mktemp("models")
    fusion_folder.fusion(folder)
    return folder


def store(file, shape, dtype, layout, values):
    if layout == EXTERNAL:
        return file.create_dataset("more", shape, dtype, external=[(f"{file.filename}.raw", 0, h5py.h5f.UNLIMITED)])
    if layout == VIRTUAL:
        made = h5py.VirtualLayout(shape, dtype)
        made[...] = h5py.VirtualSource(".", "values", shape)
        return file.create_virtual_dataset("more", made)
    given = {**layout}
    if "chunks" in given:
        given["chunks"] = tuple(given["chunks"][k] or max(1, shape[k]) for k in range(2))
    return file.create_dataset("more", shape, dtype, data=values, **given)


@MANY
@given(
    plain_or_other(PLAIN_SHAPES, OTHER_SHAPES),
    plain_or_other(PLAIN_TYPES, OTHER_TYPES),
    plain_or_other(PLAIN_LAYOUTS, OTHER_LAYOUTS),
    st.integers(0, 1000),
)
def test_a_dataset_is_read_as_it_was_written_if_it_is_plain_and_else_refused(path, shape, dtype, layout, seed):
    (shape, good_shape), (dtype, good_type), (layout, good_layout) = shape, dtype, layout
    if layout not in ({}, EXTERNAL, VIRTUAL) and (len(shape) != 2 or 0 in shape or shape[0] < FRAMES):
        layout = {}  # HDF5 would not make such chunks
    if isinstance(layout, dict) and layout.get("chunks") == (FRAMES, 1) and shape[1] == 1:
        good_layout = True
    values = np.random.default_rng(seed).integers(0, 100, shape).astype("f8")
    try:
        values = values.astype(dtype)
    except (TypeError, ValueError):
        values = np.zeros(shape, dtype)
    feature_file.good(path.parent)
    with h5py.File(path, "r+") as file:
        store(file, shape, dtype, layout, values)
    if good_shape and good_type and (layout == {} or good_layout):
        np.testing.assert_array_equal(FeatureFile(path).streams["more"], values)
    else:
        only_layout = good_shape and good_type
        with pytest.raises(UserError, match="in another way than|into other chunks" if only_layout else "damaged"):
            FeatureFile(path)


PLAIN_ATTRIBUTES = [np.float64(1.5), np.bytes_(b"text"), np.bytes_("ü".encode())]
OTHER_ATTRIBUTES = [
    "text", 1, True, np.float32(1), np.float64("nan"), np.float64("inf"), np.longdouble(1), np.complex64(1),
    np.zeros(2), np.zeros((0,)), np.array([b"a", b"b"]), h5py.Empty("f8"), np.bytes_(b"\xff"), np.void(b"xy"),
]  # fmt: skip
TEXTS = ("schema", "params", "extractor", "version", "corpus")
NUMBERS = ("frame_rate", "first_frame")


@MANY
@given(st.sampled_from([*TEXTS, *NUMBERS, "more"]), plain_or_other(PLAIN_ATTRIBUTES, OTHER_ATTRIBUTES))
def test_an_attribute_is_a_text_or_a_number_or_refused(path, name, attribute):
    value, plain = attribute
    feature_file.good(path.parent)
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    number = isinstance(value, np.float64)
    if (
        plain
        and name not in ("schema", "params")
        and not (name in TEXTS and number)
        and (number or name not in NUMBERS)
    ):
        FeatureFile(path)
    else:
        with pytest.raises(UserError):
            FeatureFile(path)


LINKS = {
    "soft": lambda file, name, to: h5py.SoftLink(f"/{to}"),
    "external": lambda file, name, to: h5py.ExternalLink("features.h5", f"/{to}"),
    "hard": lambda file, name, to: file[to],
    "root": lambda file, name, to: file["/"],
    "type": lambda file, name, to: np.dtype("f4"),
}
NAMES = ("key", "digest", "offsets", "values")


@MANY
@given(st.sampled_from([*LINKS]), st.sampled_from([*NAMES, "more"]), st.sampled_from([*NAMES, "nothing"]))
def test_links_are_refused(path, sort, name, to):
    feature_file.good(path.parent)
    with h5py.File(path, "r+") as file:
        if to == "nothing" and sort == "hard":
            to = "values"
        link = LINKS[sort](file, name, to)
        if name in file:
            file.move(name, "moved")  # what it leads to stays in the file
            del link
            link = LINKS[sort](file, name, "moved" if name == to else to)
        file[name] = link
    # Not only for what it leads to, which is not looked at.
    with pytest.raises(UserError, match="is a link" if sort in ("soft", "external") else "is no dataset of its own"):
        FeatureFile(path)


def unpacked(packed):
    """What LZF packed, after its description; None where it is none."""
    out, place = bytearray(), 0
    try:
        while place < len(packed):
            code = packed[place]
            if code < 32:
                run = packed[place + 1 : place + 2 + code]
                if len(run) <= code:
                    return None
                out, place = out + run, place + 2 + code
                continue
            length, place = code >> 5, place + 1
            if length == 7:
                length, place = length + packed[place], place + 1
            back = ((code & 31) << 8) + packed[place] + 1
            place += 1
            if back > len(out):
                return None
            for _ in range(length + 2):
                out.append(out[-back])
    except IndexError:
        return None
    return bytes(out)


RUNS = st.binary(min_size=1, max_size=32).map(lambda run: bytes([len(run) - 1]) + run)
REPEATS = st.tuples(st.integers(1, 6), st.integers(0, 40)).map(lambda pair: bytes([pair[0] << 5, pair[1]]))
LONG = st.tuples(st.integers(0, 60), st.integers(0, 40)).map(lambda pair: bytes([7 << 5, *pair]))
FILL = FRAMES * 4 * 4


@st.composite
def packed_lzf(draw):
    """Runs and repeats; half of them are filled up to a chunk."""
    packed = b"".join(draw(st.lists(RUNS | REPEATS | LONG | st.binary(max_size=2), max_size=6)))
    given = unpacked(packed)
    if given is None or not draw(st.booleans()):
        return packed or b"\0"
    for start in range(len(given), FILL, 32):
        packed += bytes([min(32, FILL - start) - 1]) + bytes(min(32, FILL - start))
    return packed


PACKED_GZIP = st.one_of(
    st.integers(0, 2 * FILL).map(lambda size: zlib.compress(bytes(size))),
    st.just(FILL).map(lambda size: zlib.compress(bytes(range(size)))),
    st.binary(min_size=1, max_size=40),
)


def inflated(packed):
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return None


@MANY
@given(
    packed_lzf().map(lambda packed: ("lzf", packed, unpacked(packed)))
    | PACKED_GZIP.map(lambda packed: ("gzip", packed, inflated(packed))),
    st.booleans(),
)
def test_a_packed_chunk_unpacks_to_its_size_or_is_refused(path, case, bare):
    compression, packed, whole = case
    whole = packed if bare else whole
    feature_file.good(path.parent)
    with h5py.File(path, "r+") as file:
        options = {"chunks": (FRAMES, 4), "compression": compression}
        feature_file.put(file, "values", shape=(FRAMES, 4), dtype="f4", **options)
        file["values"].id.write_direct_chunk((0, 0), packed, int(bare))
    if whole is not None and len(whole) == FILL:
        assert FeatureFile(path).streams["values"].tobytes() == whole
    else:
        with pytest.raises(UserError):
            FeatureFile(path)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\0", "\ud800", "\x1b[31m", "../..", "/etc/passwd", "tiny", "", "angry", "a" * 5000, 10**30, -1])
)
KEYS = st.sampled_from(["model", "layers", "folds", "more", "\x1b[31m\n", "__class__"]) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=5
)


def places(value, above=()):
    """The paths of all values of a card, containers too."""
    yield above
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*above, key))


@st.composite
def changed(draw, card):
    """A card in which one or two values are others, are not there, or are more."""
    card = json.loads(json.dumps(card))
    for _ in range(draw(st.integers(1, 2))):
        above = draw(st.sampled_from([path for path in places(card) if path]))
        table = card
        for key in above[:-1]:
            table = table[key]
        act = draw(st.sampled_from(["replace", "replace", "delete", "add"]))
        inner = table[above[-1]]
        if act == "delete":
            del table[above[-1]]
        elif act == "add" and isinstance(inner, dict):
            inner[draw(KEYS)] = draw(VALUES)
        elif act == "add" and isinstance(inner, list):
            inner.append(draw(VALUES))
        else:
            table[above[-1]] = draw(VALUES)
    return card


def one_line(read):
    try:
        read()
    except UserError as error:
        said = str(error)
        assert "\n" not in said, said


def used(folder):
    """All that is done with a card before recordings are read."""
    source = read_models(folder)
    for model in source.leaves():
        assert isinstance(model, Model)
        model.extractors(model_folder.PLACE)
    source.described()


def fuzz(folder, data):
    card = folder / "card.json"
    good = card.read_text()
    try:
        card.write_text(json.dumps(data.draw(changed(json.loads(good)))))
        one_line(lambda: used(folder))
    finally:
        card.write_text(good)


@MANY
@given(st.data())
def test_a_card_of_other_values(models, data):
    fuzz(models / "model", data)


@MANY
@given(st.data())
def test_a_fusions_card_of_other_values(models, data):
    fuzz(models / "fusion", data)


def test_the_cards_are_good_to_begin_with(models, tmp_path):
    for name in ("model", "fusion"):
        shutil.copytree(models / name, tmp_path / name)
        used(tmp_path / name)
