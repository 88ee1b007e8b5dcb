"""X: a batch-indexable view over feature files, as scikit-learn's splitters and our systems take it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.errors import UserError
from pipeline.storage.feature_file import FeatureFile


class View:
    """N utterances, each with one or more features; `X[indices]` is the view of those utterances.

    Args:
        keys: the N utterance keys, also the attribute of that name.
        files: role (`logmel`, `mfcc`, `prosody`, `ssl`, `waveform`) -> the files that hold its rows, the clean file
            first.
        groups: kind (`speaker`, `corpus`) -> key of every clean recording -> its group's name.

    Raises:
        UserError: no file of a role holds one of the keys.
    """

    def __init__(
        self,
        keys: Sequence[str],
        files: Mapping[str, Sequence[FeatureFile]],
        groups: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.keys = np.array(keys, dtype=object)
        self._groups = groups or {}
        self._files = {role: list(found) for role, found in files.items()}
        self._places = {role: self._find(found) for role, found in self._files.items()}

    def _find(self, files: Sequence[FeatureFile]) -> NDArray[np.int64]:
        """(N, 2): number of the file that holds a key, and its row there."""
        places = np.full((len(self.keys), 2), -1, np.int64)
        for number, file in enumerate(files):
            held = set(file.keys)
            mine = [i for i, key in enumerate(self.keys) if key in held]
            places[mine, 0] = number
            places[mine, 1] = file.index(self.keys[mine])
        missing = self.keys[places[:, 0] < 0]
        if len(missing):
            files[0].index(missing[:1])
        return places

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def shape(self) -> tuple[int]:
        """(N,), so that scikit-learn indexes the view as an array."""
        return (len(self),)

    @property
    def roles(self) -> list[str]:
        """The roles that have features."""
        return list(self._files)

    def __getitem__(self, indices: Any) -> "View":
        view = object.__new__(View)
        view.keys = np.atleast_1d(self.keys[indices])
        view._files = self._files
        view._groups = self._groups
        view._places = {role: places[indices].reshape(-1, 2) for role, places in self._places.items()}
        return view

    def groups(self, kind: str) -> list[str]:
        """The group of each utterance (a copy's is its source's): its speaker, or its corpus.

        Raises:
            UserError: groups of that kind are not known, or not of an utterance.
        """
        known = self._groups.get(kind, {})
        found = [known.get(source_key(key), "") for key in self.keys]
        if "" in found:
            raise UserError(
                f"normalisation needs the {kind} of every recording, and that of {self.keys[found.index('')]!r} "
                "is not known; give it in the manifest, or choose `normalisation: training`"
            )
        return found

    def whole(self) -> "View":
        """All clean recordings whose groups are known, those of other parts too; labels are not among what it has."""
        keys = list(next(iter(self._groups.values()), {}))
        return View(keys, self._files, self._groups)

    def file(self, role: str) -> FeatureFile:
        """The clean feature file of a role."""
        return self._files[role][0]

    def streams(self, role: str) -> list[str]:
        """The names of a role's streams, sorted: `values`, or its layers in their order."""
        return sorted(self.file(role).streams)

    def arrays(self, role: str, stream: str = "values") -> list[NDArray[Any]]:
        """Each utterance's frames of one stream, (frames, dims)."""
        files = self._files[role]
        return [files[file].row(int(row), stream) for file, row in self._places[role]]
