"""The fingerprints of a corpus's recordings, kept beside its manifest: by them, copies in other corpora are known."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.atomic import atomic_path
from pipeline.audio.fingerprint import Fingerprint
from pipeline.audio.fingerprint_index import near_pairs
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.storage.qualified import qualified

Arrays = Mapping[str, NDArray[Any]]

DIGEST = 32
"""bytes of a SHA-256"""


def write(corpus: str, prints: Mapping[str, Fingerprint]) -> None:
    """Write the fingerprints of a corpus, whole or not at all.

    Args:
        corpus: its name.
        prints: key -> of that recording.
    """
    from safetensors.numpy import save

    with atomic_path(paths.fingerprints(corpus)) as temporary:
        temporary.write_bytes(save(arrays(prints)))


def arrays(prints: Mapping[str, Fingerprint]) -> dict[str, NDArray[Any]]:
    """Fingerprints as arrays, which `parsed` takes."""
    own = [*prints.values()]
    return {
        "keys": np.frombuffer(json.dumps([*prints], ensure_ascii=False).encode(), np.uint8),
        "digests": np.frombuffer(b"".join(bytes.fromhex(each.digest) for each in own), np.uint8).reshape(-1, DIGEST),
        "constant": np.array([each.constant for each in own], np.bool_),
        "frames": np.array([len(each.words) for each in own], np.int64),
        "words": np.concatenate([np.zeros(0, np.uint32), *(each.words for each in own)]),
        "compared": np.packbits(np.concatenate([np.zeros(0, np.bool_), *(each.compared for each in own)])),
    }


def read(corpus: str) -> dict[str, Fingerprint]:
    """Key -> the fingerprint of each recording of a corpus.

    Raises:
        UserError: the file is missing or damaged; the message has the stage that makes it.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = paths.fingerprints(corpus)
    try:
        return parsed(load_file(path))
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
        what = "no such fingerprints" if isinstance(error, FileNotFoundError) else f"damaged fingerprints ({error})"
        raise UserError(f"{path}: {what}; `dvc repro manifest-{corpus}` makes them") from error


def parsed(arrays: Arrays) -> dict[str, Fingerprint]:
    """Key -> the fingerprint that arrays hold.

    Raises:
        ValueError, LookupError: they are not such arrays.
    """
    keys = json.loads(arrays["keys"].tobytes())
    frames, words, flags = (arrays[name] for name in ("frames", "words", "compared"))
    count, ends = len(keys), np.cumsum(frames)
    shapes = {"digests": (count, DIGEST), "constant": (count,), "frames": (count,), "words": (int(frames.sum()),)}
    shapes["compared"] = (-(-int(frames.sum()) // 8),)
    if wrong := next((name for name, shape in shapes.items() if arrays[name].shape != shape), None):
        raise ValueError(f"{wrong} has the shape {arrays[wrong].shape}, and not {shapes[wrong]}")
    if frames.dtype != np.int64 or words.dtype != np.uint32 or (frames < 0).any():
        raise ValueError("numbers of another kind")
    compared = np.unpackbits(flags.astype(np.uint8), count=len(words)).astype(np.bool_)
    digests, constant = (arrays[name] for name in ("digests", "constant"))
    return {
        key: Fingerprint(digests[i].tobytes().hex(), words[end - n : end], compared[end - n : end], bool(constant[i]))
        for i, (key, n, end) in enumerate(zip(keys, frames.tolist(), ends.tolist(), strict=True))
    }


def copies_across(manifests: Mapping[str, Sequence[Row]]) -> list[tuple[str, str]]:
    """The pairs of keys, `qualified`, of recordings of two corpora that sound the same; the former corpus's key first.

    Copies within a corpus are known by its manifest.

    Args:
        manifests: corpus -> its rows; with one corpus, no fingerprint is read.

    Raises:
        UserError: a corpus's fingerprints are missing, damaged, or of another manifest.
    """
    if len(manifests) < 2:
        return []
    rows = [row for own in manifests.values() for row in own]
    prints = [each for corpus, own in manifests.items() for each in _of_rows(corpus, own)]
    known = [i for i, each in enumerate(prints) if not each.constant]
    pairs = ((rows[known[one]], rows[known[other]]) for one, other in near_pairs([prints[i] for i in known]))
    across = ((one, other) for one, other in pairs if one.dataset != other.dataset)
    return list(dict.fromkeys((_name(one), _name(other)) for one, other in across))


def _name(row: Row) -> str:
    return qualified(row.dataset, row.key)


def _of_rows(corpus: str, rows: Sequence[Row]) -> list[Fingerprint]:
    prints = read(corpus)
    if missing := next((row.key for row in rows if row.key not in prints), None):
        raise UserError(
            f"{paths.fingerprints(corpus)}: has none of {missing!r}, which the manifest has; "
            f"`dvc repro -f manifest-{corpus}` makes both"
        )
    return [prints[row.key] for row in rows]
