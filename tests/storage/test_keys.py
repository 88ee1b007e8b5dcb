"""Keys of feature files."""

import numpy as np
import pytest
from feature_files import write_features

from pipeline.errors import UserError
from pipeline.storage.feature_file import FeatureFile


def test_a_key_that_ends_in_a_nul_is_not_written(tmp_path):
    with pytest.raises(UserError, match=r"the key 'a\\x00' ends in a NUL character"):
        write_features(tmp_path / "f.h5", {key: np.zeros((1, 2), np.float32) for key in ("a\0", "b")})
    write_features(tmp_path / "f.h5", {key: np.zeros((1, 2), np.float32) for key in ("a\0b", "b")})
    assert FeatureFile(tmp_path / "f.h5").keys == ["a\0b", "b"]
