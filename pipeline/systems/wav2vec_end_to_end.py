"""The wav2vec 2.0 branch of the parallel dual-branch model (Wei et al. 2025, section III.C), trained on waveforms.

The last `unfreeze_blocks` blocks and, as in the paper, the feature projection train; the convolutions, the positional
convolution and the blocks below are frozen, in evaluation mode. With the projection frozen, it is the same training as
`wav2vec`'s from cached states (of Whisper those of `frames: window`), and a model saved by that one can be loaded here.

The waveform feature fixes the length. With `clip: 3.0` utterances are cut to 3 s, padded batch by batch, and masked, so
that padding changes nothing: what we recommend. With `pad_to: 3.0` as well, short ones end in zeros that count as
speech, which is the paper's. Pretraining's layer drop is not used.

`model` may be a Whisper too: its blocks attend to the silence up to 30 s, as they were trained to, and the mean is over
the utterance's frames. It has no feature projection, so that only blocks train.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.audio.samples import FULL_SCALE
from pipeline.errors import DataError, UserError
from pipeline.features.ssl.batches import Encoder, Piece
from pipeline.features.ssl.loading import known_block_count, load_backbone, wants_normalised
from pipeline.features.ssl.streams import TINY
from pipeline.features.ssl.wav2vec import Wav2vecEncoder, check_samples
from pipeline.features.ssl.whisper import RATE, LogMel, WhisperEncoder, log_mel_of
from pipeline.systems.demands import Features, other_rate
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.ssl_top_blocks import WHISPER, TopBlocks, set_dropout
from pipeline.systems.neural import Inputs, NeuralSystem, Ragged
from pipeline.systems.view import View
from pipeline.systems.wav2vec import BranchParams, Wav2vecNetwork


class EndToEndParams(BranchParams):
    """Params of the wav2vec 2.0 branch on waveforms."""

    model: str = Field(TINY, min_length=1, description="a hub name, a local folder, or tiny (random weights)")
    model_seed: int = Field(0, ge=0, description="seed of the random weights of tiny; ignored for other models")
    unfreeze_blocks: int = Field(3, ge=0, description="how many of the last blocks train: 0 to 12 of a base model")
    train_projection: bool = Field(
        True,
        description="train the feature projection too (the paper's; Whisper has none); false gives the training of "
        "`wav2vec`",
    )

    def unmet(self, features: Features) -> Iterator[str]:
        """Waveforms at 16 kHz, and a model of so many blocks; see `SystemParams.unmet`."""
        yield from super().unmet(features)
        yield from other_rate(features, "wav2vec_end_to_end")
        yield from self.unstandardised("wav2vec_end_to_end reads the waveform")
        depth = known_block_count(self.model)
        if depth is not None and self.unfreeze_blocks > depth:
            many = f"{self.unfreeze_blocks}, but {self.model!r} has {depth} blocks"
            yield f"params.unfreeze_blocks: {many}; set {depth} at most"


class Frontend(nn.Module):
    """The lower part of a speech encoder: waveforms to the hidden states that the top blocks take.

    Args:
        backbone: from `load_backbone`; its blocks after `first` are taken away.
        first: index of the hidden state it ends with.
        normalised: whether each waveform is brought to zero mean and unit variance first.
        train_projection: whether the feature projection trains, where there is one; all else never does.
        dropout: of the projection; None for the model's own.
        log_mel: what a Whisper takes in place of waveforms; None for other models.
    """

    def __init__(
        self,
        backbone: Any,
        first: int,
        normalised: bool,
        train_projection: bool,
        dropout: float | None = None,
        log_mel: LogMel | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.backbone.encoder.layers = backbone.encoder.layers[:first]
        self.first = first
        self.normalised = normalised
        self.log_mel = log_mel
        self.train_projection = train_projection and hasattr(backbone, "feature_projection")
        if self.train_projection:
            backbone.feature_projection.requires_grad_(True)
            if dropout is not None:
                set_dropout(backbone.feature_projection, dropout)

    def train(self, mode: bool = True) -> "Frontend":
        """What is frozen stays in evaluation mode."""
        super().train(False)
        self.training = mode
        if self.train_projection:
            self.backbone.feature_projection.train(mode)
        return self

    @property
    def encoder(self) -> Encoder:
        """The backbone as a map from waveforms to hidden states."""
        if self.log_mel is not None:
            return WhisperEncoder(self.backbone, self.log_mel)
        return Wav2vecEncoder(self.backbone, self.normalised)

    def forward(self, waveform: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden states (batch, frames, hidden size), which frames blocks attend to, and which are the utterance's.

        The last two are (batch, frames) and the same, but for Whisper, which attends to the silence up to 30 s too.

        Args:
            waveform: 16-bit samples, (batch, samples, 1).
            valid: (batch, samples), true for real samples, which come first.

        Raises:
            DataError: an utterance has no samples, or more than the model takes at once.
        """
        encoder, counts = self.encoder, valid.sum(dim=1).tolist()
        rows = (waveform[..., 0] / FULL_SCALE).cpu().numpy()
        waves = [encoder.prepare(row[:samples]) for row, samples in zip(rows, counts, strict=True)]
        check_samples(waves)
        _check_length(max(counts), encoder.longest)
        pieces = [Piece(wave[: len(wave)], encoder.measure(wave)) for wave in waves]
        with nullcontext() if self.train_projection else torch.no_grad():
            states, counts = encoder.states(pieces, (self.first,))
        hidden = states[self.first]
        frames = torch.arange(hidden.shape[1], device=hidden.device)
        own = frames < torch.tensor(counts, device=hidden.device)[:, None]
        attended = own if encoder.longest is None else torch.ones_like(own)
        return hidden.masked_fill(~attended[..., None], 0), attended, own


def _check_length(samples: int, most: int | None) -> None:
    """Refuse utterances of more samples than a model takes at once."""
    if most is not None and samples > most:
        seconds = f"{most / RATE:g} s"
        raise DataError(
            f"an utterance of {samples / RATE:.1f} s, and the model takes {seconds} at most; give the waveform "
            f"feature `clip: {most / RATE:g}`"
        )


class EndToEndNetwork(Wav2vecNetwork):
    """Frontend, top blocks, mean over the utterance's frames, width -> width -> C."""

    def __init__(self, frontend: Frontend, top: TopBlocks, ssl_dim: int, classes: int, params: BranchParams) -> None:
        super().__init__(top, ssl_dim, classes, params)
        self.frontend = frontend

    def forward(self, waveform: Tensor, waveform_valid: Tensor) -> Tensor:  # type: ignore[override]
        """Logits (batch, classes) of 16-bit samples (batch, samples, 1), valid where `waveform_valid`."""
        hidden, attended, own = self.frontend(waveform, waveform_valid)
        logits: Tensor = self.classifier(masked_mean(self.top(hidden, attended), own))
        return logits


class Wav2vecEndToEnd(NeuralSystem):
    """The wav2vec 2.0 branch as a scikit-learn classifier over a view with the role waveform, 16 kHz."""

    name = "wav2vec_end_to_end"
    roles = ("waveform",)
    Params = EndToEndParams
    blocks_of = "model"

    def inputs(self, X: View) -> Inputs:
        """16-bit samples.

        Raises:
            DataError: they are of another sampling rate or number format.
        """
        source = X.source("waveform")
        rate, kind = source.header.params.get("sample_rate", 16000), source.streams["values"].dtype
        if rate != 16000 or kind != "int16":
            raise DataError(f"{source.label}: {kind} samples at {rate} Hz; the branch takes int16 samples at 16000 Hz")
        return {"waveform": Ragged(X.arrays("waveform"))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network, with pretrained weights.

        Raises:
            UserError: the model cannot be had, or has fewer blocks than are to be trained.
        """
        settings: EndToEndParams = self.settings()
        backbone: Any = load_backbone(settings.model, settings.model_seed)
        depth, dims = len(backbone.encoder.layers), backbone.config.hidden_size
        first = depth - settings.unfreeze_blocks
        if first < 0:
            raise UserError(f"unfreeze_blocks: {settings.unfreeze_blocks}, but {settings.model!r} has {depth} blocks")
        top = TopBlocks(backbone, first, settings.backbone_dropout, none_allowed=True)
        log_mel = log_mel_of(settings.model, backbone.config) if backbone.config.model_type == WHISPER else None
        frontend = Frontend(
            backbone,
            first,
            log_mel is None and wants_normalised(settings.model),
            settings.train_projection,
            settings.backbone_dropout,
            log_mel,
        )
        return EndToEndNetwork(frontend, top, dims, classes, settings)
