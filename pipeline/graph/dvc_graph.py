"""DVC's own graph of a project: its stages in the order of `dvc repro`, and which of them have something to do."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError, nearest
from pipeline.graph import dvc_lock, ignore_files
from pipeline.graph.unhashed import complaint

if TYPE_CHECKING:
    from dvc.repo import Repo


class DvcGraph:
    """The stages that `dvc repro` would look at; the working folder is in a repository of DVC.

    Attributes:
        order: their names, in the order in which DVC runs them.
        upstream: name -> those of them that it waits for. A frozen stage waits for none, as with DVC.
    """

    def __init__(self, repo: "Repo", stages: Sequence[Any], upstream: Mapping[str, frozenset[str]]) -> None:
        self._repo = repo
        self._stages = {stage.addressing: stage for stage in stages}
        self._locked = {file: dvc_lock.stage_names(file) for file in map(_lock_file, stages) if file}
        self._ignored = {file: ignore_files.lines(file) for file in ignore_files.ignored_lines(stages)}
        self.order = [*self._stages]
        self.upstream = upstream

    def changed(self, names: Collection[str]) -> list[str]:
        """Those of some stages that DVC would run, whose upstream stages are all done.

        Raises:
            UserError: DVC cannot tell.
        """
        from dvc.repo import lock_repo

        with dvc_errors(), lock_repo(self._repo):
            return [name for name in self.order if name in names and self._stages[name].changed()]

    def target(self, name: str) -> str:
        """What DVC takes for a stage and nothing else: with its file, as a stage may have the name of a file."""
        stage = self._stages[name]
        return f"{stage.relpath}:{stage.name}" if _lock_file(stage) else name

    def sort_files(self) -> None:
        """Put what is new in dvc.lock and .gitignore into the order of `dvc repro`, whichever stage was done first."""
        from dvc.repo import lock_repo

        with dvc_errors(), lock_repo(self._repo):
            for file, known in self._locked.items():
                order = [stage.name for stage in self._stages.values() if _lock_file(stage) == file]
                dvc_lock.sort(file, known, order)
            for file, lines in ignore_files.ignored_lines(self._stages.values()).items():
                ignore_files.sort(file, self._ignored[file], lines)

    def remind(self, files: Collection[str]) -> None:
        """Say which files are for git, as DVC does at its end; with its `core.autostage`, add them."""
        with dvc_errors(), self._repo.scm_context as context:
            context.track_file(files)


@contextmanager
def open_graph(targets: Sequence[str]) -> Iterator[DvcGraph]:
    """Open DVC's graph of some targets, as `dvc repro` takes them: stages, dvc.yaml or .dvc files; none for all here.

    Raises:
        UserError: there is no project of DVC here, its graph is wrong, a target is not in it, or another DVC holds the
            repository's lock.
    """
    from dvc.dvcfile import PROJECT_FILE
    from dvc.repo import Repo, lock_repo
    from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

    with dvc_errors(), Repo() as free, free.lock:
        pass  # a lock that is held now is another's; from here on it may be that of a stage of ours
    with Repo(_wait_for_lock=True) as repo:
        with dvc_errors(), lock_repo(repo):
            _check_targets(repo, targets)
            active = get_active_graph(repo.index.graph)
            stages = _in_order(active, plan_repro(active, collect_stages(repo, targets or [PROJECT_FILE])))
            upstream = {
                stage.addressing: frozenset(each.addressing for each in active.successors(stage)) for stage in stages
            }
        yield DvcGraph(repo, stages, upstream)


def _in_order(graph: Any, stages: Collection[Any]) -> list[Any]:
    """Stages, and all that they wait for, in the order in which DVC runs them.

    Those of few targets DVC has in a set, and runs in another order each time (networkx' subgraphs).
    """
    import networkx as nx

    wanted, part = set(stages), nx.DiGraph()
    part.add_nodes_from(stage for stage in graph if stage in wanted)
    part.add_edges_from((stage, before) for stage in part for before in graph.successors(stage))
    return list(nx.dfs_postorder_nodes(part))


@contextmanager
def dvc_errors() -> Iterator[None]:
    """Raise DVC's errors as those of the user's, which they are."""
    from dvc.exceptions import DvcException

    try:
        yield
    except DvcException as error:
        raise UserError(reasons(error)) from error
    except FileNotFoundError as error:
        if problem := complaint(Path(error.filename or "")):
            raise UserError(problem) from error
        raise


def reasons(error: BaseException) -> str:
    """An error and what it comes from, in one line."""
    texts, cause = [], error
    while cause is not None:
        texts.append(" ".join(str(cause).split()))
        cause = cause.__cause__  # type: ignore[assignment]
    return ": ".join(dict.fromkeys(text for text in texts if text))


def _check_targets(repo: "Repo", targets: Sequence[str]) -> None:
    from dvc.exceptions import DvcException

    for target in targets:
        try:
            repo.stage.collect(target)
        except DvcException as error:
            near = nearest(target, [stage.addressing for stage in repo.index.stages])
            raise UserError(f"{target}: {reasons(error)}{near}") from error


def _lock_file(stage: Any) -> Path | None:
    """The dvc.lock of a stage; None of a .dvc file, which has none."""
    path = Path(stage.path)
    return path.with_suffix(".lock") if path.suffix in (".yaml", ".yml") else None
