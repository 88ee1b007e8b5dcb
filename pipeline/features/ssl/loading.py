"""Where SSL backbones come from: a Hugging Face hub name, a local folder, or `tiny`, which needs no network."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pipeline.errors import UserError
from pipeline.features.ssl.checkpoint import PICKLES, SAFETENSORS, SETTINGS, gist, held, read_settings
from pipeline.features.ssl.streams import TINY
from pipeline.features.ssl.versions import check_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Answer = TypeVar("Answer")

FAMILIES = {
    "data2vec-audio": "Data2VecAudioModel",
    "hubert": "HubertModel",
    "unispeech-sat": "UniSpeechSatModel",
    "wav2vec2": "Wav2Vec2Model",
    "wavlm": "WavLMModel",
    "whisper": "WhisperModel",
}
"""Supported families: `model_type` in a checkpoint's config.json -> its class in `transformers`."""

TINY_BLOCKS = 12
MOST_BLOCKS = 1000
"""far more than any speech encoder has"""

SPARE_TENSORS = 1 << 10
SPARE_VALUES = 1 << 25
SPARE_DECODER = 1 << 26
"""values of a model beyond its weights': positional weights are made, and again as the two parts of their weight norm;
of Whisper also the decoder's tokens, which a checkpoint may leave out"""

_CONFIG_THAT_MATTERS = (
    "adapter_attn_dim",
    "conv_pos_batch_norm",
    "conv_stride",
    "do_stable_layer_norm",
    "feat_extract_activation",
    "feat_extract_norm",
    "hidden_act",
    "layer_norm_eps",
    "max_bucket_distance",
    "model_type",
    "num_attention_heads",
    "num_buckets",
    "num_conv_pos_embedding_groups",
)
_CONFIG_THAT_MATTERS_TO_WHISPER = ("activation_function", "encoder_attention_heads", "encoder_layers", "model_type")


def load_backbone(model: str, seed: int = 0) -> "PreTrainedModel":
    """Load a pretrained speech encoder: float32, on the CPU, in evaluation mode; Whisper without its decoder.

    Args:
        model: `tiny`, a folder written by `save_pretrained`, or a hub name such as `facebook/hubert-base-ls960`
            (downloaded once into the Hugging Face cache; with HF_HUB_OFFLINE=1 only the cache is read).
        seed: of the random weights of `tiny`; ignored otherwise.

    Safetensors files are preferred. A pickled checkpoint is read with `weights_only=True`: no code of it runs.

    Raises:
        UserError: the model cannot be had or read, is of an unsupported family, or lacks some of its weights; or
            `transformers` is too old.
    """
    check_transformers()
    if model == TINY:
        return _tiny(seed)
    folder = checkpoint_folder(model)
    family = _family(folder, model)
    name = FAMILIES[family]

    import torch
    import transformers

    try:
        with _quiet(), _filled_by(folder, model, family):
            backbone, info = getattr(transformers, name).from_pretrained(
                folder,
                dtype=torch.float32,  # else a half-precision checkpoint would be run in half precision
                weights_only=True,
                local_files_only=True,
                output_loading_info=True,
                **({"decoder_layers": 0} if family == "whisper" else {}),
            )
    except UserError:
        raise
    except Exception as error:  # whatever the readers of a user's file raise: there are several formats
        raise UserError(f"cannot read the weights of {model!r} in {folder}: {gist(error)}") from error
    if family == "whisper":
        del backbone.decoder
    missing = sorted(
        key for key in info["missing_keys"] if key != "masked_spec_embed" and not key.startswith("decoder.")
    )
    if missing:
        # `transformers` would go on with random values for these.
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise UserError(f"the checkpoint {model!r} lacks {len(missing)} tensors of {name}: {shown}")
    # A config may ask for checkpoints, to save memory in others' trainings: ours would compute each block twice.
    for module in backbone.modules():
        if getattr(module, "gradient_checkpointing", False):
            module.gradient_checkpointing = False
    return backbone.eval()


def wants_normalised(model: str) -> bool:
    """Whether a backbone was trained on waveforms of zero mean and unit variance.

    It is `do_normalize` in the preprocessor_config.json beside the weights, and true when there is no such file
    (the default of `transformers`, and right for wav2vec2-base and hubert-base-ls960; WavLM base models say false).

    Raises:
        UserError: it is a hub model, the file is not in the cache and the hub cannot be asked.
    """
    if model == TINY:
        return True
    return bool(feature_settings(model).get("do_normalize", True))


def feature_settings(model: str) -> dict[str, Any]:
    """What preprocessor_config.json beside the weights says of the encoder's input; empty when there is no such file.

    Raises:
        UserError: it is a hub model, the file is not in the cache and the hub cannot be asked.
    """
    folder = checkpoint_folder(model)
    nested = folder / "processor_config.json"  # where processors saved by transformers 5 keep it
    settings = (read_settings(nested, model).get("feature_extractor") or {}) if nested.is_file() else {}
    if not isinstance(settings, dict):
        raise UserError(f"{model!r}: feature_extractor in {nested} is no mapping")
    path = folder / "preprocessor_config.json"
    if path.is_file():
        return read_settings(path, model) | settings
    if settings:
        return dict(settings)
    if not Path(model).is_dir() and not _hub_lacks(model, path.name):
        raise UserError(
            f"{path.name} of {model!r}, which says what input the model wants, is not in the cache: "
            f"run `hf download {model}` with a network, or give the path of a local folder"
        )
    return {}


def weights_digest(backbone: "PreTrainedModel", identity: object) -> str:
    """Hex SHA-256 over all that hidden states depend on besides the waveform.

    That is: every tensor (name, dtype, shape, bytes), the config fields that change the computation, and `identity`,
    what is done to the waveform first, fit for JSON: whether it is normalised, or the settings of its log-Mel. The
    device, the checkpoint's file format and its path do not count.
    """
    whisper = backbone.config.model_type == "whisper"
    keys = _CONFIG_THAT_MATTERS_TO_WHISPER if whisper else _CONFIG_THAT_MATTERS
    config = {key: getattr(backbone.config, key, None) for key in keys}
    digest = hashlib.sha256(json.dumps([config, identity], sort_keys=True).encode())
    for name, tensor in sorted(backbone.state_dict().items()):
        if name == "masked_spec_embed":  # for pretraining and SpecAugment only
            continue
        values = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.reshape(-1).view(np.uint8))  # and no copy of them
    return digest.hexdigest()


def _tiny(seed: int) -> "PreTrainedModel":
    """wav2vec2-base at 1/12 width: 12 blocks of 64, 50 frames per second, random weights."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=64,
        num_hidden_layers=TINY_BLOCKS,
        num_attention_heads=4,
        intermediate_size=256,
        conv_dim=(48,) * 7,
        mask_time_prob=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Wav2Vec2Model(config).eval()


def checkpoint_folder(model: str) -> Path:
    """The local folder of a checkpoint; a hub model is fetched into the cache first.

    Loading from a folder, never by name, keeps `transformers` from asking a conversion service for safetensors.

    Raises:
        UserError: it cannot be had.
    """
    return Path(model) if Path(model).is_dir() else hub_folder(model)


def hub_folder(model: str, download: bool = True) -> Path:
    """The folder of a hub model in the Hugging Face cache, fetched first where it is not there.

    Args:
        model: its name.
        download: whether the hub may be asked.

    Raises:
        UserError: it cannot be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        only = not download
        folder = Path(snapshot_download(model, allow_patterns=[*SETTINGS, *SAFETENSORS], local_files_only=only))
        if not any(folder.glob("model*.safetensors")):
            folder = Path(snapshot_download(model, allow_patterns=[*SETTINGS, *PICKLES], local_files_only=only))
    except HFValidationError as error:
        raise UserError(f"no model folder {model!r} here, and it cannot be a hub name (owner/name)") from error
    except Exception as error:  # the hub client raises its own, the HTTP library's and OSError
        if not download:
            raise UserError(
                f"the self-supervised model {model!r} is not in the Hugging Face cache, and the hub is asked only "
                "with --download; its folder can be given as --ssl-model PATH"
            ) from error
        raise UserError(
            f"cannot get the model {model!r}: it is not a folder here, not in the Hugging Face cache, and the hub did "
            f"not give it ({gist(error)}). Run `hf download {model}` with a network, give the path of a local "
            f"folder, or use {TINY!r} to try the pipeline out"
        ) from error
    return folder


def _hub_lacks(model: str, name: str) -> bool:
    """Whether the hub itself says that a model has no such file; false when it cannot be asked."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        hf_hub_download(model, name)
    except RemoteEntryNotFoundError:
        return True
    except Exception:
        return False
    return False


def block_count(model: str) -> int:
    """How many blocks the encoder of a model has, by its config.json.

    Raises:
        UserError: the model cannot be had, or does not say it.
    """
    if model == TINY:
        return TINY_BLOCKS
    folder = checkpoint_folder(model)
    name = "encoder_layers" if _family(folder, model) == "whisper" else "num_hidden_layers"
    count = read_settings(folder / "config.json", model).get(name)
    if type(count) is not int or not 0 < count <= MOST_BLOCKS:
        raise UserError(f"{model!r}: its config.json does not say how many blocks it has ({name}); list the layers")
    return count


def known_block_count(model: str) -> int | None:
    """How many blocks the encoder of a model has; None where that cannot be told without a network."""
    return _offline(block_count, model)


def known_family(model: str) -> str | None:
    """The family of a model, of `FAMILIES`; None where that cannot be told without a network."""
    return _offline(lambda name: "wav2vec2" if name == TINY else _family(checkpoint_folder(name), name), model)


def _offline(read: Callable[[str], Answer], model: str) -> Answer | None:
    """What is read of a model, where it is here."""
    try:
        if model != TINY and not Path(model).is_dir():
            hub_folder(model, download=False)
        return read(model)
    except UserError:
        return None


def _family(folder: Path, model: str) -> str:
    family = read_settings(folder / "config.json", model).get("model_type")
    if not isinstance(family, str) or family not in FAMILIES:
        raise UserError(f"{model!r} is a {str(family)[:100]!r} model; supported: {', '.join(FAMILIES)}")
    return str(family)


def _filled_by(folder: Path, model: str, family: str) -> AbstractContextManager[None]:
    """Refuse to make a model that the weights of a folder cannot fill: its config may be a stranger's."""
    from pipeline.jobs.network_size import largest_network

    tensors, values = held(folder, model)
    spare = SPARE_DECODER if family == "whisper" else SPARE_VALUES
    return largest_network(2 * tensors + SPARE_TENSORS, 2 * values + spare)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no report of unused weights (heads for pretraining) while a model loads."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
