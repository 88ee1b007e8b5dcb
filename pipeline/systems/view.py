"""X: a batch-indexable view over features, as scikit-learn's splitters and our systems take it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.errors import UserError
from pipeline.storage.source import OWN, Source, counted, described


class View:
    """N utterances, each with one or more features; `X[indices]` is the view of those utterances.

    Args:
        keys: the N utterance keys, also the attribute of that name.
        sources: role (`logmel`, `mfcc`, `opensmile`, `prosody`, `ssl`, `waveform`) -> the feature files that hold
            its rows, the clean file first, or `Arrays`.
        groups: kind (`speaker`, `corpus`, `content`) -> key of every clean recording -> its group's name.

    Raises:
        UserError: no source of a role holds one of the keys.

    Example:
        >>> import numpy as np
        >>> from pipeline import Arrays, View
        >>> frames = [np.zeros((length, 13), np.float32) for length in (90, 120, 75)]
        >>> X = View(["a", "b", "c"], {"mfcc": [Arrays({"values": frames}, keys=["a", "b", "c"], extractor="mfcc")]})
        >>> X
        View(3 utterances, mfcc 13)
        >>> X[1:].keys.tolist(), [rows.shape for rows in X[[0, 2]].arrays("mfcc")]
        (['b', 'c'], [(90, 13), (75, 13)])
    """

    def __init__(
        self,
        keys: Sequence[str],
        sources: Mapping[str, Sequence[Source]],
        groups: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.keys = np.array(keys, dtype=object)
        self._groups = groups or {}
        self._sources = {role: list(own) for role, own in sources.items()}
        self._places = {role: self._find(own) for role, own in self._sources.items()}

    def _find(self, sources: Sequence[Source]) -> NDArray[np.int64]:
        """(N, 2): number of the source that holds a key, and its row there."""
        places = np.full((len(self.keys), 2), -1, np.int64)
        for number, source in enumerate(sources):
            held = set(source.keys)
            mine = [i for i, key in enumerate(self.keys) if key in held]
            places[mine, 0] = number
            places[mine, 1] = source.index(self.keys[mine])
        missing = self.keys[places[:, 0] < 0]
        if len(missing):
            sources[0].index(missing[:1])
        return places

    def __repr__(self) -> str:
        known = self._groups.get("speaker", {})
        speakers = {known.get(source_key(key), "") for key in self.keys} - {""}
        roles = [f"{role} {described(self.source(role))}" for role in self.roles]
        voices = [counted(len(speakers), "speaker")] if speakers else []
        return f"View({', '.join([counted(len(self), 'utterance'), *voices, *roles])})"

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def shape(self) -> tuple[int]:
        """(N,), so that scikit-learn indexes the view as an array."""
        return (len(self),)

    @property
    def roles(self) -> list[str]:
        """The roles that have features."""
        return list(self._sources)

    def __getitem__(self, indices: Any) -> "View":
        places = {role: places[indices].reshape(-1, 2) for role, places in self._places.items()}
        return self._with(np.atleast_1d(self.keys[indices]), places)

    def only(self, roles: Collection[str]) -> "View":
        """The same utterances with those of their roles that are among `roles`."""
        return self._with(self.keys, {role: places for role, places in self._places.items() if role in roles})

    def _with(self, keys: NDArray[Any], places: Mapping[str, NDArray[np.int64]]) -> "View":
        view = object.__new__(View)
        view.keys = keys
        view._groups = self._groups
        view._sources = {role: self._sources[role] for role in places}
        view._places = dict(places)
        return view

    def groups(self, kind: str) -> list[str]:
        """The group of each utterance (a copy's is its source's): its speaker, its corpus, or its content.

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
        return View(keys, self._sources, self._groups)

    def source(self, role: str) -> Source:
        """Where a role's features come from: the clean feature file, or arrays."""
        return self._sources[role][0]

    def holders(self, role: str) -> list[Source]:
        """Of each utterance, the feature file or arrays that hold a role's features of it."""
        sources = self._sources[role]
        return [sources[number] for number, _ in self._places[role]]

    def streams(self, role: str) -> list[str]:
        """The names of a role's streams, sorted: `values`, or its layers in their order."""
        return sorted(set(self.source(role).streams) - {OWN})

    def dims(self, role: str, stream: str = "values") -> int:
        """The width of a stream's frames."""
        width: int = self.source(role).streams[stream].shape[1]
        return width

    def arrays(self, role: str, stream: str = "values") -> list[NDArray[Any]]:
        """Each utterance's frames of one stream, (frames, dims); of whole windows its own, which come first."""
        rows = self.windows(role, stream)
        if OWN not in self.source(role).streams:
            return rows
        return [frames[: int(own.sum())] for frames, own in zip(rows, self.windows(role, OWN), strict=True)]

    def windows(self, role: str, stream: str) -> list[NDArray[Any]]:
        """Each utterance's frames of one stream, (frames, dims); of whole windows those after its own too."""
        sources = self._sources[role]
        return [sources[number].row(int(row), stream) for number, row in self._places[role]]
