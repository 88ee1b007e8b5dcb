"""Files of vectors that stand for recordings: HDF5, CSV or NPY."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline.atomic import atomic_path
from pipeline.errors import ParamsError
from pipeline.experiments.model_folder import digest
from pipeline.experiments.predictions import plain_cell
from pipeline.serving.embedding import Embeddings
from pipeline.serving.export_card import EXPORT
from pipeline.serving.value_model import AnyModel
from pipeline.storage.json_file import write_json

KEYS = ".keys.json"
"""how the file ends that lies beside a .npy file, and has the recordings' keys in the order of its rows"""


@dataclass(frozen=True)
class Origin:
    """What made vectors.

    Attributes:
        model: the experiment's or the fusion's name.
        export: digest of the export's model.json.
        of: what the vectors are: network or states.
    """

    model: str
    export: str
    of: str


def origin(source: AnyModel, of: str) -> Origin:
    """What vectors of an export are made by."""
    return Origin(source.card.name, digest((source.folder / EXPORT).read_bytes()), of)


def check_suffix(out: Path) -> None:
    """Refuse a name of a file that says no format.

    Raises:
        ParamsError: it does not.
    """
    if out.suffix.lower() not in WRITERS:
        raise ParamsError(f"--to {out}: should end with {', '.join(WRITERS)}, which say the format")


def files_of(out: Path) -> list[Path]:
    """The files that `write_vectors` writes."""
    return [out, out.with_suffix(KEYS)] if out.suffix.lower() == ".npy" else [out]


def write_vectors(out: Path, keys: Sequence[str], embeddings: Embeddings, made_by: Origin) -> None:
    """Write vectors of recordings, in their order.

    `.h5` is a feature file of one frame a recording, which `ser inspect` reads; `.csv` has a column for the key and one
    for each number, which its part and its place in that name; `.npy` is the array alone, and a file beside it, as
    `vectors.keys.json`, has the keys.

    Args:
        out: the file, whose suffix says the format.
        keys: of the N recordings.
        embeddings: theirs.
        made_by: kept in a feature file.
    """
    WRITERS[out.suffix.lower()](out, keys, embeddings, made_by)


def ranges(parts: Mapping[str, int]) -> dict[str, str]:
    """Part -> the numbers of a vector that it has, as `0-127`."""
    ends = np.cumsum([*parts.values()]).tolist()
    return {name: f"{end - width}-{end - 1}" for (name, width), end in zip(parts.items(), ends, strict=True)}


def _hdf5(out: Path, keys: Sequence[str], embeddings: Embeddings, made_by: Origin) -> None:
    from pipeline.storage.feature_writer import FeatureWriter
    from pipeline.storage.header import Header, Outline
    from pipeline.storage.identity import row_digest

    vectors = embeddings.vectors
    digests = np.array([row_digest("embedding", made_by.model, row.tobytes()) for row in vectors], np.uint8)
    notes = {"parts": ", ".join(f"{name} {numbers}" for name, numbers in ranges(embeddings.parts).items())}
    header = Header("embedding", "1", asdict(made_by), 0.0, "recordings", notes)
    width = vectors.shape[1]
    outline = Outline(header, keys, digests, {"values": width}, {"values": np.dtype(np.float32)})
    with FeatureWriter(out, outline, np.ones(len(keys), np.int64)) as writer:
        writer.put(0, "values", vectors, len(keys))


def _csv(out: Path, keys: Sequence[str], embeddings: Embeddings, made_by: Origin) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", *(f"{name}/{i:04d}" for name, width in embeddings.parts.items() for i in range(width))])
    for key, row in zip(keys, embeddings.vectors, strict=True):
        writer.writerow([plain_cell(key), *(f"{value:.9g}" for value in row)])
    with atomic_path(out) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def _npy(out: Path, keys: Sequence[str], embeddings: Embeddings, made_by: Origin) -> None:
    with atomic_path(out) as temporary, temporary.open("wb") as file:
        np.save(file, embeddings.vectors, allow_pickle=False)
    write_json(out.with_suffix(KEYS), [*keys])


WRITERS: Mapping[str, Callable[[Path, Sequence[str], Embeddings, Origin], None]] = {
    ".h5": _hdf5,
    ".csv": _csv,
    ".npy": _npy,
}
"""suffix -> what writes it"""
