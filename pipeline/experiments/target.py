"""Which recordings of a corpus a transfer has: those of the classes that its source tells apart."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.errors import UserError
from pipeline.experiments.classes import ClassSet
from pipeline.experiments.selection import Only, R, selected


def target_rows(
    rows: Sequence[R], only: Only, emotions: ClassSet | None, classes: Sequence[str]
) -> tuple[list[R], ClassSet | None]:
    """The rows of a target of a source's classes, as its own emotions; and the class set of those that are there.

    The class set is None where it is all the labels of those rows as they are.

    Args:
        rows: the target's.
        only: the languages and genders that are wanted.
        emotions: the source's class set; None where its classes are its corpus's labels.
        classes: the source's.

    Raises:
        UserError: no recording is of those languages or genders, or fewer than two classes are there.
    """
    wanted = {name: (emotions or {}).get(name, [name]) for name in classes}
    merged = {label: name for name, labels in wanted.items() for label in labels}
    own = [replace(row, emotion=merged[row.emotion]) for row in selected(rows, only) if row.emotion in merged]
    there = {row.emotion for row in own}
    if len(there) < 2:
        corpus, present = rows[0].dataset if rows else "which is empty", sorted({row.emotion for row in rows})
        raise UserError(
            f"corpus {corpus} has {len(there)} of the source's classes ({', '.join(classes)}), and two are the least; "
            f"its labels are {', '.join(present)}"
        )
    if emotions is None and len(own) == len(selected(rows, only)):
        return own, None
    return own, {name: list(labels) for name, labels in wanted.items() if name in there}
