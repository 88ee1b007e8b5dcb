"""Hidden states of wav2vec 2.0-like encoders over a ragged batch, such that padding never changes the answer.

`transformers` zero-pads a batch and, for base models, normalises the first convolution over time, padding included:
the states of an utterance then depend on what it is batched with. Here the statistics are taken over each utterance's
own samples (`convolutions`), padded frames are zeroed wherever a convolution could see them, and attention is masked.

Sources: wav2vec 2.0 (Baevski et al. 2020), HuBERT (Hsu et al. 2021), WavLM (Chen et al. 2022), data2vec (Baevski et al.
2022), UniSpeech-SAT (Chen et al. 2022); the modules are those of the library `transformers`, run one by one.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.arithmetic import is_portable
from pipeline.audio.samples import Signal, Wave, slices
from pipeline.errors import UserError
from pipeline.features.ssl.batches import Piece
from pipeline.features.ssl.convolutions import Moments, convolve, moments, normalises_over_time

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BLOCK = 1_000_000


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


@dataclass(frozen=True)
class Normalised:
    """A signal less its mean over its deviation."""

    signal: Signal
    mean: float
    deviation: float

    def __len__(self) -> int:
        return len(self.signal)

    def __getitem__(self, part: slice) -> Wave:
        return ((self.signal[part].astype(np.float64) - self.mean) / self.deviation).astype(np.float32)


def normalise(wave: Signal) -> Signal:
    """Zero mean and unit variance over the utterance, as the feature extractors of `transformers` do: (samples,).

    An array gives an array; what is not in memory is normalised where it is read.
    """
    if not len(wave):
        return wave
    # Blocks bound what double precision takes.
    mean = sum(block.sum(dtype=np.float64) for block in slices(wave, _BLOCK)) / len(wave)
    variance = sum(np.square(block.astype(np.float64) - mean).sum() for block in slices(wave, _BLOCK)) / len(wave)
    whole = Normalised(wave, mean, np.sqrt(variance + 1e-7))
    return np.concatenate(list(slices(whole, _BLOCK))) if isinstance(wave, np.ndarray) else whole


def check_layers(layers: Iterable[int], depth: int, model: str) -> None:
    """Raise a UserError if a layer is not one of hidden_states[0] ... hidden_states[depth]."""
    wrong = [layer for layer in layers if not 0 <= layer <= depth]
    if wrong:
        raise UserError(f"{model} has no layer {wrong[0]}: it has {depth} blocks, so layers go from 0 to {depth}")


def check_samples(waves: Iterable[Signal]) -> None:
    """Raise a UserError if an utterance is empty."""
    if any(not len(wave) for wave in waves):
        raise UserError("an utterance has no samples: remove it from the manifest")


def hidden_states(
    backbone: "PreTrainedModel", waves: Sequence[Signal], layers: Sequence[int]
) -> list[dict[int, Tensor]]:
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
        UserError: a layer the model does not have, an utterance without samples, or a model that takes no waveforms.
    """
    if not hasattr(backbone, "feature_extractor"):
        raise UserError(
            f"a {backbone.config.model_type!r} model does not take waveforms: cache its hidden states instead"
        )
    check_samples(waves)
    encoder = Wav2vecEncoder(backbone, normalised=False)
    check_layers(layers, encoder.depth, backbone.config.model_type)
    if not waves:
        return []
    states, counts = encoder.states([Piece(wave[: len(wave)], encoder.measure(wave)) for wave in waves], layers)
    return [{layer: states[layer][row, :count] for layer in layers} for row, count in enumerate(counts)]


@dataclass(frozen=True)
class Wav2vecEncoder:
    """Waveforms to hidden states of a wav2vec 2.0-like model; the protocol is `batches.Encoder`.

    Attributes:
        backbone: of a supported family, in evaluation mode, on any device.
        normalised: whether each utterance is brought to zero mean and unit variance first.
    """

    backbone: "PreTrainedModel"
    normalised: bool

    @property
    def depth(self) -> int:
        """Number of blocks that the backbone has."""
        return len(self.backbone.encoder.layers)  # type: ignore[arg-type, union-attr]

    @property
    def hidden_size(self) -> int:
        """Dimensions of a hidden state."""
        return int(self.backbone.config.hidden_size)

    @property
    def hop(self) -> int:
        """Samples per frame: 320 for every supported pretrained model (50 Hz)."""
        return int(prod(self.backbone.config.conv_stride))

    @property
    def first_frame(self) -> float:
        """Centre of the first frame (samples): half of what it sees."""
        return receptive_field(self.backbone.config) / 2

    @property
    def longest(self) -> None:
        """Any number of samples can be taken at once."""
        return

    @property
    def identity(self) -> bool:
        """What the states depend on besides the weights and the waveform."""
        return self.normalised

    @property
    def parts(self) -> list[nn.Module]:
        """Convolutions, projection, positions and blocks; a pre-norm model's last norm is not run."""
        model: Any = self.backbone
        encoder = model.encoder
        norms = [] if getattr(model.config, "do_stable_layer_norm", False) else [encoder.layer_norm]
        return [model.feature_extractor, model.feature_projection, encoder.pos_conv_embed, *norms, encoder.layers]

    @property
    def network(self) -> nn.Module:
        """The model, which takes waveforms."""
        return self.backbone

    @property
    def lowered(self) -> list[nn.Module]:
        """Convolutions but the first and the positional ones, whose sums are long or kernels wrong; and blocks."""
        backbone: Any = self.backbone
        return [*backbone.feature_extractor.conv_layers[1:], backbone.feature_projection, backbone.encoder.layers]

    def shape(self, samples: int) -> tuple[int, int]:
        """(1, samples)."""
        return 1, samples

    def prepare(self, wave: Signal) -> Signal:
        """The utterance, normalised if the model wants that."""
        return normalise(wave) if self.normalised else wave

    def measure(self, wave: Signal) -> Moments | None:
        """What the norm over time needs to know of a whole utterance; None when the model has no such norm."""
        extractor: Any = self.backbone.feature_extractor
        if not normalises_over_time(extractor):
            return None
        (kernel,), (stride,) = extractor.conv_layers[0].conv.kernel_size, extractor.conv_layers[0].conv.stride
        missing = receptive_field(self.backbone.config) - len(wave)
        return moments(np.pad(wave[: len(wave)], (0, missing)) if missing > 0 else wave, kernel, stride)

    def cost(self, samples: int) -> int:
        """Samples that are computed for an utterance of `samples` samples by itself."""
        return max(samples, receptive_field(self.backbone.config))

    def frames(self, samples: int) -> int:
        """How many frames an utterance of `samples` samples has; see `frames`."""
        return frames(samples, self.backbone.config)

    @cached_property
    def _flat(self) -> Tensor | None:
        """The positional convolution's weight (out, in, 1, kernel), channels last; None where it is best left alone.

        On a CPU the convolution of so many small groups is about twice as fast in this layout, by oneDNN, which
        portable arithmetic does without here.
        """
        encoder: Any = self.backbone.encoder
        conv = getattr(encoder.pos_conv_embed, "conv", None)
        if conv is None or conv.weight.device.type != "cpu" or is_portable():
            return None
        weight: Tensor = conv.weight[:, :, None].contiguous(memory_format=torch.channels_last)
        return weight

    def states(self, pieces: Sequence[Piece], layers: Sequence[int]) -> tuple[dict[int, Tensor], list[int]]:
        """Layer -> hidden states (batch, frames, hidden size), and how many frames of each piece are real."""
        encoder: Any = self.backbone.encoder
        config, device = self.backbone.config, next(self.backbone.parameters()).device
        lengths = [self.cost(len(piece.wave)) for piece in pieces]
        counts = [self.frames(length) for length in lengths]
        batch = np.zeros((len(pieces), max(lengths)), np.float32)
        for row, piece in zip(batch, pieces, strict=True):
            row[: len(piece.wave)] = piece.wave
        extractor: Any = self.backbone.feature_extractor
        whole = [piece.whole for piece in pieces] if normalises_over_time(extractor) else None

        tiled = device.type == "cpu"
        features = convolve(extractor, torch.from_numpy(batch).to(device), lengths, whole, tiled)
        projected = self.backbone.feature_projection(features)  # type: ignore[operator]
        hidden = projected[0] if isinstance(projected, tuple) else projected
        valid = torch.arange(hidden.shape[1], device=device) < torch.tensor(counts, device=device)[:, None]
        states = {0: _embed(encoder, hidden, valid, getattr(config, "do_stable_layer_norm", False), self._flat)}
        blocks = encoder.layers[: max(layers, default=0)]
        for index, state in enumerate(run_blocks(blocks, states[0], valid), start=1):
            if index in layers:
                states[index] = state
        return states, counts


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
    attention: Any = attention_of(blocks[0])
    if hasattr(attention, "gru_rel_pos_const"):
        mask = None if bool(valid.all()) else valid
        for block in blocks:
            with warnings.catch_warnings():  # torch: a boolean mask beside a float bias is deprecated
                warnings.filterwarnings("ignore", message="Support for mismatched", category=UserWarning)
                hidden, position_bias = block(hidden, attention_mask=mask, position_bias=position_bias)
            yield hidden
        return

    from transformers.masking_utils import create_bidirectional_mask

    attended = create_bidirectional_mask(attention.config, hidden, valid)  # by place, as names differ between versions
    for block in blocks:
        output = block(hidden, attention_mask=attended)
        hidden = output[0] if isinstance(output, tuple) else output
        yield hidden


def attention_of(block: nn.Module) -> nn.Module | None:
    """The self-attention of an encoder block of `transformers`, Whisper's too; None where it is called otherwise."""
    attention: nn.Module | None = getattr(block, "attention", getattr(block, "self_attn", None))
    return attention


def _embed(encoder: Any, hidden: Tensor, valid: Tensor, stable: bool, flat: Tensor | None) -> Tensor:
    """Add the convolutional position embedding: the input of block 1, (batch, frames, hidden size).

    The embedding is float32 always: on processors with AMX, oneDNN's grouped convolution in bfloat16 is wrong where a
    group has few channels.
    """
    padded = ~valid[..., None]
    hidden = hidden.masked_fill(padded, 0)
    with torch.autocast(hidden.device.type, enabled=False):
        hidden = hidden + _positions(encoder.pos_conv_embed, hidden.float(), padded, flat)
    return encoder.dropout(hidden if stable else encoder.layer_norm(hidden))


def _positions(embedding: Any, hidden: Tensor, padded: Tensor, flat: Tensor | None) -> Tensor:
    """The convolutional position embedding of states (batch, frames, hidden size), zero where padded."""
    if hasattr(embedding, "layers"):
        # data2vec: a stack, whose biases and norms make padded frames non-zero before the next convolution.
        for layer in embedding.layers:
            hidden = layer(hidden.transpose(1, 2)).transpose(1, 2).masked_fill(padded, 0)
        return hidden
    shifted = hidden.transpose(1, 2)
    if getattr(embedding, "batch_norm", None) is not None:
        # Some HuBERT: a batch norm before the convolution shifts padded frames from zero.
        shifted = embedding.batch_norm(shifted).masked_fill(padded.transpose(1, 2), 0)
    convolved = embedding.conv(shifted) if flat is None else _convolve_flat(embedding.conv, flat, shifted)
    positions: Tensor = embedding.activation(embedding.padding(convolved)).transpose(1, 2)
    return positions


def _convolve_flat(conv: Any, flat: Tensor, hidden: Tensor) -> Tensor:
    """A convolution over time, as one over an image of height 1: (batch, channels, frames) to the same."""
    (padding,), (dilation,) = conv.padding, conv.dilation
    image = hidden[:, :, None]
    found = nn.functional.conv2d(image, flat, conv.bias, 1, (0, padding), (1, dilation), conv.groups)
    return found[:, :, 0]
