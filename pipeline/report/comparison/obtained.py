"""What scores were obtained with, by dvc.lock, where that is not what params.yaml and the folder hold now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.config.params import FILE
from pipeline.errors import printable
from pipeline.graph import dvc_lock
from pipeline.graph.lineage import Lock, Scope, digest_of, plain
from pipeline.graph.stage_keys import UNREAD
from pipeline.report.comparison.changes import NOT_THERE, Change, Params, entries, flat, is_same, shown, value_of
from pipeline.report.comparison.revisions import Revision, WorkingFolder

ENTRIES = ("experiments", "transfers", "fusions")
"""sections that the stage that scores depends on whole"""
OF_ALL = ("scoring", "seed", "arithmetic")
"""those that concern all scores"""
MOST = 3
"""differences that are said of an experiment"""


@dataclass(frozen=True)
class Obtained:
    """What the scores of an experiment, a transfer or a fusion were obtained with.

    Attributes:
        params: params.yaml, where it differs with what was run.
        differences: from what was run to params.yaml.
        newer: files that were made anew since they were scored, or since the next on the way to the scores was made.
    """

    params: Params
    differences: Sequence[Change] = ()
    newer: Sequence[str] = ()

    @property
    def note(self) -> str:
        """What a reader must know; "" where all is of one run."""
        told = [
            f"{one.key}: {shown(one.before)} in what was run, {shown(one.after)} in {FILE}" for one in self.differences
        ]
        more = [f"and {len(told) - MOST} more"] if len(told) > MOST else []
        older = [f"{FILE} ({'; '.join([*told[:MOST], *more])})"] if told else []
        reasons = " and than ".join([*older, *self.newer])
        return printable(f"older than {reasons}; run `dvc repro`") if reasons else ""


class ScoreRecord:
    """What dvc.lock of a revision says of its scores; where there is none, params.yaml is all that is known."""

    def __init__(self, revision: Revision, params: Params) -> None:
        self._params, self._lock = params, Lock(revision.read(dvc_lock.FILE))
        self._now = plain(revision.read(FILE)) if params else {}
        self._is_here = isinstance(revision, WorkingFolder)

    def of(self, name: str) -> Obtained:
        """What the scores of a name were obtained with."""
        if not self._params:
            return Obtained(self._params)
        lineage = self._lock.of(paths.predictions(name))
        recorded = [*lineage.params]
        recorded += self._evaluated(name, {scope for scope, _ in recorded})
        differences = {one.key: one for scope, value in recorded for one in _differences(scope, value, self._now)}
        params = self._params
        for scope in dict.fromkeys(scope for scope, _ in recorded):
            value = next(value for known, value in recorded if known == scope)  # that of the stage nearest to the score
            if any(_differences(scope, value, self._now)):
                params = _with(params, scope, value)
        changed = [path.as_posix() for path in [paths.predictions(name)] if self.is_changed(path)]
        return Obtained(params, [*differences.values()], [*dict.fromkeys([*changed, *lineage.newer])])

    def is_changed(self, path: Path) -> bool:
        """Whether a file or a folder in the working folder is not the one that was scored, as far as that is known."""
        scored = self._lock.scored(path) if self._is_here else None
        found = digest_of(path) if scored else None
        return found is not None and found != scored

    def _evaluated(self, name: str, known: set[Scope]) -> Iterator[tuple[Scope, Any]]:
        """What the stage that scored was told, of all scores, and of entries of which no stage before it tells."""
        told = self._lock.evaluated
        if told is None:
            return
        for scope in dict.fromkeys(entries(told, name)):
            if scope not in known and scope[0] in ENTRIES and (value := value_of(told, scope)) is not NOT_THERE:
                yield scope, value
        yield from (((section,), told.get(section, NOT_THERE)) for section in OF_ALL)


def _differences(scope: Scope, value: Any, now: Params) -> Iterator[Change]:
    """The keys of a scope that have another value in params.yaml, in the order of that file, then of what was run."""
    current = value_of(now, scope)
    if current is NOT_THERE and len(scope) > 1:
        yield Change(".".join(scope), value, NOT_THERE)
        return
    old, new = dict(flat(scope, value)), dict(flat(scope, current))
    pairs = ((key, old.get(key, NOT_THERE), new.get(key, NOT_THERE)) for key in {**new, **old})
    yield from (Change(*pair) for pair in pairs if not is_same(pair[1], pair[2]))


def _with(params: Params, scope: Scope, value: Any) -> Params:
    """Params with another value of a scope, of which the keys that change no training stay."""
    section, *inner = scope
    if not inner:
        return {**{key: item for key, item in params.items() if key != section}, **_given(section, value)}
    table = params.get(section)
    table = table if isinstance(table, Mapping) else {}
    (name,) = inner
    return {**params, section: {**table, name: _in_order(table.get(name), value)}}


def _given(key: str, value: Any) -> dict[str, Any]:
    return {} if value is NOT_THERE else {key: value}


def _in_order(current: Any, value: Any) -> Any:
    """A recorded entry with its keys in the order that params.yaml has them in."""
    if not isinstance(current, Mapping) or not isinstance(value, Mapping):
        return value
    kept = {key: current[key] if key in UNREAD else value[key] for key in current if key in UNREAD or key in value}
    return {**kept, **{key: item for key, item in value.items() if key not in UNREAD and key not in kept}}


def lines_of(notes: Iterable[tuple[str, str]]) -> list[str]:
    """Notes, each with the name that it is of, as lines: one for all names of which the same is to be said."""
    told: dict[str, list[str]] = {}
    for name, note in notes:
        if note:
            told.setdefault(note, []).append(printable(name))
    return [f"{', '.join(names)}: {note}" for note, names in told.items()]
