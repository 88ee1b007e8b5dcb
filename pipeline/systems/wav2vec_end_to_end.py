"""The wav2vec 2.0 branch of the parallel dual-branch model (Wei et al. 2025, section III.C), trained on waveforms.

The last `unfreeze_blocks` blocks and, as in the paper, the feature projection train; the convolutions, the positional
convolution and the blocks below are frozen, in evaluation mode. With the projection frozen, it is the same training as
`wav2vec`'s from cached states, and a model saved by that one can be loaded here.

The waveform feature fixes the length. With `clip: 3.0` utterances are cut to 3 s, padded batch by batch, and masked, so
that padding changes nothing: what we recommend. With `pad_to: 3.0` as well, short ones end in zeros that count as
speech, which is the paper's. Pretraining's layer drop is not used.
"""

from contextlib import nullcontext
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.audio.samples import FULL_SCALE
from pipeline.errors import DataError, UserError
from pipeline.features.ssl.loading import load_backbone, wants_normalised
from pipeline.features.ssl.streams import TINY
from pipeline.features.ssl.wav2vec import hidden_states, normalise
from pipeline.systems.layers.ssl_top_blocks import TopBlocks, set_dropout
from pipeline.systems.neural import Inputs, NeuralSystem, Ragged
from pipeline.systems.view import View
from pipeline.systems.wav2vec import BranchParams, Wav2vecNetwork


class EndToEndParams(BranchParams):
    """Params of the wav2vec 2.0 branch on waveforms."""

    model: str = Field(TINY, min_length=1, description="a hub name, a local folder, or tiny (random weights)")
    model_seed: int = Field(0, ge=0, description="seed of the random weights of tiny; ignored for other models")
    unfreeze_blocks: int = Field(3, ge=0, description="how many of the last blocks train: 0 to 12 of a base model")
    train_projection: bool = Field(
        True, description="train the feature projection too (the paper's); false gives the training of `wav2vec`"
    )


class Frontend(nn.Module):
    """The lower part of a speech encoder: waveforms to the hidden states that the top blocks take.

    Args:
        backbone: from `load_backbone`; its blocks after `first` are taken away.
        first: index of the hidden state it ends with.
        normalised: whether each waveform is brought to zero mean and unit variance first.
        train_projection: whether the feature projection trains; all else never does.
        dropout: of the projection; None for the model's own.
    """

    def __init__(
        self, backbone: Any, first: int, normalised: bool, train_projection: bool, dropout: float | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.backbone.encoder.layers = backbone.encoder.layers[:first]
        self.first = first
        self.normalised = normalised
        self.train_projection = train_projection
        projection: nn.Module = self.backbone.feature_projection
        projection.requires_grad_(train_projection)
        if dropout is not None:
            set_dropout(projection, dropout)

    def train(self, mode: bool = True) -> "Frontend":
        """What is frozen stays in evaluation mode."""
        super().train(False)
        self.training = mode
        self.backbone.feature_projection.train(mode and self.train_projection)
        return self

    def forward(self, waveform: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states (batch, frames, hidden size) and which frames are real (batch, frames).

        Args:
            waveform: 16-bit samples, (batch, samples, 1).
            valid: (batch, samples), true for real samples, which come first.
        """
        waves = []
        for row, samples in zip((waveform[..., 0] / FULL_SCALE).cpu().numpy(), valid.sum(dim=1).tolist(), strict=True):
            waves.append(normalise(row[:samples]) if self.normalised else row[:samples])
        with nullcontext() if self.train_projection else torch.no_grad():
            found = [state[self.first] for state in hidden_states(self.backbone, waves, (self.first,))]
        hidden = nn.utils.rnn.pad_sequence(found, batch_first=True)
        counts = torch.tensor([len(state) for state in found], device=hidden.device)
        return hidden, torch.arange(hidden.shape[1], device=hidden.device) < counts[:, None]


class EndToEndNetwork(Wav2vecNetwork):
    """Frontend, top blocks, mean over valid frames, width -> width -> C."""

    def __init__(self, frontend: Frontend, top: TopBlocks, ssl_dim: int, classes: int, params: BranchParams) -> None:
        super().__init__(top, ssl_dim, classes, params)
        self.frontend = frontend

    def forward(self, waveform: Tensor, waveform_valid: Tensor) -> Tensor:
        """Logits (batch, classes) of 16-bit samples (batch, samples, 1), valid where `waveform_valid`."""
        return super().forward(*self.frontend(waveform, waveform_valid))


class Wav2vecEndToEnd(NeuralSystem):
    """The wav2vec 2.0 branch as a scikit-learn classifier over a view with the role waveform, 16 kHz."""

    name = "wav2vec_end_to_end"
    roles = ("waveform",)
    Params = EndToEndParams
    holds_pretrained = True

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
        normalised = wants_normalised(settings.model)
        frontend = Frontend(backbone, first, normalised, settings.train_projection, settings.backbone_dropout)
        return EndToEndNetwork(frontend, top, dims, classes, settings)
