"""An export as a .zip: the same bytes of the same files, and read as a stranger's, who may mean harm."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from stat import S_ISLNK
from tempfile import TemporaryDirectory
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo
from zlib import error as DeflateError  # noqa: N812

from pipeline.atomic import atomic_path
from pipeline.errors import UserError
from pipeline.experiments.model_folder import CARD_BYTES, NUMBERS_BYTES
from pipeline.paths import check_regular
from pipeline.serving.export_card import EXPORT

ZIP = ".zip"
MEMBER = re.compile(
    r"model\.json|README\.md|LICENSE\.md|model\.onnx|predict_onnx\.py|"
    r"(branches/[A-Za-z0-9_][\w-]*/)?(card\.json|fold_\d{2,4}\.safetensors)",
    re.A,
)
"""what an export has, and nothing else of a .zip is read"""
GRAPH = ".onnx"
"""how a member ends that is for other readers, and stays in the .zip"""
MEMBERS = 10_000
"""of an export, at most"""
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""the time of every member, so that when it was made does not matter"""
DENSEST = 100
"""times that a member is smaller than its contents, at most; a bomb's is 1000"""
PIECE = 1 << 20
CURE = "copy the whole file again, or export it anew"


def pack(folder: Path, path: Path) -> None:
    """Write a folder's files as a .zip, uncompressed, as trained weights hardly shrink."""
    with atomic_path(path) as temporary, ZipFile(temporary, "w", ZIP_STORED) as archive:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            member = ZipInfo(file.relative_to(folder).as_posix(), EARLIEST)
            member.external_attr = 0o644 << 16
            member.file_size = file.stat().st_size
            with archive.open(member, "w") as there, file.open("rb") as here:
                _copy(here, there, member.file_size)


def names_in(path: Path) -> list[str]:
    """The names of a .zip's members; none of what is no .zip."""
    try:
        with ZipFile(path) if path.is_file() else nullcontext() as archive:
            return archive.namelist() if archive else []
    except (BadZipFile, OSError, ValueError):
        return []


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder that a .zip holds, until the end of the block.

    Raises:
        UserError: it is no export, is damaged, has a path out of it, or grows beyond what an export has.
    """
    check_regular(path)
    with TemporaryDirectory(prefix="ser-model-") as name:
        try:
            with ZipFile(path) as archive:
                _check_members(path, archive.infolist())
                for member in (each for each in archive.infolist() if not each.filename.endswith(GRAPH)):
                    _unpack(archive, member, Path(name) / member.filename)
        except (BadZipFile, DeflateError, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
            raise UserError(f"{path}: cannot be read as a .zip ({error}); {CURE}") from error
        try:
            yield Path(name)
        except UserError as error:
            if name not in str(error):
                raise
            raise UserError(str(error).replace(name, str(path))) from error


def _check_members(path: Path, members: list[ZipInfo]) -> None:
    names = [member.filename for member in members]
    if EXPORT not in names:
        raise UserError(f"{path}: has no {EXPORT}, so it is no export; `ser export NAME --to FILE.zip` makes one")
    if len(names) > MEMBERS or len({*names}) < len(names):
        raise UserError(f"{path}: has more files than an export, or one twice; {CURE}")
    for member in members:
        if not MEMBER.fullmatch(member.filename) or S_ISLNK(member.external_attr >> 16):
            raise UserError(f"{path}: holds {member.filename[:200]!r}, which no export does; do not use it")
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise UserError(f"{path}: {member.filename} is compressed in an unusual way; pack it anew")
        most = NUMBERS_BYTES if member.filename.endswith((".safetensors", GRAPH)) else CARD_BYTES
        if member.file_size > min(most, DENSEST * member.compress_size + PIECE):
            raise UserError(f"{path}: {member.filename} says {member.file_size} bytes, too many; do not use it")


def _unpack(archive: ZipFile, member: ZipInfo, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as there, file.open("wb") as here:
        _copy(there, here, member.file_size)


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy so many bytes and no more, whatever comes."""
    while size > 0 and (piece := source.read(min(PIECE, size))):
        target.write(piece)
        size -= len(piece)
