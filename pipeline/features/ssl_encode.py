"""Hidden states of wav2vec 2.0-like encoders over a ragged batch, such that padding never changes the answer.

`transformers` zero-pads a batch and, for base models, normalises the first convolution over time, padding included:
the states of an utterance then depend on what it is batched with. Here the statistics are taken over each utterance's
own frames, padded frames are zeroed wherever a convolution could see them, and attention is masked.

Sources: wav2vec 2.0 (Baevski et al. 2020), HuBERT (Hsu et al. 2021), WavLM (Chen et al. 2022), data2vec (Baevski et al.
2022), UniSpeech-SAT (Chen et al. 2022); the modules are those of the library `transformers`, run one by one.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features.base import Wave

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def receptive_field(config: Any) -> int:
    """Samples that the first frame sees: 400 for every supported pretrained model (25 ms at 16 kHz)."""
    field, stride = 1, 1
    for kernel, step in zip(config.conv_kernel, config.conv_stride, strict=True):
        field += (kernel - 1) * stride
        stride *= step
    return field


def frames(samples: int, config: Any) -> int:
    """How many frames an utterance of `samples` samples has, from the convolutions' kernels and strides.

    The convolutions are not padded: n -> (n - kernel) // stride + 1, each in turn. An utterance shorter than the
    receptive field is extended by zeros up to it, and so has 1 frame.
    """
    count = max(samples, receptive_field(config))
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        count = (count - kernel) // stride + 1
    return count


def normalise(wave: Wave) -> Wave:
    """Zero mean and unit variance over the utterance, as the feature extractors of `transformers` do: (samples,)."""
    if not len(wave):
        return wave
    values = wave.astype(np.float64)
    return ((values - values.mean()) / np.sqrt(values.var() + 1e-7)).astype(np.float32)


def check_layers(layers: Iterable[int], depth: int, model: str) -> None:
    """Raise a UserError if a layer is not one of hidden_states[0] ... hidden_states[depth]."""
    wrong = [layer for layer in layers if not 0 <= layer <= depth]
    if wrong:
        raise UserError(f"{model} has no layer {wrong[0]}: it has {depth} blocks, so layers go from 0 to {depth}")


def hidden_states(backbone: "PreTrainedModel", waves: Sequence[Wave], layers: Sequence[int]) -> list[dict[int, Tensor]]:
    """Hidden states of a ragged batch of utterances.

    Args:
        backbone: of a supported family, in evaluation mode, on any device.
        waves: one float32 array (samples,) each, at the model's sample rate, normalised if the model wants it.
        layers: k means what `transformers` gives as `hidden_states[k]` for the utterance alone: 0 is the input of
            block 1 (after the positional convolution), k the output of block k. The final layer norm of pre-norm
            (large) models belongs to `last_hidden_state` and is not applied. Blocks after the last layer do not run.

    Returns:
        For each utterance, layer -> (frames, hidden size) on the backbone's device; see `frames` for the count.

    Raises:
        UserError: a layer the model does not have, or an utterance without samples.
    """
    encoder: Any = backbone.encoder
    config = backbone.config
    check_layers(layers, len(encoder.layers), config.model_type)
    if any(not len(wave) for wave in waves):
        raise UserError("an utterance has no samples: remove it from the manifest")
    if not waves:
        return []

    device = next(backbone.parameters()).device
    lengths = [max(len(wave), receptive_field(config)) for wave in waves]
    batch = np.zeros((len(waves), max(lengths)), np.float32)
    for row, wave in zip(batch, waves, strict=True):
        row[: len(wave)] = wave
    counts = [frames(length, config) for length in lengths]

    features = _convolve(backbone.feature_extractor, torch.from_numpy(batch).to(device), lengths)
    projected = backbone.feature_projection(features.transpose(1, 2))  # type: ignore[operator]
    hidden = projected[0] if isinstance(projected, tuple) else projected
    valid = torch.arange(hidden.shape[1], device=device) < torch.tensor(counts, device=device)[:, None]
    states = {0: _embed(encoder, hidden, valid, stable=getattr(config, "do_stable_layer_norm", False))}
    blocks = encoder.layers[: max(layers, default=0)]
    for index, state in enumerate(run_blocks(blocks, states[0], valid), start=1):
        if index in layers:
            states[index] = state
    return [{layer: states[layer][row, :count] for layer in layers} for row, count in enumerate(counts)]


def run_blocks(
    blocks: nn.ModuleList, hidden: Tensor, valid: Tensor, position_bias: Tensor | None = None
) -> Iterator[Tensor]:
    """Run transformer blocks over a padded batch; yields each block's output, (batch, frames, hidden size).

    Args:
        blocks: consecutive encoder layers of `transformers`.
        hidden: the first block's input, (batch, frames, hidden size).
        valid: (batch, frames), true for real frames: others are not attended to, and their outputs mean nothing.
        position_bias: WavLM's, (batch * heads, frames, frames), unless `blocks` starts with the model's first block.
    """
    if not len(blocks):
        return
    if hasattr(blocks[0].attention, "gru_rel_pos_const"):
        mask = None if bool(valid.all()) else valid
        for block in blocks:
            with warnings.catch_warnings():  # torch: a boolean mask beside a float bias is deprecated
                warnings.filterwarnings("ignore", message="Support for mismatched", category=UserWarning)
                hidden, position_bias = block(hidden, attention_mask=mask, position_bias=position_bias)
            yield hidden
        return

    from transformers.masking_utils import create_bidirectional_mask

    attention: Any = blocks[0].attention
    attended = create_bidirectional_mask(config=attention.config, inputs_embeds=hidden, attention_mask=valid)
    for block in blocks:
        hidden = block(hidden, attention_mask=attended)
        yield hidden


def _convolve(extractor: Any, batch: Tensor, lengths: Sequence[int]) -> Tensor:
    """The convolutional encoder: (batch, samples) -> (batch, channels, frames).

    An utterance's frames never see its padding, because the convolutions are not padded; only a normalisation over
    time mixes frames. Base models have one, after the first convolution: it is run on each utterance's own frames.
    """
    hidden = batch[:, None]
    for layer in extractor.conv_layers:
        norm = getattr(layer, "layer_norm", None)
        if not isinstance(norm, nn.GroupNorm):
            hidden = layer(hidden)
            continue
        raw = layer.conv(hidden)
        (kernel,), (stride,) = layer.conv.kernel_size, layer.conv.stride
        rows = []
        for row, length in zip(raw.split(1), lengths, strict=True):
            count = (length - kernel) // stride + 1
            rows.append(nn.functional.pad(layer.activation(norm(row[..., :count])), (0, raw.shape[-1] - count)))
        hidden = torch.cat(rows)
    return hidden


def _embed(encoder: Any, hidden: Tensor, valid: Tensor, stable: bool) -> Tensor:
    """Add the convolutional position embedding: the input of block 1, (batch, frames, hidden size)."""
    padded = ~valid[..., None]
    hidden = hidden.masked_fill(padded, 0)
    embedding = encoder.pos_conv_embed
    if hasattr(embedding, "layers"):
        # data2vec: a stack, whose biases and norms make padded frames non-zero before the next convolution.
        positions = hidden
        for layer in embedding.layers:
            positions = layer(positions.transpose(1, 2)).transpose(1, 2).masked_fill(padded, 0)
    elif getattr(embedding, "batch_norm", None) is not None:
        # Some HuBERT: a batch norm before the convolution shifts padded frames from zero.
        shifted = embedding.batch_norm(hidden.transpose(1, 2)).masked_fill(padded.transpose(1, 2), 0)
        positions = embedding.activation(embedding.padding(embedding.conv(shifted))).transpose(1, 2)
    else:
        positions = embedding(hidden)
    hidden = hidden + positions
    return encoder.dropout(hidden if stable else encoder.layer_norm(hidden))
