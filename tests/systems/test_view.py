"""The view over feature files."""

import numpy as np
import pytest
from feature_files import write_logmel, write_states
from system_checks import KEYS, view

from pipeline.errors import UserError
from pipeline.systems.view import View


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {"logmel": write_logmel(folder / "logmel.h5", KEYS), "ssl": write_states(folder / "ssl.h5", KEYS)}


def test_a_view_is_indexed_as_an_array(files):
    X = view(files, files)
    assert X.shape == (16,)
    for indices in ([3, 1, 3], slice(2, 9, 3), np.arange(16) % 3 == 0, 5):
        chosen = X[indices]
        assert chosen.keys.tolist() == np.atleast_1d(np.array(KEYS)[indices]).tolist()
        for key, rows in zip(chosen.keys, chosen.arrays("logmel"), strict=True):
            np.testing.assert_array_equal(rows, files["logmel"].row(KEYS.index(key)))


def test_a_view_finds_noisy_copies_in_the_second_file(files, tmp_path):
    noisy = write_logmel(tmp_path / "noisy.h5", ["u01@20dB", "u00@20dB"], seed=9)
    X = View(["u01@20dB", "u02", "u00@20dB"], {"logmel": [files["logmel"], noisy]})
    for found, wanted in zip(X.arrays("logmel"), (noisy.row(0), files["logmel"].row(2), noisy.row(1)), strict=True):
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(UserError, match="has no utterance 'u99'"):
        View(["u99"], {"logmel": [files["logmel"], noisy]})


def test_a_view_names_the_streams_of_a_role(files, tmp_path):
    many = write_states(tmp_path / "many.h5", KEYS, layers=(12, 0, 3))
    assert view(files, files).streams("logmel") == ["values"]
    assert View(KEYS, {"ssl": [many]}).streams("ssl") == ["layer_00", "layer_03", "layer_12"]
