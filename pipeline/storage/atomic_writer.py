"""The base of what writes a file in a `with` block: the whole when the block ends well, nothing when it does not."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import Self


class AtomicWriter(ABC):
    """Open what the block needs, and finish the file at its end; an error in the block undoes what was begun."""

    _stack: ExitStack
    """what is closed at the end; an error, too, reaches what is on it"""

    @abstractmethod
    def _open(self) -> None:
        """Begin the block; what must be closed goes on the stack."""

    @abstractmethod
    def _finish(self) -> None:
        """Write what is left when the block has ended well."""

    def __enter__(self) -> Self:
        with ExitStack() as self._stack:
            self._open()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, category: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            self._finish()
