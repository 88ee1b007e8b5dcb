"""Encoders of speech run with every `transformers` 5, and say in a line that an older one will not do."""

import numpy as np
import pytest
from ssl_checkpoints import build_whisper, save_whisper

from pipeline.errors import UserError
from pipeline.features.ssl import versions
from pipeline.features.ssl.extractor import SSL, SSLParams

masking = pytest.importorskip("transformers.masking_utils")

WAVE = np.random.default_rng(0).standard_normal(8000).astype(np.float32)


def test_older_ones_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(versions, "version", {"transformers": "4.57.1"}.get)
    with pytest.raises(UserError, match=r"transformers 4\.57\.1 is too old .* `pip install 'transformers>=5\.0,<6'`"):
        SSL(SSLParams(model="tiny")).extract([WAVE])


def test_blocks_may_give_tuples(monkeypatch, tmp_path):
    from transformers.models.whisper.modeling_whisper import WhisperEncoderLayer

    original = WhisperEncoderLayer.forward
    extractor = SSL(SSLParams(model=str(save_whisper(build_whisper(), tmp_path)), layers=(2,), chunk_seconds=5))
    (before,), operations = extractor.extract([WAVE]), extractor.pretrained_operations(8000)

    def as_in_5_0(*values, **named):
        output = original(*values, **named)
        return output if isinstance(output, tuple) else (output,)

    monkeypatch.setattr(WhisperEncoderLayer, "forward", as_in_5_0)
    assert extractor.pretrained_operations(8000) == operations
    np.testing.assert_array_equal(extractor.extract([WAVE])[0]["layer_02"], before["layer_02"])


def test_names_that_differ_between_versions_do_not_matter(monkeypatch):
    original = masking.create_bidirectional_mask
    (before,) = SSL(SSLParams(model="tiny")).extract([WAVE])

    def as_in_5_0(config, input_embeds, attention_mask):
        return original(config, input_embeds, attention_mask)

    monkeypatch.setattr(masking, "create_bidirectional_mask", as_in_5_0)
    (again,) = SSL(SSLParams(model="tiny")).extract([WAVE])
    np.testing.assert_array_equal(again["layer_09"], before["layer_09"])
