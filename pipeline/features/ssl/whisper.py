"""Hidden states of Whisper's encoder (Radford et al. 2022, arXiv:2212.04356), for the frames of the utterance alone.

Whisper sees log-Mels of 30 s: shorter audio is extended by silence, which it was trained to attend to, so that there is
nothing to mask, and every utterance costs 30 s. The modules are those of the library `transformers`, run one by one.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from pipeline.audio.samples import Signal
from pipeline.errors import UserError
from pipeline.features.ssl.batches import Piece
from pipeline.features.ssl.loading import feature_settings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RATE = 16000
"""Hz"""
STRIDE = 2
"""of the second convolution: log-Mel frames per hidden state"""


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
        logs = mels.clamp(min=1e-10).log10()
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
        whole: whether the frames of the silence up to 30 s count among the utterance's.
    """

    backbone: "PreTrainedModel"
    log_mel: LogMel
    whole: bool = False

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
        return asdict(self.log_mel)

    @property
    def parts(self) -> list[nn.Module]:
        """Convolutions, positions and blocks, and the norm after the last of all blocks."""
        encoder: Any = self.backbone.encoder
        norms = [encoder.layer_norm] if len(encoder.layers) == self.depth else []
        return [encoder.conv1, encoder.conv2, encoder.embed_positions, encoder.layers, *norms]

    @property
    def network(self) -> nn.Module:
        """The model's encoder, which takes log-Mels."""
        encoder: nn.Module = self.backbone.encoder  # type: ignore[assignment]
        return encoder

    def shape(self, samples: int) -> tuple[int, int, int]:
        """(1, bands, log-Mel frames)."""
        return 1, self.log_mel.feature_size, samples // self.log_mel.hop_length

    def prepare(self, wave: Signal) -> Signal:
        """The waveform as it is."""
        return wave

    def measure(self, wave: Signal) -> None:
        """Nothing: each window's log-Mel is by itself."""

    def cost(self, samples: int) -> int:
        """30 s, however short the utterance is."""
        return self.longest

    def frames(self, samples: int) -> int:
        """`own_frames`, or where the silence counts, all 1500."""
        return self.longest // self.hop if self.whole else self.own_frames(samples)

    def own_frames(self, samples: int) -> int:
        """ceil(samples / 320), 1 at least: state t is centred at sample 320 t, and kept if the utterance has that."""
        return max(1, -(-samples // self.hop))

    def states(self, pieces: Sequence[Piece], layers: Sequence[int]) -> tuple[dict[int, Tensor], list[int]]:
        """Layer -> hidden states (batch, 1500, hidden size), and how many frames of each piece are real.

        Layer k is `hidden_states[k]` of `WhisperModel(...).encoder`: 0 is the input of block 1 (convolutions and
        positions), k the output of block k, but the last block's has passed the final layer norm, as in
        `transformers`. Blocks after the last layer do not run.
        """
        encoder: Any = self.backbone.encoder
        batch = np.zeros((len(pieces), self.longest), np.float32)
        for row, piece in zip(batch, pieces, strict=True):
            row[: len(piece.wave)] = piece.wave
        device = encoder.conv1.weight.device
        with torch.autocast(device.type, enabled=False):
            mels = self.log_mel(torch.from_numpy(batch).to(device))
        hidden = gelu(encoder.conv2(gelu(encoder.conv1(mels)))).transpose(1, 2) + encoder.embed_positions.weight
        states = {0: hidden}
        for index, block in enumerate(encoder.layers[: max(layers, default=0)], start=1):
            output = block(hidden, attention_mask=None)
            hidden = output[0] if isinstance(output, tuple) else output
            if index in layers:
                states[index] = encoder.layer_norm(hidden) if index == self.depth else hidden
        return states, [self.frames(len(piece.wave)) for piece in pieces]
