"""Mutated bytes of good files, through what reads them: one line or a value, never another error.

`--hypothesis-profile=hunt` looks for new ones.
"""

import pytest
from bad_inputs import feature_file, model_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.corpora import manifest
from pipeline.errors import UserError
from pipeline.serving.models import Model
from pipeline.storage.feature_file import FeatureFile
from pipeline.systems.pooled import Pooled

CHANGES = st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=4)), min_size=1, max_size=3)
ROW = manifest.Row("a", "mine", "a.wav", "anna", "", "en", "happy", "happy", "", "", 1.0, 16000, 1, "")


def mutated(data, changes):
    """Bytes in which a few stand in the place of others."""
    out = bytearray(data)
    for place, new in changes:
        start = place % max(1, len(out))
        out[start : start + len(new)] = new
    return bytes(out)


def one_line(read, errors=(UserError,)):
    try:
        read()
    except errors as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A good file of each kind."""
    made = tmp_path_factory.mktemp("good")
    feature_file.good(made)
    model_folder.write(made)
    manifest.write(made / "rows.jsonl", [ROW])
    return made


def fuzz(path, read, errors=(UserError,)):
    good = path.read_bytes()

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(CHANGES)
    def run(changes):
        path.write_bytes(mutated(good, changes))
        assert len(one_line(read, errors).splitlines()) <= 1

    try:
        run()
    finally:
        path.write_bytes(good)


def test_a_feature_file(folder):
    fuzz(folder / "features.h5", lambda: FeatureFile(folder / "features.h5").verify())


def test_a_manifest(folder):
    fuzz(folder / "rows.jsonl", lambda: manifest.read(folder / "rows.jsonl"))


def test_a_card(folder):
    fuzz(folder / "model/card.json", lambda: Model.read(folder / "model"))


def test_a_file_of_weights(folder):
    """`serving/models.py` makes these errors the user's."""
    from safetensors import SafetensorError

    path, X = folder / "model/fold_00.safetensors", [[0.0] * model_folder.dimensions()]
    fuzz(
        path,
        lambda: Pooled().load(path, X, model_folder.CLASSES),
        (SafetensorError, LookupError, TypeError, ValueError),
    )
