"""What the weights of a checkpoint hold, before they are read."""

import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from ssl_checkpoints import build, save

from pipeline.errors import UserError
from pipeline.features.ssl.checkpoint import held
from pipeline.features.ssl.loading import load_backbone


def test_numbers_are_counted_in_every_file(tmp_path):
    save_file({"a": np.zeros((3, 4)), "b": np.zeros(5)}, tmp_path / "model-1-of-2.safetensors")
    save_file({"c": np.zeros(2, np.float16)}, tmp_path / "model-2-of-2.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1-of-2.safetensors"}}')
    assert held(tmp_path, "mine") == (3, 19)


def test_a_pickled_checkpoint_holds_no_more_than_its_size(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "pytorch_model.bin")
    tensors, numbers = held(tmp_path, "mine")
    assert (tensors, numbers) == (1, (tmp_path / "pytorch_model.bin").stat().st_size // 2)


def test_a_packed_pickle_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 20))
    with pytest.raises(UserError, match=r"cannot read the weights of 'mine' in .*: pytorch_model.bin unpacks to more"):
        held(tmp_path, "mine")


@pytest.mark.slow
def test_a_model_may_have_wide_positions(tmp_path):
    # They are made as one weight, and again as the two parts of their weight norm; these are those of base models.
    wide = {"hidden_size": 768, "num_conv_pos_embeddings": 128, "num_conv_pos_embedding_groups": 16}
    model = build("wav2vec2-group", num_hidden_layers=1, **wide)
    loaded = load_backbone(save(model, tmp_path))
    torch.testing.assert_close(loaded.encoder.pos_conv_embed.conv.weight, model.encoder.pos_conv_embed.conv.weight)
