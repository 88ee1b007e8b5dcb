"""What the models of an experiment's folds chose inside their training parts, as a table and in a few words."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.experiments.parts import Parts

ENDS = ("lowest", "highest")
"""of a grid; NAME lowest and NAME highest stand beside what was chosen"""
SHARE = "share of "


def choice_table(found: Parts) -> tuple[list[str], list[list[str]]]:
    """Columns and a row for each fold: what was chosen, and whether it is an end of its grid.

    Args:
        found: an experiment's predictions.
    """
    names = _names(found.choices)
    columns = [column for name in names for column in (name, *([f"{name} is"] if _has_grid(found, name) else []))]
    rows = []
    for choices in found.choices:
        cells = [str(int(choices["fold"]))]
        for name in names:
            cells.append(f"{choices[name]:.4g}" if name in choices else "")
            cells += [_end(choices, name)] if _has_grid(found, name) else []
        rows.append(cells)
    return ["fold", *columns], rows


def choices_in_words(found: Parts) -> list[str]:
    """A phrase for each param: how many folds chose what, and the mean shares of layers.

    Args:
        found: an experiment's predictions.
    """
    names = _names(found.choices)
    phrases = [_counted(found.choices, name) for name in names if not name.startswith(SHARE)]
    shares = {name.removeprefix(SHARE): _mean(found.choices, name) for name in names if name.startswith(SHARE)}
    if shares:
        phrases.append("mean shares: " + ", ".join(f"{name} {share:.2f}" for name, share in shares.items()))
    return phrases


def edges(found: Parts) -> list[str]:
    """The params of which most folds chose an end of the grid, with that end: the best may lie beyond it.

    Args:
        found: an experiment's predictions.
    """
    ends = []
    for name in _names(found.choices):
        counts = Counter(_end(choices, name) for choices in found.choices)
        ends += [f"the {end} {name}" for end in ENDS if counts[end] > len(found.choices) / 2]
    return ends


def _names(choices: Sequence[Mapping[str, float]]) -> list[str]:
    ends = tuple(f" {end}" for end in ENDS)
    return list(dict.fromkeys(name for row in choices for name in row if name != "fold" and not name.endswith(ends)))


def _has_grid(found: Parts, name: str) -> bool:
    return any(f"{name} {ENDS[0]}" in choices for choices in found.choices)


def _end(choices: Mapping[str, float], name: str) -> str:
    """Which end of its grid was chosen; "" for none, and where the grid has one value."""
    low, high = (choices.get(f"{name} {end}") for end in ENDS)
    if low == high:
        return ""
    return next((end for end, value in zip(ENDS, (low, high), strict=True) if choices.get(name) == value), "")


def _counted(choices: Sequence[Mapping[str, float]], name: str) -> str:
    counts = Counter((row[name], _end(row, name)) for row in choices if name in row)
    total, first, phrases = sum(counts.values()), True, []
    for (value, end), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        edge = f", the {end} of the grid," if end else ""
        phrases.append(f"{value:.4g}{edge} in {count}{f' of {total} folds' if first else ''}")
        first = False
    return f"{name} {'; '.join(phrases)}"


def _mean(choices: Sequence[Mapping[str, float]], name: str) -> float:
    values = [row[name] for row in choices if name in row]
    return sum(values) / len(values)
