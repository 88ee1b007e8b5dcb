"""Arrow and Parquet files, whose package is an extra: read batch by batch, and never as a pickle."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.errors import UserError
from pipeline.paths import check_regular

BATCH = 64
"""rows that are in memory at once"""


def parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a Parquet file, column -> value; a duration is a `timedelta`.

    Raises:
        UserError: pyarrow is not installed, or the file is no Parquet.
    """
    pyarrow = _pyarrow(path)
    from pyarrow import parquet

    check_regular(path)
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                yield from _microseconds(pyarrow, batch).to_pylist()
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise UserError(f"{path}: is no Parquet file that can be read ({_line(error)}); restore it") from error


def parquet_features(path: Path) -> Any:
    """The features that Hugging Face's `datasets` keeps in a Parquet file's schema; None where there are none.

    Raises:
        UserError: pyarrow is not installed, or the file is no Parquet.
    """
    pyarrow = _pyarrow(path)
    from pyarrow import parquet

    check_regular(path)
    try:
        metadata = parquet.read_schema(path).metadata or {}
        return json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features")
    except (OSError, ValueError, AttributeError, RecursionError, pyarrow.ArrowException) as error:
        raise UserError(f"{path}: is no Parquet file that can be read ({_line(error)}); restore it") from error


def arrow_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of an Arrow file as Hugging Face's `datasets` writes it, column -> value.

    Raises:
        UserError: pyarrow is not installed, or the file is no Arrow stream.
    """
    pyarrow = _pyarrow(path)
    check_regular(path)
    try:
        with pyarrow.memory_map(str(path)) as source, pyarrow.ipc.open_stream(source) as stream:
            for batch in stream:
                for first in range(0, batch.num_rows, BATCH):
                    yield from batch.slice(first, BATCH).to_pylist()
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise UserError(f"{path}: is no Arrow file that can be read ({_line(error)}); restore it") from error


def _pyarrow(path: Path) -> ModuleType:
    try:
        import pyarrow
    except ImportError as error:
        raise UserError(f"{path}: reading it needs pyarrow; `pip install pyarrow`, or the extra `arrow`") from error
    return pyarrow


def _microseconds(pyarrow: ModuleType, batch: Any) -> Any:
    """A batch whose durations are in microseconds, as Python's are."""
    fields = [
        field.with_type(pyarrow.duration("us")) if pyarrow.types.is_duration(field.type) else field
        for field in batch.schema
    ]
    table = pyarrow.Table.from_batches([batch])
    return table.cast(pyarrow.schema(fields), safe=False)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
