"""Hidden states of a pretrained speech encoder (wav2vec 2.0, HuBERT, WavLM, Whisper, ...), layer by layer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StrictInt,
    field_validator,
    model_serializer,
    model_validator,
)

from pipeline.arithmetic import hold_network
from pipeline.audio.samples import Signal
from pipeline.errors import ParamsError, UserError
from pipeline.features.base import LONGEST, Extractor, FeatureParams, Streams
from pipeline.features.ssl.streams import TINY, stream_name
from pipeline.storage.source import OWN

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pipeline.features.ssl.batches import Encoder, Settings
    from pipeline.features.ssl.card import Card, Origin
    from pipeline.features.ssl.pooling import Keep, Rows

CPU_PASS = (30.0, 0.3)
"""On the CPU: audio in a forward pass, padding included, and how much padding each utterance may have (s).

More audio is slower, as it leaves the cache; more padding takes longer than another pass.
"""
DEVICE_SECONDS = 240.0
"""On other devices: audio in a forward pass, at least (s); more where `batch_seconds` asks for it."""


class SSLParams(FeatureParams):
    """Params of SSL hidden states. The defaults are HuMP-CAT's layers, on the backbone that needs no network."""

    sample_rate: Literal[16000] = Field(16000, description="rate of the audio read (Hz): what the encoders want")
    model: str = Field(TINY, min_length=1, description="a hub name, a local folder, or tiny (random weights)")
    layers: tuple[StrictInt, ...] | Literal["all"] = Field(
        (1, 9),
        description="hidden states kept: 0 is the input of block 1, k the output of block k; all is each of them",
    )
    pool: Literal["none", "mean", "mean_std"] = Field(
        "none",
        description="every frame, or one row per utterance: mean over its frames, or mean and standard deviation",
    )
    frames: Literal["own", "window"] = Field(
        "own",
        description="frames kept of Whisper: the utterance's own, or (window) all 1500 of its 30 s, and which of these "
        "are its own, so that cached blocks attend to all and pool those; whisper-base takes 1.5 MB an utterance and "
        "layer in float16, twice that in float32",
    )
    context: Literal["padded", "exact"] = Field(
        "padded",
        description="what Whisper sees: the utterance and silence up to 30 s, as it was trained, or (exact) a second "
        "of silence: other states, at a tenth of the cost",
    )
    chunk_seconds: float = Field(
        30.0,
        ge=5,
        le=LONGEST,
        description="longer recordings are encoded in windows of this length (s); at most 30 for Whisper",
    )
    compute: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="number format of the model's products; float16 needs a GPU"
    )
    precision: Literal["float16", "float32"] = Field("float16", description="stored number format")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of the random weights of tiny; ignored for other models")

    @field_validator("layers", mode="before")
    @classmethod
    def _ascending(cls, layers: Any) -> Any:
        if layers == "all":
            return layers
        if not isinstance(layers, list | tuple) or not layers or any(type(layer) is not int for layer in layers):
            raise ValueError("should be a list of layers, as [1, 9], or all")
        if any(layer < 0 for layer in layers):
            raise ValueError(f"layers count from 0: {list(layers)}")
        if list(layers) != sorted(set(layers)):
            raise ValueError(f"must ascend, each once: {list(layers)}; write {sorted(set(layers))}")
        return tuple(layers)

    @model_validator(mode="after")
    def _windows_are_not_pooled(self) -> "SSLParams":
        if self.frames == "window" and self.pool != "none":
            raise ValueError(
                f"frames window does not go with pool {self.pool}, which is over an utterance's own frames"
            )
        return self

    @model_validator(mode="after")
    def _tiny_is_no_whisper(self) -> "SSLParams":
        if self.model == TINY and self.context == "exact":
            raise ValueError(f"context exact is for Whisper, and the model {TINY} always sees the utterance alone")
        return self

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Params as plain values, without these defaults, so that rows are those of before there was a choice."""
        values: dict[str, Any] = plain(self)
        later = {"frames": "own", "context": "padded"}
        return {key: value for key, value in values.items() if key not in later or value != later[key]}


class SSL(Extractor[SSLParams]):
    """Hidden states of the chosen layers: streams `layer_01`, `layer_09`, ... of shape (frames, hidden size).

    50 frames per second. Of wav2vec 2.0-like models the first is centred at 12.5 ms and sees 25 ms; an utterance below
    25 ms (400 samples) is extended by zeros. Of Whisper the first is centred at 0. An utterance of n samples has
    `frames(n)` of them, 1 at least. `wav2vec.hidden_states` and `whisper.WhisperEncoder.states` say what the
    layers are, and why batching leaves them as they are; `batches` says what is done to recordings above
    `chunk_seconds`.

    With `frames: window` an utterance has the frames of all that Whisper sees, 30 s or with `context: exact` a second
    more than the utterance, and the stream `own` (frames, 1) is 1 on its own and 0 on those of the silence after it.

    With `pool` there is one row per utterance: (1, hidden size), or for mean_std (1, 2 * hidden size), first the means.
    """

    name = "ssl"
    version = "2"
    Params: ClassVar[type[FeatureParams]] = SSLParams
    batch_seconds = 60.0
    sort_by_length = True
    uses_device = True

    def __init__(self, params: SSLParams, device: str = "cpu") -> None:
        """Write out which layers `all` are, so that rows are the same, and recognised, as where a list names them.

        Raises:
            UserError: it is to be all, and the model cannot be had.
        """
        from pipeline.features.ssl.loading import block_count

        if params.layers == "all":
            params = params.model_copy(update={"layers": tuple(range(block_count(params.model) + 1))})
        super().__init__(params, device)
        self._unrounded = ""
        """the digest of weights before they are rounded to the number format they are computed in"""
        self._origin: Origin | None = None
        """what the model is made of, once it has been looked at"""

    @cached_property
    def encoder(self) -> "Encoder":
        """The model, on the extractor's device, without the blocks that are not needed.

        Raises:
            UserError: the model cannot be had (see `load_backbone`), has too few layers or takes shorter windows than
                asked for, or the device cannot hold it or compute in the number format asked for, or not rightly.
        """
        from pipeline.features.ssl.batches import check_compute, check_states, lower_weights
        from pipeline.features.ssl.loading import weights_digest
        from pipeline.features.ssl.wav2vec import check_layers
        from pipeline.jobs.torch_errors import out_of_memory

        params = self.params
        check_compute(params.compute, self.device)
        backbone, encoder = self._load()
        check_layers(self._layers, encoder.depth, f"the model {params.model!r}")
        if encoder.longest is not None and encoder.longest < self._samples(params.chunk_seconds):
            most = encoder.longest / params.sample_rate
            raise UserError(f"chunk_seconds {params.chunk_seconds:g}: {params.model!r} takes {most:g} s at most")
        blocks: Any = backbone.encoder
        blocks.layers = blocks.layers[: max(self._layers)]
        try:
            backbone.to(self.device)  # type: ignore[arg-type]
            with self._exact():
                check_states(encoder, max(self._layers), params.compute, self.device)
            if params.compute != "float32":
                self._unrounded = weights_digest(backbone, encoder.identity)
                lower_weights(encoder, params.compute)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise UserError(f"the model {params.model!r} does not fit in the memory of {self.device!r}") from error
        return encoder

    @cached_property
    def card(self) -> "Card":
        """What is known of the model without it; it is loaded where that was not recalled.

        Raises:
            UserError: see `encoder`.
        """
        from pipeline.features.ssl.card import card_of

        encoder = self.encoder
        return card_of(encoder, self._unrounded)

    def recall(self, memory: Path) -> bool:
        """Take the model's card from a file, if it is that of the same files, params, packages and code.

        Raises:
            UserError: the model cannot be had.
        """
        from pipeline.features.ssl.card import origin, saved_card

        self._origin = origin(self.params.model, self.params.model_dump(mode="json"), memory)
        if card := saved_card(memory, self._origin):
            self.card = card
        return card is not None

    def keep(self, memory: Path) -> None:
        """Write the model's card to a file, with what `recall` found it to be made of."""
        if self._origin:
            self.card.save(memory, self._origin)

    @property
    def frame_rate(self) -> float:
        """Frames per second: 50 for every supported pretrained model; 0 when pooled."""
        return 0.0 if self._pooled else self.params.sample_rate / self.card.hop

    @property
    def first_frame(self) -> float:
        """Where the first frame is centred (s): 0.0125 for wav2vec 2.0-like models, 0 for Whisper and when pooled."""
        return 0.0 if self._pooled else self.card.first_frame / self.params.sample_rate

    @property
    def dims(self) -> dict[str, int]:
        """Stream name -> hidden size of the model, twice that for mean_std."""
        width = self.card.hidden_size * (2 if self.params.pool == "mean_std" else 1)
        return dict.fromkeys(self._streams, width) | ({OWN: 1} if self._whole else {})

    @property
    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """The params' precision, for every layer."""
        own = {OWN: np.dtype(np.uint8)} if self._whole else {}
        return dict.fromkeys(self._streams, np.dtype(self.params.precision)) | own

    @property
    def weights_digest(self) -> str:
        """Hex SHA-256 of the weights that the layers depend on: not of the blocks above them."""
        return self.card.weights

    @property
    def pretrained_parameters(self) -> int:
        """Number of parameters of the model up to the last layer kept."""
        return self.card.parameters

    def pretrained_operations(self, samples: int) -> int:
        """Floating-point operations of the model on an utterance of `samples` samples; of Whisper, on what it sees."""
        if samples not in self.card.operations:
            from pipeline.features.ssl.batches import CONTEXT
            from pipeline.features.ssl.cost import operations

            size, context = self._samples(self.params.chunk_seconds), self._samples(CONTEXT)
            self.card.operations[samples] = operations(self.encoder, samples, size, context)
        return self.card.operations[samples]

    def frames(self, samples: int) -> int:
        """How many rows an utterance of `samples` samples has."""
        return 1 if self._pooled else self.encoder.frames(samples)

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """As `extract`: a long utterance is cut into windows, and each is read when it is computed, and given then."""
        import torch

        from pipeline.features.ssl.batches import encode_long

        if self._pooled or self._whole:
            yield self.extract([wave])[0]
            return
        windows = encode_long(self.encoder, wave, self._layers, self._keep(), self._settings())
        while True:
            with torch.inference_mode(), self._exact():  # never while others have their turn
                rows = next(windows, None)
            if rows is None:
                return
            yield self._named(rows)

    def extract(self, waves: Sequence[Signal]) -> list[Streams]:
        """Hidden states of a ragged batch of waveforms (samples,) at 16 kHz, in the order given.

        When the device's memory does not suffice, the batch is computed in halves.

        Raises:
            UserError: an utterance without samples, or one that does not fit in memory by itself; values too large for
                half precision; see also `encoder`.
        """
        import torch

        from pipeline.features.ssl.batches import encode
        from pipeline.features.ssl.wav2vec import check_samples

        check_samples(waves)
        self._check_window(max(map(len, waves), default=0))
        with torch.inference_mode(), self._exact():
            rows = encode(self.encoder, waves, self._layers, self._keep(), self._settings())
        return [self._named(row) | self._own(len(wave)) for row, wave in zip(rows, waves, strict=True)]

    def _own(self, samples: int) -> Streams:
        """Which frames of its window are an utterance's own; nothing where only these are kept."""
        if not self._whole:
            return {}
        encoder: Any = self.encoder
        return {OWN: (np.arange(encoder.frames(samples)) < encoder.own_frames(samples)).astype(np.uint8)[:, None]}

    def _check_window(self, samples: int) -> None:
        """Refuse an utterance that is longer than the window of which all frames are kept."""
        if self._whole and samples > self._samples(self.params.chunk_seconds):
            seconds = f"{self.params.chunk_seconds:g}"
            raise UserError(
                f"an utterance of {samples / self.params.sample_rate:.1f} s, and frames: window keeps one window of "
                f"{seconds} s; set clip: {seconds}"
            )

    def _settings(self) -> "Settings":
        from pipeline.features.ssl.batches import CONTEXT, Settings

        budget, slack = self._pass()
        return Settings(
            size=self._samples(self.params.chunk_seconds),
            context=self._samples(CONTEXT),
            budget=self._samples(budget),
            slack=self._samples(slack),
            device=self.device,
            compute=self.params.compute,
        )

    def _named(self, rows: "Mapping[int, Rows]") -> Streams:
        return {stream: rows[layer] for stream, layer in self._streams.items()}

    @property
    def _layers(self) -> tuple[int, ...]:
        layers = self.params.layers
        return () if layers == "all" else layers  # which the constructor has written out

    @property
    def _whole(self) -> bool:
        return self.params.frames == "window"

    @property
    def _pooled(self) -> bool:
        return self.params.pool != "none"

    @property
    def _streams(self) -> dict[str, int]:
        return {stream_name(layer): layer for layer in self._layers}

    def _load(self) -> "tuple[PreTrainedModel, Encoder]":
        from pipeline.features.ssl.loading import load_backbone, wants_normalised

        model = self.params.model
        backbone = load_backbone(model, self.params.seed)
        hold_network(backbone)
        if backbone.config.model_type == "whisper":
            from pipeline.features.ssl.whisper import WhisperEncoder, log_mel_of

            log_mel = log_mel_of(model, backbone.config)
            return backbone, WhisperEncoder(backbone, log_mel, self._whole, self.params.context == "exact")
        if self.params.context == "exact":
            raise ParamsError(f"context: exact is for Whisper; {model!r} sees the utterance alone, so leave it out")
        if self._whole:
            raise UserError(f"frames: window is for Whisper; {model!r} sees the utterance alone, so set own")
        from pipeline.features.ssl.wav2vec import Wav2vecEncoder

        return backbone, Wav2vecEncoder(backbone, wants_normalised(model))

    def _keep(self) -> "Keep":
        from pipeline.features.ssl.pooling import Frames, Pooled

        params = self.params
        if self._pooled:
            return Pooled(params.precision, params.model, deviation=params.pool == "mean_std")
        return Frames(params.precision, params.model)

    def _samples(self, seconds: float) -> int:
        return int(seconds * self.params.sample_rate)

    def _pass(self) -> tuple[float, float]:
        if self.device.startswith("cpu"):
            return CPU_PASS
        seconds = max(DEVICE_SECONDS, 2 * self.batch_seconds)  # a planned batch, padded, goes in one pass
        return seconds, seconds

    def _exact(self) -> AbstractContextManager[None]:
        """On a GPU: no TensorFloat-32 convolutions (10 bits of mantissa), and the same algorithm every time."""
        import torch

        if torch.device(self.device).type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the model behind when sent to another process, which loads its own."""
        return {key: value for key, value in self.__dict__.items() if key != "encoder"}
