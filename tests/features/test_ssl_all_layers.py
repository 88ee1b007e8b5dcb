"""`layers: all` of an embedding."""

import json

import numpy as np
import pytest
from ssl_checkpoints import build, build_whisper, save, save_whisper

from pipeline.errors import UserError
from pipeline.features.ssl.extractor import SSL, SSLParams


@pytest.mark.parametrize("family", ["tiny", "wav2vec2-group", "whisper"])
def test_they_are_those_that_a_list_would_name(tmp_path, family):
    if family == "tiny":
        model = family
    else:
        model = str(save_whisper(build_whisper(), tmp_path) if family == "whisper" else save(build(family), tmp_path))
    every = SSL(SSLParams(model=model, layers="all", pool="mean_std", chunk_seconds=5))
    listed = SSL(SSLParams(model=model, layers=tuple(range(every.encoder.depth + 1)), pool="mean_std", chunk_seconds=5))
    assert every.params == listed.params
    assert every.weights_digest == listed.weights_digest
    wave = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    one, other = (extractor.extract([wave])[0] for extractor in (every, listed))
    assert [*one] == [*other]
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("count", [None, "6", 0, 10**9])
def test_a_model_that_does_not_say_how_many_blocks_it_has(tmp_path, count):
    config = {"model_type": "wav2vec2"} if count is None else {"model_type": "wav2vec2", "num_hidden_layers": count}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="does not say how many blocks it has"):
        SSL(SSLParams(model=str(tmp_path), layers="all"))
