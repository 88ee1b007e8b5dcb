"""Utterances as batches of tensors, from memory where they fit there."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.errors import ParamsError
from pipeline.jobs.executors import GIB, MEMORY_VARIABLE, memory_share


@dataclass(frozen=True)
class Fixed:
    """An input of one shape.

    Attributes:
        arrays: each utterance's, of whatever shape, all of the same.
    """

    arrays: Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Ragged:
    """An input of as many frames as the utterance has; it is padded and masked batch by batch.

    Attributes:
        arrays: each utterance's, (frames, dims).
    """

    arrays: Sequence[NDArray[Any]]


Inputs = Mapping[str, Fixed | Ragged]
"""what a network reads, by the names of its arguments; of a ragged one it gets NAME and NAME_valid"""


def memory_budget() -> int:
    """Bytes that one training may keep features in: `SER_MEMORY` (GiB), which workers have as their share of a quarter
    of the machine's memory; alone, the whole of it, see `memory_share`.

    Raises:
        ParamsError: SER_MEMORY is no finite number, or is negative; or SER_WORKERS is no positive number.
    """
    said = os.environ.get(MEMORY_VARIABLE, "")
    if not said:
        return memory_share()
    try:
        budget = float(said) * GIB
    except ValueError:
        budget = -1
    if not 0 <= budget < math.inf:
        raise ParamsError(f"SER_MEMORY is {said!r}; give the GiB of memory for features, as 4")
    return int(budget)


class Column:
    """One input of N utterances.

    Args:
        source: what is in it; a batch of a ragged one is padded with zeros.
        resident: keep all in memory, and assemble a batch without a loop over its utterances.
        device: where they are kept.
    """

    def __init__(self, source: Fixed | Ragged, resident: bool, device: str = "cpu") -> None:
        arrays = source.arrays
        self._count = len(arrays)
        self.ragged = isinstance(source, Ragged)
        self.lengths = torch.tensor([len(array) for array in arrays] if self.ragged else [], dtype=torch.int64)
        self._arrays: Sequence[NDArray[Any]] | None = None
        if not resident:
            self._arrays = arrays
        elif self.ragged:
            self._values = torch.from_numpy(np.concatenate(list(arrays))).to(device)
            self._starts = torch.cumsum(self.lengths, 0) - self.lengths
        else:
            self._values = torch.from_numpy(np.stack(list(arrays))).to(device)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Tensor]:
        """Each utterance's own frames."""
        if self._arrays is not None:
            yield from (torch.from_numpy(np.array(array)) for array in self._arrays)
        elif self.ragged:
            yield from self._values.split(self.lengths.tolist())
        else:
            yield from self._values

    def batch(self, indices: list[int]) -> tuple[Tensor, Tensor | None]:
        """The values of these utterances, (batch, ...) or (batch, longest, dims), and which frames are real."""
        chosen = torch.tensor(indices)
        if not self.ragged:
            if self._arrays is not None:
                return torch.from_numpy(np.stack([self._arrays[i] for i in indices])).float(), None
            return self._values[chosen.to(self._values.device)].float(), None
        lengths = self.lengths[chosen]
        valid = torch.arange(int(lengths.max())) < lengths[:, None]
        if self._arrays is not None:
            rows = [torch.from_numpy(np.array(self._arrays[i])) for i in indices]
            return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).float(), valid
        place = self._starts[chosen][:, None] + torch.arange(valid.shape[1])
        device = self._values.device
        place, valid = place.clamp(max=len(self._values) - 1).to(device), valid.to(device)
        return self._values[place].float().masked_fill_(~valid[..., None], 0), valid


class Batches(Dataset[Any]):
    """Utterances and their labels, or numbers; a batch is a dict of tensors and the labels.

    A fixed input becomes a tensor (batch, ...). A ragged one (frames, dims) is padded with zeros to
    (batch, longest, dims), and `NAME_valid` (batch, longest) is True on its real frames.

    Args:
        inputs: of the utterances.
        y: class numbers, (N,), or numbers, (N, targets).
        budget: bytes to keep features in; the inputs stay on the disk when they take more.
        device: where features are kept.
    """

    def __init__(self, inputs: Inputs, y: NDArray[Any], budget: int, device: str = "cpu") -> None:
        self.y = torch.from_numpy(y)
        resident = sum(array.nbytes for source in inputs.values() for array in source.arrays) <= budget
        self.columns = {name: Column(source, resident, device) for name, source in inputs.items()}

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> tuple[dict[str, Tensor], Tensor]:
        batch: dict[str, Tensor] = {}
        for name, column in self.columns.items():
            values, valid = column.batch(indices)
            batch[name] = values
            if valid is not None:
                batch[f"{name}_valid"] = valid
        return batch, self.y[torch.tensor(indices)]
