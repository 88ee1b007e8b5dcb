"""HuMP-CAT: HuBERT, MFCC and prosody, fused by cross-attention transformers (Zhao et al. 2025).

The paper gives the streams, the convolution, both stages of fusion (eqs. 9 and 10), the 64 statistics and AM-softmax.
Where it is silent or wrong, a default is ours:

- Sequences are 32 wide, as mean and variance make 64; attention has 4 heads and 128 units in the feed-forward network.
- "Attention-based fusion" of layers 1 and 9: in each frame, a softmax over two learned scores, one linear in the state
  of each layer.
- The 30 ms window and the 26 + 12 features of the text do not add up; the feature preset `hump_cat_mfcc` has frames of
  40 ms and (12 + energy) x 3 = 39 features. "First averaged" is average-pooling by 4 frames.
- MFCC are standardised on the training part, as prosody is; hidden states are not. Attention blocks are post-norm, with
  ReLU and dropout 0.1, and have no positions.
- Both cross-entropy and AM-softmax are named: it is the cross-entropy of AM-softmax, with scale 30 and margin 0.2.
- Training stops after 10 epochs without a better validation accuracy; the paper says 50 epochs at most.
- Slips: prosody + MFCC is 74.26 in the text, 74.58 in table 4; EMOVO is 79.48 in table 6, 75.48 in table 7; the mean of
  table 6 is 78.33, the text says 78.75.

Tables 3, 4 and 7 have fewer streams: `hump_cat_variants`. The role mfcc takes LPCC and spectrograms too.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, StrictInt, model_validator
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.errors import DataError
from pipeline.features.ssl.streams import layer_stream, stream_name
from pipeline.systems.demands import Features, unequal_lengths
from pipeline.systems.layers.am_softmax import AMSoftmaxLoss, CosineClassifier
from pipeline.systems.layers.bilstm import BiLSTM
from pipeline.systems.layers.cross_attention import CrossAttentionTransformer
from pipeline.systems.layers.pooling import mean_and_variance
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Fixed, Inputs, NeuralSystem, TrainingParams
from pipeline.systems.state_demands import pooled_states, unkept_layers
from pipeline.systems.view import View

CHANNELS, KERNEL, STRIDE = 4, (10, 18), (4, 3)
"""of the convolution over hidden states: frames by features"""
POOL = 4
"""frames of MFCC that are averaged into one"""
PROSODY_HIDDEN, PROSODY_TOKENS = 64, 8
ACOUSTIC = ("prosody", "logmel", "mfcc")
"""streams beside HuBERT's, in the order of CAT's arguments"""
SEVEN_SECONDS = "extract with `clip: 7`, `pad_to: 7` and `pad: repeat`"


class HuMPCATBaseParams(TrainingParams):
    """Params with any streams; the training's are the paper's: Adam 1e-3, batches of 32, 50 epochs at most."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    patience: int = Field(10, ge=0)
    monitor: Literal["valid_loss", "valid_acc"] = "valid_acc"
    width: int = Field(
        32, ge=2, multiple_of=2, description="d, the width of all sequences; the statistics have twice it"
    )
    scale: float = Field(30.0, gt=0, description="s, what AM-softmax multiplies cosines by")
    margin: float = Field(0.2, ge=0, lt=2, description="m, what AM-softmax takes off the target's cosine in training")

    def unmet(self, features: Features) -> Iterator[str]:
        """Recordings of one length; see `SystemParams.unmet`."""
        yield from super().unmet(features)
        yield from unequal_lengths(features, ["logmel", "mfcc"], "HuMP-CAT", SEVEN_SECONDS)


class HuMPCATStateParams(HuMPCATBaseParams):
    """Params of HuMP-CAT with a self-supervised stream."""

    layers: tuple[StrictInt, ...] = Field(
        (1, 9), min_length=1, strict=False, description="hidden states of the self-supervised model that are fused"
    )
    standardised_states: bool = Field(
        False,
        description="whether hidden states are standardised by the training part, as the other streams are; not so in "
        "the paper",
    )

    @model_validator(mode="after")
    def _layers_differ(self) -> Self:
        if len(set(self.layers)) < len(self.layers) or min(self.layers) < 0:
            raise ValueError(f"layers must be from 0, each once: {list(self.layers)}")
        return self

    def unmet(self, features: Features) -> Iterator[str]:
        """The layers' frames, of recordings of one length; see `SystemParams.unmet`."""
        yield from super().unmet(features)
        yield from unkept_layers(features, "layers", self.layers)
        yield from pooled_states(features, "HuMP-CAT")
        yield from unequal_lengths(features, ["ssl"], "HuMP-CAT", SEVEN_SECONDS)


class HuMPCATFusionParams(HuMPCATBaseParams):
    """Params of HuMP-CAT with two streams at least."""

    heads: int = Field(4, ge=1, description="of every cross-attention; a divisor of width")
    feed_forward: int = Field(128, ge=1, description="width inside the feed-forward networks")
    dropout: float = Field(0.1, ge=0, lt=1, description="in the cross-attention blocks")

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads {self.heads} does not divide width {self.width}")
        return self


class HuMPCATParams(HuMPCATFusionParams, HuMPCATStateParams):
    """Params of HuMP-CAT."""


class LayerFusion(nn.Module):
    """Weigh several layers' states in each frame by a softmax over their learned scores.

    A list of (batch, frames, dims) -> (batch, frames, dims).
    """

    def __init__(self, layers: int, dims: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Linear(dims, 1) for _ in range(layers if layers > 1 else 0))

    def forward(self, states: list[Tensor]) -> Tensor:
        """Fuse the states; those of one layer alone stay as they are."""
        if not self.scores:
            return states[0]
        scores = torch.cat([score(state) for score, state in zip(self.scores, states, strict=True)], dim=2)
        return torch.einsum("btl,lbtd->btd", scores.softmax(dim=2), torch.stack(states))


class StateEncoder(nn.Module):
    """Hidden states (batch, 349, 768) -> convolution (batch, 4, 85, 251) -> (batch, 85, 1004) -> (batch, 85, width)."""

    def __init__(self, dims: int, width: int) -> None:
        super().__init__()
        # Batch norm takes any bias away again.
        self.convolution = nn.Conv2d(1, CHANNELS, KERNEL, STRIDE, bias=False)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.project = nn.Linear(CHANNELS * ((dims - KERNEL[1]) // STRIDE[1] + 1), width)

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, frames, dims), at least 10 frames of at least 18."""
        image = F.relu(self.norm(self._convolved(x)))
        tokens: Tensor = self.project(image.transpose(1, 2).flatten(2))
        return tokens

    def _convolved(self, x: Tensor) -> Tensor:
        """`self.convolution` of (batch, frames, dims): (batch, CHANNELS, frames, dims).

        Its step over the dims becomes channels, dim 3 i + c the i-th of channel c: the same sums, and gradients that
        take a quarter of the time.
        """
        step = STRIDE[1]
        used = (x.shape[2] - KERNEL[1]) // step * step + KERNEL[1]
        image, weight = (
            values.unflatten(2, (-1, step)).permute(0, 3, 1, 2)
            for values in (x[:, :, :used], self.convolution.weight[:, 0])
        )
        return F.conv2d(image, weight, stride=(STRIDE[0], 1))


class FrameEncoder(nn.Module):
    """MFCC (batch, 349, 39) -> means of 4 frames (batch, 87, 39) -> BiLSTM (batch, 87, width)."""

    def __init__(self, dims: int, width: int) -> None:
        super().__init__()
        self.lstm = BiLSTM(dims, width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, frames, dims), at least 4 frames; a rest of less than 4 is dropped."""
        encoded: Tensor = self.lstm(F.avg_pool1d(x.transpose(1, 2), POOL).transpose(1, 2))
        return encoded


class ProsodyEncoder(nn.Sequential):
    """Prosodic features (batch, 103) -> 64 -> 8 tokens (batch, 8, width)."""

    def __init__(self, dims: int, width: int) -> None:
        super().__init__(
            nn.Linear(dims, PROSODY_HIDDEN),
            nn.ReLU(),
            nn.Linear(PROSODY_HIDDEN, PROSODY_TOKENS * width),
            nn.ReLU(),
            nn.Unflatten(1, (PROSODY_TOKENS, width)),
        )


class HuMPCATNetwork(nn.Module):
    """Encode the streams, fuse them in two stages, pool, classify.

    Args:
        dims: stream (prosody, logmel, mfcc, ssl) -> width of its features; of the first three two at most.
        classes: number of emotions.
        params: of HuMP-CAT with these streams; those of others are not looked at.
    """

    def __init__(self, dims: Mapping[str, int], classes: int, params: Any) -> None:
        super().__init__()
        width = params.width
        acoustic = [stream for stream in ACOUSTIC if stream in dims]
        self.standardize = nn.ModuleDict({stream: Standardize(dims[stream]) for stream in acoustic})
        self.encoders = nn.ModuleDict(
            {s: (ProsodyEncoder if s == "prosody" else FrameEncoder)(dims[s], width) for s in acoustic}
        )
        if len(acoustic) == 2:
            self.acoustic_fusion = self._transformer(params)
        self.states = [state_input(layer) for layer in params.layers] if "ssl" in dims else []
        if self.states and params.standardised_states:
            self.standardize.update({name: Standardize(dims["ssl"]) for name in self.states})
        if self.states:
            self.layer_fusion = LayerFusion(len(self.states), dims["ssl"])
            self.state_encoder = StateEncoder(dims["ssl"], width)
        if self.states and acoustic:
            self.fusion = self._transformer(params)
        self.classifier = CosineClassifier(2 * width, classes, params.scale)

    @staticmethod
    def _transformer(params: HuMPCATFusionParams) -> CrossAttentionTransformer:
        return CrossAttentionTransformer(params.width, params.heads, params.feed_forward, params.dropout)

    def forward(self, **inputs: Tensor) -> Tensor:
        """Scaled cosines (batch, classes).

        Args:
            inputs: `prosody` (batch, features); `mfcc` and `logmel` (batch, frames, features); `ssl_01`, `ssl_09`, ...
                (batch, frames, hidden size).
        """
        logits: Tensor = self.classifier(mean_and_variance(self.fuse(inputs)))
        return logits

    def fuse(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """R of eq. 10, (batch, tokens, width): 85 of HuBERT, 8 of prosody and 87 of MFCC."""
        acoustic = [encoder(self._standardised(name, inputs[name])) for name, encoder in self.encoders.items()]
        found: Tensor | None = None
        if acoustic:
            found = self.acoustic_fusion(*acoustic) if len(acoustic) == 2 else acoustic[0]
        if self.states:
            states = [self._standardised(name, inputs[name]) for name in self.states]
            hubert: Tensor = self.state_encoder(self.layer_fusion(states))
            found = hubert if found is None else self.fusion(hubert, found)
        assert found is not None  # noqa: S101 - for the type checker
        return found

    def _standardised(self, name: str, states: Tensor) -> Tensor:
        standardised: Tensor = self.standardize[name](states) if name in self.standardize else states
        return standardised


def state_input(layer: int) -> str:
    """The name of a layer's states among the network's inputs."""
    return f"ssl_{layer:02d}"


class HuMPCATSystem(NeuralSystem):
    """HuMP-CAT over a view of recordings of one length, 7 s in the paper; subclasses set their streams and `Params`."""

    accepts = {"mfcc": ("mfcc", "lpcc", "stft", "logmel"), "logmel": ("logmel", "stft", "lpcc", "mfcc")}
    parts = {"head": ("classifier",), "fusion": ("layer_fusion", "acoustic_fusion", "fusion")}

    def stream(self) -> str:
        """The states of the only layer.

        Raises:
            DataError: there are several.
        """
        layers = self.settings().layers
        if len(layers) > 1:
            raise DataError(f"{type(self).__name__} reads layers {layers}, which one array cannot hold; give a View")
        return stream_name(layers[0])

    def inputs(self, X: View) -> Inputs:
        """Prosodic features, frames and hidden states, each of one shape."""
        inputs: dict[str, Fixed] = {}
        if "prosody" in X.roles:
            inputs["prosody"] = Fixed(self._prosody(X))
        for role in ("logmel", "mfcc"):
            if role in X.roles:
                inputs[role] = Fixed(self._of_one_length(X, role, "values"))
        if "ssl" in X.roles:
            for layer in self.settings().layers:
                stream = layer_stream(X.source("ssl"), layer, "layers")
                inputs[state_input(layer)] = Fixed(self._of_one_length(X, "ssl", stream))
        return inputs

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        settings = self.settings()
        dims = {}
        for role in X.roles:
            stream = layer_stream(X.source("ssl"), settings.layers[0], "layers") if role == "ssl" else "values"
            dims[role] = X.dims(role, stream)
        if dims.get("ssl", KERNEL[1]) < KERNEL[1]:
            raise DataError(
                f"{X.source('ssl').label}: hidden states of {dims['ssl']} dimensions; HuMP-CAT's convolution needs "
                f"{KERNEL[1]} at least"
            )
        return HuMPCATNetwork(dims, classes, settings)

    def loss(self, weight: Tensor | None, label_smoothing: float) -> nn.Module:
        """AM-softmax; the margin is for training and validation losses, probabilities have none."""
        settings: HuMPCATBaseParams = self.settings()
        return AMSoftmaxLoss(settings.scale, settings.margin, weight, label_smoothing)

    def _prosody(self, X: View) -> list[NDArray[Any]]:
        vectors = [rows[0] for rows in X.arrays("prosody")]
        if not all(np.isfinite(vector).all() for vector in vectors):
            raise DataError(
                f"{X.source('prosody').label}: has values that are not defined (NaN); HuMP-CAT takes prosody with "
                "`mode: clean`"
            )
        return vectors

    def _of_one_length(self, X: View, role: str, stream: str) -> list[NDArray[Any]]:
        arrays = X.arrays(role, stream)
        label, least = X.source(role).label, KERNEL[0] if role == "ssl" else POOL
        lengths = {len(rows) for rows in arrays}
        if len(lengths) > 1:
            raise DataError(
                f"{label}: utterances differ in length ({min(lengths)} to {max(lengths)} frames); HuMP-CAT takes one "
                f"length: {SEVEN_SECONDS}"
            )
        if min(lengths) < least:
            raise DataError(
                f"{label}: {min(lengths)} frames; HuMP-CAT needs {least} at least (349 in the paper): {SEVEN_SECONDS}"
            )
        return arrays


class HuMPCAT(HuMPCATSystem):
    """HuMP-CAT as a scikit-learn classifier over a view with the roles mfcc, prosody and ssl."""

    name = "hump_cat"
    roles = ("mfcc", "prosody", "ssl")
    Params = HuMPCATParams
