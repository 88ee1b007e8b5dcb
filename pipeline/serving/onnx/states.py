"""Hidden states of `pipeline.features.ssl`, as modules that can be traced: one utterance, no padding, no windows."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu
from torch.nn.utils import parametrize

from pipeline.features.spectrum import SpectrumParams
from pipeline.features.ssl.extractor import SSL, SSLParams
from pipeline.features.ssl.loading import load_backbone
from pipeline.features.ssl.streams import stream_name
from pipeline.features.ssl.wav2vec import Wav2vecEncoder, receptive_field
from pipeline.features.ssl.whisper import SILENCE, STRIDE, WhisperEncoder
from pipeline.serving.onnx.spectra import Spectrum, Streams
from pipeline.serving.onnx.waveform import extended, length, numbered
from pipeline.storage.source import OWN


class States(nn.Module):
    """The layers' streams of an embedding, pooled and rounded as its params say."""

    def __init__(self, extractor: SSL) -> None:
        super().__init__()
        encoder: Any = extractor.encoder
        layers: Any = extractor.params.layers  # written out by the extractor
        # Loaded anew: torch takes a parametrisation off a copy's class, which is that of the original too.
        backbone: Any = plain(load_backbone(extractor.params.model, extractor.params.seed))
        backbone.encoder.layers = backbone.encoder.layers[: max(layers)]
        self.params: SSLParams = extractor.params
        self.layers = layers
        self.encoder: nn.Module = (
            Whisper(backbone, encoder) if isinstance(encoder, WhisperEncoder) else Wav2vec(backbone, encoder)
        )

    def forward(self, wave: Tensor) -> Streams:
        """(1, n) -> layer's stream (1, frames, dims)."""
        states, own = self.encoder(wave)
        frames = torch.arange(own)
        kept = states if self.params.frames == "window" else [state[:, frames] for state in states]
        streams = {stream_name(layer): self._stored(kept[layer]) for layer in self.layers}
        if self.params.frames == "window":
            streams[OWN] = (torch.arange(states[0].shape[1]) < own).float()[None, :, None]
        return streams

    def _stored(self, state: Tensor) -> Tensor:
        """The state, pooled, as its number format has it."""
        if self.params.pool != "none":
            state = pooled(state, self.params.pool == "mean_std")
        return state.half().float() if self.params.precision == "float16" else state


def pooled(rows: Tensor, deviation: bool) -> Tensor:
    """(1, frames, dims) -> (1, 1, dims), or (1, 1, 2 dims): `features.ssl.pooling.Pooled`."""
    mean = rows.mean(dim=1, keepdim=True)
    if not deviation:
        return mean
    return torch.cat([mean, (rows - mean).square().mean(dim=1, keepdim=True).sqrt()], dim=2)


def plain(network: nn.Module) -> nn.Module:
    """The network with its parametrised weights written out, as those of a convolution that has a norm of weights."""
    for module in [*network.modules()]:
        if parametrize.is_parametrized(module):
            parametrizations: Any = module.parametrizations
            for name in [*parametrizations]:
                parametrize.remove_parametrizations(module, name)
    return network


class Wav2vec(nn.Module):
    """wav2vec 2.0-like models; see `features.ssl.wav2vec`."""

    def __init__(self, backbone: Any, encoder: Wav2vecEncoder) -> None:
        super().__init__()
        self.backbone, self.normalised = backbone, encoder.normalised
        self.least = receptive_field(backbone.config)
        self.is_stable = bool(getattr(backbone.config, "do_stable_layer_norm", False))

    def forward(self, wave: Tensor) -> tuple[list[Tensor], Tensor]:
        """(1, n) -> the states of all layers, (1, frames, hidden size), and how many frames are the utterance's."""
        hidden = self._projected(extended(normalised(wave) if self.normalised else wave, self.least))
        encoder = self.backbone.encoder
        hidden = hidden + encoder.pos_conv_embed(hidden)
        states = [hidden if self.is_stable else encoder.layer_norm(hidden)]
        states += passed(encoder.layers, states[0])
        return states, length(states[0][0, :, :1].T)

    def _projected(self, wave: Tensor) -> Tensor:
        projected = self.backbone.feature_projection(self.backbone.feature_extractor(wave).transpose(1, 2))
        hidden: Tensor = projected[0] if isinstance(projected, tuple) else projected
        return hidden


def normalised(wave: Tensor) -> Tensor:
    """`wav2vec.normalise` of (1, n)."""
    centred = wave.double() - wave.double().mean()
    return (centred / (centred.square().mean() + 1e-7).sqrt()).float()


def passed(blocks: nn.ModuleList, hidden: Tensor, position_bias: Tensor | None = None) -> list[Tensor]:
    """The output of each block, of one utterance whose frames are all its own; see `wav2vec.run_blocks`."""
    states = []
    for block in blocks:
        if hasattr(getattr(block, "attention", None), "gru_rel_pos_const"):  # WavLM
            hidden, position_bias = block(hidden, attention_mask=None, position_bias=position_bias)
        else:
            output = block(hidden, attention_mask=None)
            hidden = output[0] if isinstance(output, tuple) else output
        states.append(hidden)
    return states


class Whisper(nn.Module):
    """Whisper's encoder; see `features.ssl.whisper`."""

    def __init__(self, backbone: Any, encoder: WhisperEncoder) -> None:
        super().__init__()
        mel = encoder.log_mel
        self.encoder, self.depth, self.samples, self.hop = backbone.encoder, encoder.depth, mel.samples, encoder.hop
        self.spectrum = Spectrum(SpectrumParams(n_fft=mel.n_fft, hop_length=mel.hop_length, center=False, top_db=None))
        self.silence = SILENCE if encoder.exact else mel.samples
        self.edge = mel.n_fft // 2
        self.register_buffer("filters", mel.filters[..., None].clone())
        self.filters: Tensor

    def forward(self, wave: Tensor) -> tuple[list[Tensor], Tensor]:
        """(1, n) -> the states of all layers, (1, frames, hidden size), and how many frames are the utterance's."""
        own = ((length(wave) + self.hop - 1) // self.hop).clamp(min=1)
        encoder: Any = self.encoder
        seen = ((length(wave) + self.silence + self.hop - 1) // self.hop).clamp(max=self.samples // self.hop)
        mels = self._log_mel(wave)[..., numbered(STRIDE * seen)]
        hidden = gelu(encoder.conv2(gelu(encoder.conv1(mels)))).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[numbered(seen)]
        states = [hidden, *passed(encoder.layers, hidden)]
        if len(states) == self.depth + 1:
            states[-1] = encoder.layer_norm(states[-1])
        return states, own

    def _log_mel(self, wave: Tensor) -> Tensor:
        """`whisper.LogMel` of (1, n): (1, bands, frames)."""
        whole = nn.functional.pad(wave, (0, self.samples))[:, : self.samples]
        framed = nn.functional.pad(whole[:, None], (self.edge, self.edge), mode="reflect")[:, 0]
        mels = nn.functional.conv1d(self.spectrum(framed)[..., :-1], self.filters)
        logs = mels.clamp(min=1e-10).log10()
        return (torch.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0
