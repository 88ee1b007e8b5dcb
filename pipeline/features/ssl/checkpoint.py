"""The files of a checkpoint's folder, which may be a stranger's: looked at before `transformers` reads them."""

import hashlib
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import UserError

SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")
SAFETENSORS = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
PICKLES = ("pytorch_model.bin", "pytorch_model-*.bin", "pytorch_model.bin.index.json")

LOADED = (".json", ".safetensors", ".bin")
"""what of a folder may be loaded, by the ends of names"""

SETTINGS_BYTES = 1 << 20
"""of a file of settings, at most"""
INDEX_BYTES = 1 << 24
"""of a list of the tensors of several files, at most"""
HOLES_BYTES = 1 << 30
"""a larger file has its bytes on the disk, or nearly all of it is a hole"""
HALF = 2
"""bytes of a number in the smallest format of weights that are read"""


def read_settings(path: Path, model: str) -> dict[str, Any]:
    """A file of settings.

    Raises:
        UserError: it is not there, or no mapping of JSON of a believable size.
    """
    try:
        _check_file(path, SETTINGS_BYTES)
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise ValueError("it is no mapping")
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{model!r} is not a model folder: cannot read {path}: {gist(error)}") from error
    return settings


def files_digest(folder: Path, model: str) -> str:
    """Hex SHA-256 of all that may be loaded of a folder, names and bytes.

    Raises:
        UserError: what should be a file is none, or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for path in sorted(path for path in folder.iterdir() if path.suffix in LOADED):
            _check_file(path)
            with path.open("rb") as file:
                digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the model {model!r} in {folder}: {gist(error)}") from error
    return digest.hexdigest()


def held(folder: Path, model: str) -> tuple[int, int]:
    """Tensors and numbers that the weights of a folder have, at most, without reading these.

    Raises:
        UserError: a file of weights is damaged, is larger than it can be, or names files elsewhere.
    """
    from safetensors import SafetensorError

    try:
        sizes = [size for path in _weights(folder) for size in _sizes(path)]
    except (OSError, ValueError, KeyError, RecursionError, SafetensorError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read the weights of {model!r} in {folder}: {gist(error)}") from error
    return len(sizes), sum(sizes)


def _weights(folder: Path) -> Iterator[Path]:
    """The files of weights of a folder; those of an index lie beside it."""
    for pattern in (*SAFETENSORS, *PICKLES):
        for path in sorted(folder.glob(pattern)):
            if path.suffix != ".json":
                _check_file(path)
                yield path
                continue
            _check_file(path, INDEX_BYTES)
            index = json.loads(path.read_text(encoding="utf-8"))
            for name in sorted({str(name) for name in index["weight_map"].values()}):
                if Path(name).name != name or not any(Path(name).match(own) for own in (SAFETENSORS[1], PICKLES[1])):
                    raise ValueError(f"{path.name} names {name[:100]!r}, which is no file of weights beside it")


def _check_file(path: Path, most: int | None = None) -> None:
    if path.exists() and not path.is_file():
        raise ValueError(f"{path.name} is no regular file")
    status = path.stat()
    if most is not None and status.st_size > most:
        raise ValueError(f"{path.name} has {status.st_size} bytes, and {most} are the most")
    stored = 512 * getattr(status, "st_blocks", status.st_size)  # not on Windows
    if status.st_size > max(HOLES_BYTES, 100 * stored):
        raise ValueError(f"{path.name} says {status.st_size} bytes, and {stored} are on the disk")


def _sizes(path: Path) -> Iterator[int]:
    """Numbers of each tensor; all together as one where only the file's size tells."""
    if path.suffix != ".safetensors":
        yield _pickled_bytes(path) // HALF
        return
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        for name in file.keys():  # noqa: SIM118 (it is no mapping)
            yield math.prod(file.get_slice(name).get_shape())


def _pickled_bytes(path: Path) -> int:
    """Bytes of a pickled checkpoint, which torch's archives do not pack."""
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > size:
                raise ValueError(f"{path.name} unpacks to more than its size")
    return size


def gist(error: Exception) -> str:
    """The first sentence of an error: the libraries' own advice is long and not about this package."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line.split(". ")[0].rstrip(".:")
