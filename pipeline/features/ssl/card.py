"""What is known of a speech encoder without loading it: kept beside the features it made, and found by content."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.atomic import renamed_path
from pipeline.features.ssl.known_files import KnownFiles, known_files
from pipeline.features.ssl.loading import checkpoint_folder
from pipeline.features.ssl.streams import TINY
from pipeline.storage.identity import canonical_json

if TYPE_CHECKING:
    from pipeline.features.ssl.batches import Encoder

PACKAGES = ("torch", "transformers")
"""those whose code decides what a checkpoint becomes"""
CODE = (Path(__file__).parent, Path(__file__).parents[2] / "jobs" / "operation_count.py")
"""this project's code that decides it, and what it costs"""


@dataclass
class Card:
    """An encoder, as far as the layers kept need it.

    Attributes:
        weights: hex SHA-256 of all that its states depend on besides the waveform, see `loading.weights_digest`.
        hidden_size: dimensions of a hidden state.
        hop: samples per frame.
        first_frame: centre of the first frame (samples).
        parameters: number of its parameters.
        operations: samples of an utterance -> floating-point operations on it, as far as they were asked for.
    """

    weights: str
    hidden_size: int
    hop: int
    first_frame: float
    parameters: int
    operations: dict[int, int] = field(default_factory=dict)

    def save(self, path: Path, origin: "Origin") -> None:
        """Keep it in a file, with what it was made of."""
        text = json.dumps({"origin": origin.digest, "files": origin.files.note(), **asdict(self)}, indent=1) + "\n"
        with renamed_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Origin:
    """What a card is made of.

    Attributes:
        digest: hex SHA-256 of all of it: the bytes of the model's files, params, packages and code.
        files: those files.
    """

    digest: str
    files: KnownFiles


def card_of(encoder: "Encoder", weights: str = "") -> Card:
    """The card of an encoder.

    Args:
        encoder: it, without the blocks that are not needed.
        weights: its digest, where the weights have been rounded since.
    """
    from pipeline.features.ssl.cost import parameter_count
    from pipeline.features.ssl.loading import weights_digest

    model: Any = encoder
    return Card(
        weights=weights or weights_digest(model.backbone, encoder.identity),
        hidden_size=encoder.hidden_size,
        hop=encoder.hop,
        first_frame=encoder.first_frame,
        parameters=parameter_count(encoder),
    )


def origin(model: str, params: dict[str, Any], memory: Path) -> Origin:
    """What the card of a model is made of.

    Args:
        model: its name.
        params: of the extractor.
        memory: where a card may have been kept: files that are as they were then are not read again.

    Raises:
        UserError: the model cannot be had, or what should be a file of it is none.
    """
    files = KnownFiles("") if model == TINY else known_files(checkpoint_folder(model), model, memory)
    rest = {key: value for key, value in params.items() if key != "model" or value == TINY}
    sources = [path for place in CODE for path in (sorted(place.glob("*.py")) if place.is_dir() else [place])]
    code = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sources]
    versions = [version(name) for name in PACKAGES]
    digest = hashlib.sha256(canonical_json([files.digest, rest, versions, code]).encode()).hexdigest()
    return Origin(digest, files)


def saved_card(path: Path, origin: Origin) -> Card | None:
    """The card in a file, if it was made of the same; None where there is none, or none that can be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.pop("origin") != origin.digest:
            return None
        kept.pop("files", None)
        card = Card(**kept)
        card.operations = {int(samples): int(count) for samples, count in card.operations.items()}
        numbers = (card.hidden_size, card.hop, card.parameters)
        whole = isinstance(card.weights, str) and all(type(number) is int and number > 0 for number in numbers)
        return card if whole and isinstance(card.first_frame, int | float) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
