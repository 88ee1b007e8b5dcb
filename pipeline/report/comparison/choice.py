"""Which experiments of which revisions are compared, and each with which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import ParamsError, nearest
from pipeline.report.comparison.candidate import Candidate


@dataclass(frozen=True)
class Reference:
    """What every candidate is compared with; where neither is given, with nothing.

    Attributes:
        revision: the name of a revision; "" for the candidate's own.
        experiment: the name of an experiment or a fusion; "" for the candidate's own.
    """

    revision: str = ""
    experiment: str = ""

    def of(self, candidate: Candidate, labels: Mapping[str, Candidate]) -> Candidate | None:
        """The candidate's, among all by their labels; None where it is not there."""
        revision = self.revision or candidate.revision.name
        return labels.get(f"{revision}:{self.experiment or candidate.name}")

    def __bool__(self) -> bool:
        return bool(self.revision or self.experiment)

    def __str__(self) -> str:
        return ":".join(filter(None, (self.revision, self.experiment)))


def side_by_side(candidates: Sequence[Candidate], names: Sequence[str]) -> list[Candidate]:
    """Those of these names, or all, with all revisions of one after each other.

    Raises:
        ParamsError: no revision has scores of a name.
    """
    known = list(dict.fromkeys(one.name for one in candidates))
    for name in names:
        if name not in known:
            raise ParamsError(
                f"--experiment {name}: no revision compared has scores of it{nearest(name, known)}; known: "
                f"{', '.join(known) or 'none'}"
            )
    wanted = [name for name in known if not names or name in names]
    return [one for name in wanted for one in candidates if one.name == name]


def reference(given: str, candidates: Sequence[Candidate]) -> Reference:
    """What `--against` names: an experiment, a revision, or both as REV:NAME; the first revision of several by default.

    Args:
        given: the option's value; "" where it is not given.
        candidates: all of all revisions.

    Raises:
        ParamsError: it names nothing that is compared, or two things.
    """
    revisions = list(dict.fromkeys(one.revision.name for one in candidates))
    experiments = list(dict.fromkeys(one.name for one in candidates))
    if not given:
        return Reference(revision=revisions[0]) if len(revisions) > 1 else Reference()
    meant = [Reference(experiment=given)] if given in experiments else []
    meant += [Reference(revision=given)] if given in revisions and len(revisions) > 1 else []
    meant += [Reference(one.revision.name, one.name) for one in candidates if one.label == given]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise ParamsError(f"--against {given}: is a revision and an experiment; give both, as {given}:{given}")
    known = [*experiments, *(revisions if len(revisions) > 1 else [])]
    raise ParamsError(
        f"--against {given}: is none of the experiments and revisions that are compared{nearest(given, known)}; known: "
        f"{', '.join(known)}, or both as {candidates[0].label}"
    )
