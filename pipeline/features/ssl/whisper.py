"""Hidden states of Whisper's encoder (Radford et al. 2022, arXiv:2212.04356), for the frames of the utterance alone.

Whisper sees log-Mels of 30 s: shorter audio is extended by silence, which it was trained to attend to, so that there is
nothing to mask, and every utterance costs 30 s. The modules are those of the library `transformers`, run one by one.

With `exact` it sees the utterance and a second of silence: other states, at a fraction of the cost. Their log-Mel is
that of 30 s, cut: as its norm is the largest value, which silence never is, no frame depends on how much of it follows.
From there on the end is as that of the 30 s, with zeros after it for the convolutions, and nothing to attend to.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from pipeline.arithmetic import exact_log10
from pipeline.audio.samples import Signal
from pipeline.errors import UserError
from pipeline.features.ssl.batches import Piece
from pipeline.features.ssl.loading import feature_settings
from pipeline.features.ssl.wav2vec import run_blocks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RATE = 16000
"""Hz"""
STRIDE = 2
"""of the second convolution: log-Mel frames per hidden state"""
SILENCE = RATE
"""after an utterance, where not 30 s are seen (samples): more than the last frames' windows and kernels reach"""


@dataclass(frozen=True)
class LogMel:
    """Whisper's log-Mel; the fields are those of preprocessor_config.json, the defaults those of `transformers`."""

    feature_size: int = 80
    """Mel bands (0 to 8 kHz, Slaney's scale and norm)"""
    n_fft: int = 400
    """window (samples)"""
    hop_length: int = 160
    """step (samples)"""
    chunk_length: int = 30
    """length that audio is extended to with zeros (s)"""

    @property
    def samples(self) -> int:
        """Length that audio is extended to (samples)."""
        return self.chunk_length * RATE

    @cached_property
    def filters(self) -> Tensor:
        """Mel filters, (bands, frequencies)."""
        from transformers.audio_utils import mel_filter_bank

        bins = 1 + self.n_fft // 2
        bank = mel_filter_bank(bins, self.feature_size, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney")
        return torch.from_numpy(bank).float().T.contiguous()

    def __call__(self, batch: Tensor) -> Tensor:
        """(batch, samples) -> (batch, bands, frames): at most 80 dB below its largest value, about -1 to 1."""
        window = torch.hann_window(self.n_fft, device=batch.device)
        spectrum = torch.stft(batch, self.n_fft, self.hop_length, window=window, return_complex=True)[..., :-1]
        mels = self.filters.to(batch.device) @ spectrum.abs().square()
        logs = exact_log10(mels.clamp(min=1e-10))
        return (torch.maximum(logs, logs.amax(dim=(1, 2), keepdim=True) - 8.0) + 4.0) / 4.0


def log_mel_of(model: str, config: Any) -> LogMel:
    """The log-Mel that a checkpoint asks for in its preprocessor_config.json; without one, that of its kind.

    Dither, which makes log-Mels random, is left out.

    Raises:
        UserError: the settings cannot be had or read, or do not fit the model.
    """
    said = feature_settings(model)
    if said.get("sampling_rate", RATE) != RATE:
        raise UserError(f"{model!r} wants audio at {said['sampling_rate']} Hz; Whisper models at {RATE} Hz can be used")
    found = {"feature_size": config.num_mel_bins}
    found |= {field.name: said[field.name] for field in fields(LogMel) if field.name in said}
    wrong = [f"{key} {value!r}" for key, value in found.items() if not (isinstance(value, int) and value > 0)]
    if wrong:
        raise UserError(f"{model!r}: its preprocessor's {wrong[0]} is not a positive whole number")
    made = LogMel(**found)
    if made.n_fft > RATE:
        raise UserError(f"{model!r}: its preprocessor's n_fft {made.n_fft} is longer than a second")
    shape = (made.feature_size, made.samples // made.hop_length)
    wanted = (config.num_mel_bins, STRIDE * config.max_source_positions)
    if shape != wanted:
        raise UserError(
            f"{model!r}: its preprocessor gives log-Mels of {shape[0]} bands x {shape[1]} frames, "
            f"but its encoder takes {wanted[0]} x {wanted[1]}"
        )
    return made


@dataclass(frozen=True)
class WhisperEncoder:
    """Waveforms at 16 kHz to hidden states of Whisper; the protocol is `batches.Encoder`.

    Attributes:
        backbone: WhisperModel in evaluation mode, on any device; its decoder is not used.
        log_mel: what its checkpoint asks for.
        whole: whether the frames of the silence that it sees count among the utterance's.
        exact: whether it sees a second of silence after an utterance, not that up to 30 s.
    """

    backbone: "PreTrainedModel"
    log_mel: LogMel
    whole: bool = False
    exact: bool = False

    @property
    def depth(self) -> int:
        """Number of blocks of the model, also when some are left out of the backbone."""
        return int(self.backbone.config.encoder_layers)

    @property
    def hidden_size(self) -> int:
        """Dimensions of a hidden state."""
        return int(self.backbone.config.d_model)

    @property
    def hop(self) -> int:
        """Samples per hidden state: 320 (50 Hz)."""
        return STRIDE * self.log_mel.hop_length

    @property
    def first_frame(self) -> float:
        """Centre of the first frame (samples): log-Mel frames are centred, and so are the padded convolutions."""
        return 0.0

    @property
    def longest(self) -> int:
        """Samples that the model can take at once: 480 000 (30 s)."""
        return self.log_mel.samples

    @property
    def identity(self) -> dict[str, int]:
        """What the states depend on besides the weights and the waveform."""
        return asdict(self.log_mel) | ({"silence": SILENCE} if self.exact else {})

    @property
    def parts(self) -> list[nn.Module]:
        """Convolutions, positions and blocks, and the norm after the last of all blocks."""
        encoder: Any = self.backbone.encoder
        norms = [encoder.layer_norm] if len(encoder.layers) == self.depth else []
        return [encoder.conv1, encoder.conv2, encoder.embed_positions, encoder.layers, *norms]

    @property
    def network(self) -> nn.Module:
        """The model's encoder, which takes log-Mels."""
        return AnyLength(self.backbone.encoder)

    @property
    def lowered(self) -> list[nn.Module]:
        """Convolutions and blocks."""
        encoder: Any = self.backbone.encoder
        return [encoder.conv1, encoder.conv2, encoder.layers]

    def shape(self, samples: int) -> tuple[int, int, int]:
        """(1, bands, log-Mel frames)."""
        return 1, self.log_mel.feature_size, samples // self.log_mel.hop_length

    def prepare(self, wave: Signal) -> Signal:
        """The waveform as it is."""
        return wave

    def measure(self, wave: Signal) -> None:
        """Nothing: each window's log-Mel is by itself."""

    def cost(self, samples: int) -> int:
        """30 s, however short the utterance is; if `exact`, whole frames of it and its silence, 30 s at most."""
        return min(self.longest, -(-(samples + SILENCE) // self.hop) * self.hop) if self.exact else self.longest

    def frames(self, samples: int) -> int:
        """`own_frames`, or where the silence counts, all that are seen: 1500, or if `exact`, 50 more than its own."""
        return self.cost(samples) // self.hop if self.whole else self.own_frames(samples)

    def own_frames(self, samples: int) -> int:
        """ceil(samples / 320), 1 at least: state t is centred at sample 320 t, and kept if the utterance has that."""
        return max(1, -(-samples // self.hop))

    def states(self, pieces: Sequence[Piece], layers: Sequence[int]) -> tuple[dict[int, Tensor], list[int]]:
        """Layer -> hidden states (batch, frames, hidden size), and how many frames of each piece are real.

        Layer k is `hidden_states[k]` of `WhisperModel(...).encoder`: 0 is the input of block 1 (convolutions and
        positions), k the output of block k, but the last block's has passed the final layer norm, as in
        `transformers`. Blocks after the last layer do not run. The frames are the 1500 of 30 s; if `exact`, those of
        the longest piece, and zeros and masks keep others from seeing what comes after their own silence.
        """
        encoder: Any = self.backbone.encoder
        device = encoder.conv1.weight.device
        counts = torch.tensor([self.cost(len(piece.wave)) // self.hop for piece in pieces], device=device)
        batch = np.zeros((len(pieces), int(counts.max()) * self.hop), np.float32)
        for row, piece in zip(batch, pieces, strict=True):
            row[: len(piece.wave)] = piece.wave
        with torch.autocast(device.type, enabled=False):
            mels = self.log_mel(torch.from_numpy(batch).to(device))
        valid = torch.arange(mels.shape[-1] // STRIDE, device=device) < counts[:, None]
        hidden = _embed(encoder, mels, None if bool(valid.all()) else valid)
        states = {0: hidden}
        for index, state in enumerate(run_blocks(encoder.layers[: max(layers, default=0)], hidden, valid), start=1):
            if index in layers:
                states[index] = encoder.layer_norm(state) if index == self.depth else state
        return states, [self.frames(len(piece.wave)) for piece in pieces]


class AnyLength(nn.Module):
    """Whisper's encoder for log-Mels (batch, bands, frames) of any length; that of `transformers` takes 30 s alone."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, mels: Tensor) -> Tensor:
        """The output of the last block, (batch, frames / 2, hidden size)."""
        hidden = _embed(self.encoder, mels, None)
        for block in self.encoder.layers:
            output = block(hidden, attention_mask=None)
            hidden = output[0] if isinstance(output, tuple) else output  # as in transformers 5.0
        return hidden


def _embed(encoder: Any, mels: Tensor, valid: Tensor | None) -> Tensor:
    """The input of block 1, (batch, frames, hidden size).

    Args:
        encoder: of `transformers`.
        mels: log-Mels (batch, bands, 2 * frames).
        valid: (batch, frames), true up to each utterance's end, where a convolution pads with zeros; None if all are.
    """
    real = None if valid is None else valid.repeat_interleave(STRIDE, dim=1)[:, None]
    mels = mels if real is None else mels * real
    hidden = gelu(encoder.conv1(mels))
    hidden = hidden if real is None else hidden * real
    # Frames one after another in memory, as the blocks' outputs are: their sums take several times as long otherwise.
    hidden = gelu(encoder.conv2(hidden)).transpose(1, 2).contiguous()
    return hidden + encoder.embed_positions.weight[: hidden.shape[1]]
