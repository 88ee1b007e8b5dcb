"""Digests of a downloaded file, held against what its host publishes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import UserError

CHUNK = 1 << 20


def digests(file: Path) -> dict[str, str]:
    """MD5 and SHA-256 of a file, hexadecimal, by the names of their algorithms."""
    hashes = {"md5": hashlib.md5(usedforsecurity=False), "sha256": hashlib.sha256()}
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            for each in hashes.values():
                each.update(chunk)
    return {name: each.hexdigest() for name, each in hashes.items()}


def check_digests(file: Path, own: Mapping[str, str], published: Mapping[str, str]) -> None:
    """Hold a file's digests against those that are published.

    Raises:
        UserError: one differs.
    """
    for name, digest in published.items():
        if own[name] != digest:
            raise UserError(f"{file}: is another file: its {name.upper()} is {own[name]}, and {digest} is published")
