"""SERCT: a convolutional encoder of the waveform and a transformer with deformable speech attention (Zheng 2024).

What is read is the waveform at 16 kHz, at most 3 s of it. The thesis zero-pads every recording to 144 000 samples at
the file's own rate, so that one network sees 3, 6 or 9 s at frame rates that differ; here the rate is one, and padding
is masked: it changes no output.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.audio.samples import FULL_SCALE
from pipeline.errors import DataError
from pipeline.systems.demands import Features, other_rate
from pipeline.systems.layers.deformable_attention import DeformableAttention
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.positions import SinusoidalPositions
from pipeline.systems.layers.waveform_cnn import Norm, WaveformCNN, WaveformFrames
from pipeline.systems.neural import Inputs, NeuralSystem, Ragged, TrainingParams
from pipeline.systems.view import View


class SERCTParams(TrainingParams):
    """Params of SERCT; the defaults are those of the thesis, section 5.3, but where its scripts have something else.

    They are what the published code runs with: a learning rate of 1e-5, seven convolutions with a group norm after the
    first, and biases in the transformer. The text has 1e-3, six convolutions with a layer norm after each, and no
    biases: `learning_rate: 0.001`, `convolutions: 6`, `norm: layer`, `bias: false`, and `window_scale: 299`, as six
    convolutions give a token every 10 ms. Which of the seven the text leaves out it does not say; here it is the last.
    """

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(16, ge=1)
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-5, gt=0)
    weight_decay: float = Field(0.005, ge=0)
    schedule: Literal["constant", "step", "cosine"] = "step"
    step_epochs: int = Field(10, ge=1)
    step_factor: float = Field(0.1, gt=0, le=1)
    front: Literal["cnn", "frames"] = Field(
        "cnn", description="frames: without the CNN (table 5), each 25 ms of the waveform is a token"
    )
    attention: Literal["deformable", "vanilla", "none"] = Field(
        "deformable", description="vanilla: plain self-attention; none: without the transformer (table 5)"
    )
    depth: int = Field(4, ge=1, description="layers of the transformer (figure 4: 1 to 6)")
    channels: int = Field(512, ge=1, description="of the CNN")
    convolutions: int = Field(7, ge=6, le=7, description="layers of the CNN: 7 in the scripts, 6 in the text")
    norm: Norm = Field("group", description="of the CNN: group, after the first layer (scripts); layer, each (text)")
    width: int = Field(1024, ge=4, multiple_of=4, description="of the transformer")
    heads: int = Field(8, ge=1, description="of the attention; divides width")
    feed_forward: int = Field(512, ge=1, description="hidden width of the transformer's feed-forward part")
    bias: bool = Field(True, description="in the transformer's linear layers: true in the scripts, false in the text")
    dropout: float = Field(0.1, ge=0, lt=1)
    window_scale: int = Field(
        149, ge=2, description="L of deformable attention: largest offset and half-width (tokens); 3 s are 149"
    )
    weighting: Literal["multiply", "additive"] = Field(
        "multiply", description="how a window's weights enter the attention: times the logits (authors), or log-added"
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "SERCTParams":
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide width {self.width}")
        return self

    def unmet(self, features: Features) -> Iterator[str]:
        """Waveforms at 16 kHz; see `SystemParams.unmet`."""
        yield from super().unmet(features)
        yield from other_rate(features, "SERCT")
        yield from self.unstandardised("SERCT reads the waveform")

    def idle(self) -> Iterator[tuple[str, str]]:
        """What the CNN, the transformer and deformable attention have a use for; see `SystemParams.idle`."""
        yield from super().idle()
        if self.front != "cnn":
            yield from ((key, f"to front {self.front}") for key in ("channels", "convolutions", "norm"))
        if self.attention == "none":
            yield from ((key, "to attention none") for key in ("depth", "heads", "feed_forward", "bias"))
        if self.attention != "deformable":
            yield from ((key, f"to attention {self.attention}") for key in ("window_scale", "weighting"))


class TransformerLayer(nn.Module):
    """A post-norm layer: attention, then a feed-forward part with ReLU, each with dropout, residual and layer norm."""

    def __init__(self, params: SERCTParams) -> None:
        super().__init__()
        width = params.width
        self.deformable = params.attention == "deformable"
        self.attention: nn.Module
        if self.deformable:
            self.attention = DeformableAttention(
                width, params.heads, params.window_scale, params.dropout, params.weighting, bias=params.bias
            )
        else:
            self.attention = nn.MultiheadAttention(width, params.heads, params.dropout, params.bias, batch_first=True)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, params.feed_forward, params.bias),
            nn.ReLU(),
            nn.Dropout(params.dropout),
            nn.Linear(params.feed_forward, width, params.bias),
        )
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(batch, tokens, width) -> the same; tokens that are not `valid` are attended to by none."""
        if self.deformable:
            mixed = self.attention(x, valid)
        else:
            mixed, _ = self.attention(x, x, x, key_padding_mask=~valid, need_weights=False)
        x = self.attention_norm(x + self.dropout(mixed))
        found: Tensor = self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
        return found


class SERCTNetwork(nn.Module):
    """Waveform -> CNN, 512 -> 1024 + positions -> 4 layers -> each token 1024 -> 512 -> 256 -> C -> mean of tokens.

    3 s are 48 000 samples and 149 tokens. It has 26.5 M parameters: CNN 4.2, projection 0.5, transformer 21.1,
    classifier 0.7. The positions are a buffer: the authors' code initialises them at random, along with the weights.
    """

    def __init__(self, classes: int, params: SERCTParams) -> None:
        super().__init__()
        width = params.width
        self.front = (
            WaveformCNN(params.channels, params.convolutions, params.norm)
            if params.front == "cnn"
            else WaveformFrames()
        )
        self.project = nn.Sequential(
            nn.LayerNorm(self.front.dims), nn.Linear(self.front.dims, width), nn.LayerNorm(width)
        )
        depth = 0 if params.attention == "none" else params.depth
        self.positions = SinusoidalPositions(width) if depth else nn.Identity()
        self.layers = nn.ModuleList(TransformerLayer(params) for _ in range(depth))
        self.classifier = nn.Sequential(
            nn.Linear(width, width // 2),
            nn.ReLU(),
            nn.Dropout(params.dropout),
            nn.Linear(width // 2, width // 4),
            nn.ReLU(),
            nn.Dropout(params.dropout),
            nn.Linear(width // 4, classes),
        )
        for module in self.modules():  # the attention and the CNN have initialised their own
            if isinstance(module, nn.Sequential):
                for linear in module:
                    if isinstance(linear, nn.Linear):
                        nn.init.xavier_uniform_(linear.weight)

    def forward(self, waveform: Tensor, waveform_valid: Tensor) -> Tensor:
        """Logits (batch, classes) of 16-bit samples (batch, samples, 1), valid where `waveform_valid`."""
        tokens, valid = self.front(waveform[..., 0] / FULL_SCALE, waveform_valid)
        x = self.positions(self.project(tokens))
        for layer in self.layers:
            x = layer(x, valid)
        return masked_mean(self.classifier(x), valid)


class SERCT(NeuralSystem):
    """SERCT as a scikit-learn classifier over a view with the role waveform, at 16 kHz and clipped to 3 s."""

    name = "serct"
    roles = ("waveform",)
    Params = SERCTParams

    def inputs(self, X: View) -> Inputs:
        """16-bit samples."""
        return {"waveform": Ragged(X.arrays("waveform"))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network; it is the same for any waveforms."""
        rate = int(X.source("waveform").header.frame_rate)
        if rate != 16000:
            raise DataError(f"{X.source('waveform').label}: is at {rate} Hz; SERCT takes waveforms of 16000 Hz")
        return SERCTNetwork(classes, self.settings())
