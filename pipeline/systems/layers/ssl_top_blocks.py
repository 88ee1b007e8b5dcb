"""The top blocks of a pretrained speech encoder, trained from cached hidden states of a lower layer."""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features.ssl.loading import load_backbone, weights_digest
from pipeline.features.ssl.streams import layer_stream
from pipeline.features.ssl.wav2vec import attention_of, run_blocks
from pipeline.features.ssl.whisper import WhisperEncoder, log_mel_of
from pipeline.storage.source import OWN
from pipeline.systems.training.batches import Ragged

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pipeline.storage.source import Source
    from pipeline.systems.view import View


WHISPER = "whisper"
"""its `model_type`"""


def set_dropout(module: nn.Module, probability: float) -> None:
    """Set every dropout inside a module of `transformers`: its layers, and the probabilities that modules hold."""
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = probability
        for name in ("dropout", "activation_dropout"):
            if isinstance(getattr(part, name, None), float | int):
                setattr(part, name, probability)


def _norm_follows(backbone: "PreTrainedModel", first: int) -> bool:
    """Whether a layer norm comes between the state of a layer and the last hidden state, beside the blocks.

    Whisper's state of the last layer has passed it already.
    """
    if backbone.config.model_type == WHISPER:
        return first < len(backbone.encoder.layers)  # type: ignore[arg-type, union-attr]
    return bool(getattr(backbone.config, "do_stable_layer_norm", False))


def _has_weights(backbone: "PreTrainedModel", digest: str, made_by: Mapping[str, Any]) -> bool:
    """Whether a digest that features with these params have in their notes is of this model's weights.

    Like the extractor's it leaves out the blocks above the last layer kept. Whether waveforms are normalised is in it
    too, but is no matter of weights, and of some hub models only the hub knows it.
    """
    identities: list[object] = [True, False]
    if backbone.config.model_type == WHISPER:
        log_mel = log_mel_of(made_by["model"], backbone.config)
        identities = [WhisperEncoder(backbone, log_mel, exact=made_by.get("context") == "exact").identity]
    encoder: Any = backbone.encoder
    blocks = encoder.layers
    encoder.layers = blocks[: max(made_by["layers"])]
    try:
        return any(weights_digest(backbone, identity) == digest for identity in identities)
    finally:
        encoder.layers = blocks


def cached_frames(X: "View", layer: int) -> dict[str, Ragged]:
    """What top blocks read: the layer's states `ssl` of all frames that are cached, and of windows which are `own`."""
    inputs = {"ssl": Ragged(X.windows("ssl", layer_stream(X.source("ssl"), layer)))}
    return inputs | ({OWN: Ragged(X.windows("ssl", OWN))} if OWN in X.source("ssl").streams else {})


def own_frames(valid: Tensor, own: Tensor | None) -> Tensor:
    """The frames (batch, T) that are pooled: the valid ones, and where there is `own` (batch, T, 1), above 0 there."""
    return valid if own is None else valid & (own[..., 0] > 0)


class TopBlocks(nn.Module):
    """Copies of the encoder blocks after `first`, from hidden_states[first] to the last hidden state.

    With the blocks below frozen their output never changes, so fine-tuning the top ones can start from the cached
    states: the same training as through the whole model, several times cheaper. Only the blocks train; the final
    layer norm of pre-norm (large) models and of Whisper, and WavLM's relative position embedding, are kept as
    pretrained.

    Whisper's blocks attend to the silence after an utterance too, whose states are cached where the embedding has
    `frames: window`: there the last hidden state is the model's own, and is pooled over the utterance's frames. Else it
    is that of blocks which attend to the utterance's frames alone, another state (of whisper-base by a quarter to a
    third, on a short utterance).

    Args:
        backbone: from `load_backbone`; copied from, never changed.
        first: index of the cached hidden state, e.g. 9 to train blocks 10 to 12 of a base model.
        dropout: probability of every dropout inside the blocks; None for the pretrained model's own.
        none_allowed: whether `first` may be the model's last layer, so that there is nothing to train.

    Raises:
        UserError: no block comes after `first`, or the model is of a family whose blocks need more than this.
    """

    def __init__(
        self, backbone: "PreTrainedModel", first: int, dropout: float | None = None, none_allowed: bool = False
    ) -> None:
        super().__init__()
        encoder: Any = backbone.encoder
        depth = len(encoder.layers)
        if depth and attention_of(encoder.layers[0]) is None:
            raise UserError(f"the top blocks of a {backbone.config.model_type!r} model cannot be trained here")
        if not 0 <= first < depth + none_allowed:
            raise UserError(f"no blocks to train after layer {first}: the model has {depth}, so 0 to {depth - 1}")
        self.blocks: nn.ModuleList = copy.deepcopy(encoder.layers[first:]).requires_grad_(True)
        if dropout is not None:
            set_dropout(self.blocks, dropout)
        self.norm: nn.Module = copy.deepcopy(encoder.layer_norm) if _norm_follows(backbone, first) else nn.Identity()
        self.norm.requires_grad_(False)
        self.position: nn.Module | None = None
        if 0 < first < depth and hasattr(attention_of(encoder.layers[0]), "compute_bias"):
            # WavLM: block 1 makes the bias that all blocks share. Of its attention only the embedding is kept.
            self.position = copy.deepcopy(encoder.layers[0].attention).requires_grad_(False)
            for name in ("q_proj", "k_proj", "v_proj", "out_proj", "gru_rel_pos_linear", "gru_rel_pos_const"):
                delattr(self.position, name)

    def forward(self, hidden: Tensor, valid: Tensor) -> Tensor:
        """The last hidden state, (batch, frames, hidden size); zero where not valid.

        Args:
            hidden: cached hidden_states[first], (batch, frames, hidden size), of any float dtype.
            valid: (batch, frames), true for real frames; at least one in each row.
        """
        padded = ~valid[..., None]
        hidden = hidden.float().masked_fill(padded, 0)
        for state in run_blocks(self.blocks, hidden, valid, self._position_bias(hidden)):
            hidden = state
        return self.norm(hidden).masked_fill(padded, 0)

    @staticmethod
    def cached(source: "Source", layer: int, dropout: float | None = None) -> "TopBlocks":
        """The blocks after the layer whose states are given, with the weights of the model that made them.

        Raises:
            UserError: the source lacks the layer, is pooled, does not say its model or is of other weights of it, or
                there are no such blocks.
        """
        layer_stream(source, layer)
        made_by = source.header.params
        if made_by.get("pool", "none") != "none":
            raise UserError(
                f"{source.label}: is pooled to a row an utterance, and blocks are trained on frames; give an embedding "
                "with pool: none"
            )
        if not {"model", "seed"} <= {*made_by}:
            raise UserError(
                f"{source.label}: does not say whose states these are, and blocks of that model are trained on them; "
                f'give a pipeline.View of pipeline.Arrays({{"layer_{layer:02d}": states}}, extractor="ssl", '
                'params={"model": NAME, "seed": 0})'
            )
        backbone = load_backbone(made_by["model"], made_by["seed"])
        known = source.header.notes.get("weights")  # which arrays do not say
        if known and not _has_weights(backbone, known, made_by):
            raise UserError(
                f"{source.label}: was extracted with other weights than {made_by['model']!r} has now, and the blocks "
                "of these know no such states; extract it anew with `dvc repro`"
            )
        return TopBlocks(backbone, layer, dropout)

    def _position_bias(self, hidden: Tensor) -> Tensor | None:
        if self.position is None:
            return None
        position: Any = self.position
        batch, count, _ = hidden.shape
        return position.compute_bias(count, count).repeat(batch, 1, 1)
