"""Hidden states of a pretrained speech encoder (wav2vec 2.0, HuBERT, WavLM, ...), layer by layer."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, StrictInt, field_validator

from pipeline.errors import UserError
from pipeline.features.base import Extractor, FeatureParams, Streams, Wave

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class SSLParams(FeatureParams):
    """Params of SSL hidden states. The defaults are HuMP-CAT's layers, on the backbone that needs no network."""

    sample_rate: Literal[16000] = Field(16000, description="rate of the audio read (Hz): what the encoders want")
    model: str = Field("tiny", min_length=1, description="a hub name, a local folder, or tiny (random weights)")
    layers: tuple[StrictInt, ...] = Field(
        (1, 9),
        min_length=1,
        strict=False,
        description="hidden states kept: 0 is the input of block 1, k the output of block k",
    )
    precision: Literal["float16", "float32"] = Field("float16", description="stored number format")
    seed: int = Field(0, ge=0, description="seed of the random weights of tiny; ignored for other models")

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...]) -> tuple[int, ...]:
        if any(layer < 0 for layer in layers):
            raise ValueError(f"layers count from 0: {list(layers)}")
        if list(layers) != sorted(set(layers)):
            raise ValueError(f"must ascend, each once: {list(layers)}; write {sorted(set(layers))}")
        return layers


class SSL(Extractor[SSLParams]):
    """Hidden states of the chosen layers: streams `layer_01`, `layer_09`, ... of shape (frames, hidden size).

    50 frames per second; the first is centred at 12.5 ms and sees 25 ms. An utterance of n samples has
    `frames(n)` of them, 1 at least: below 400 samples (25 ms) it is extended by zeros. `hidden_states` in
    `ssl_encode` says what the layers are and why batching leaves them as they are.
    """

    name = "ssl"
    version = "1"
    Params: ClassVar[type[FeatureParams]] = SSLParams
    batch_seconds = 60.0
    sort_by_length = True
    uses_device = True

    @cached_property
    def backbone(self) -> "PreTrainedModel":
        """The model, on the extractor's device, without the blocks that are not needed.

        Raises:
            UserError: the model cannot be had (see `load_backbone`) or has too few layers.
        """
        from pipeline.features.ssl_encode import check_layers
        from pipeline.features.ssl_models import load_backbone

        backbone: Any = load_backbone(self.params.model, self.params.seed)
        encoder = backbone.encoder
        check_layers(self.params.layers, len(encoder.layers), f"the model {self.params.model!r}")
        encoder.layers = encoder.layers[: max(self.params.layers)]
        loaded: PreTrainedModel = backbone.to(self.device)
        return loaded

    @cached_property
    def normalised(self) -> bool:
        """Whether each waveform is brought to zero mean and unit variance first."""
        from pipeline.features.ssl_models import wants_normalised

        return wants_normalised(self.params.model)

    @property
    def frame_rate(self) -> float:
        """Frames per second: 50 for every supported pretrained model."""
        return self.params.sample_rate / prod(self.backbone.config.conv_stride)

    @property
    def dims(self) -> dict[str, int]:
        """Stream name -> hidden size of the model."""
        return dict.fromkeys(self._streams, self.backbone.config.hidden_size)

    @property
    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """The params' precision, for every layer."""
        return dict.fromkeys(self.dims, np.dtype(self.params.precision))

    @cached_property
    def weights_digest(self) -> str:
        """Hex SHA-256 of the weights that the layers depend on: not of the blocks above them."""
        from pipeline.features.ssl_models import weights_digest

        return weights_digest(self.backbone, self.normalised)

    def frames(self, samples: int) -> int:
        """How many frames an utterance of `samples` samples has."""
        from pipeline.features.ssl_encode import frames

        return frames(samples, self.backbone.config)

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """Hidden states of a ragged batch of waveforms (samples,) at 16 kHz, in the order given.

        Raises:
            UserError: an utterance without samples, or values too large for half precision.
        """
        import torch

        from pipeline.features.ssl_encode import hidden_states, normalise

        if self.normalised:
            waves = [normalise(wave) for wave in waves]
        with torch.inference_mode(), self._exact():
            states = hidden_states(self.backbone, waves, self.params.layers)
        return [{stream: self._store(state[k]) for stream, k in self._streams.items()} for state in states]

    @property
    def _streams(self) -> dict[str, int]:
        return {f"layer_{layer:02d}": layer for layer in self.params.layers}

    def _store(self, state: Any) -> np.ndarray[Any, np.dtype[np.generic]]:
        values = state.cpu().numpy()
        peak, limit = np.abs(values).max(), np.finfo(self.params.precision).max
        if not peak <= limit:
            raise UserError(
                f"hidden states of {self.params.model!r} reach {peak:.3g}, over {self.params.precision}'s {limit:.3g}: "
                "set precision to float32 (if it is nan, look for nan in the audio and the weights)"
            )
        return values.astype(self.params.precision)

    def _exact(self) -> AbstractContextManager[None]:
        """On a GPU: no TensorFloat-32 convolutions (10 bits of mantissa), and the same algorithm every time."""
        import torch

        if torch.device(self.device).type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the model behind when sent to another process, which loads its own."""
        return {key: value for key, value in self.__dict__.items() if key != "backbone"}
