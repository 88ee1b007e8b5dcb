"""params.yaml as a file: read, validated, and every problem of it said at once, each with its line."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.config.class_sets import with_class_sets
from pipeline.config.features import resolve_features
from pipeline.config.params import FILE, Params
from pipeline.config.references import reference_problems
from pipeline.config.strict_yaml import LONGEST, key_lines, parse
from pipeline.errors import ParamsError
from pipeline.strict import validate
from pipeline.systems import systems

LONGEST_KEY = 1000
"""characters of a dotted key that is looked for: names have 100 at most"""

NO_SECTIONS = ("seed", "arithmetic")
"""keys at the top that must have a value"""

SECTIONS_OF_ENTRIES = (
    *("demo", "corpora", "copies", "conditions", "features", "embeddings"),
    *("protocols", "class_sets", "experiments", "transfers", "fusions"),
)


def load(path: Path = FILE) -> Params:
    """Read and validate params.yaml.

    Raises:
        ParamsError: the file is missing, is not YAML, or holds mistakes: one line for each, with the line it stands in.
    """
    text = read_text(path)
    params, problems = validated(parse(text, str(path)))
    if params is None or problems:
        raise ParamsError("\n".join(located(problems, text, path)))
    return params


def read_text(path: Path) -> str:
    """The text of params.yaml.

    Raises:
        ParamsError: it cannot be read.
    """
    try:
        if path.exists() and not path.is_dir() and not path.is_file():
            raise ParamsError(f"{path}: is no regular file, which might never end; expected a text file")
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST + 1)  # `parse` says that it is too long
    except FileNotFoundError as error:
        raise ParamsError(
            f"{path}: not found; run the command in the project's folder, or make a project with `ser init`"
        ) from error
    except OSError as error:
        if path.is_dir():
            raise ParamsError(f"{path}: is a folder; expected a file, as {path / FILE.name}") from error
        raise ParamsError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 text; save it as UTF-8") from error


def asks_for_nothing(data: Any) -> bool:
    """Whether plain data of params.yaml without a mistake have no entry in any section, as an empty file has none."""
    return not any((data or {}).get(section) for section in SECTIONS_OF_ENTRIES)


def validated(data: Any) -> tuple[Params | None, list[str]]:
    """The params that plain data hold, and all that is wrong with them: `key: problem`.

    Entries that are wrong in themselves are left out before references are looked at, so that one mistake hides no
    other. None when not even the rest makes params.
    """
    if data is None:  # an empty file, or comments only
        data = {}
    if not isinstance(data, Mapping):
        return None, ["must be a mapping of sections"]
    data = {key: table for key, table in data.items() if table is not None or key in NO_SECTIONS}  # commented out
    if _is_grouped(data.get("experiments")):
        return None, ["experiments: are grouped by system, as an earlier version had them; see CHANGELOG.md"]
    data, unnamed = with_class_sets(data)
    problems = []
    try:
        params = validate(Params, data)
    except ParamsError as error:
        problems = str(error).splitlines()
        try:
            params = validate(Params, _without(data, problems))
        except ParamsError:
            return None, [*unnamed, *problems]
    problems += unnamed
    problems += resolve_features(params)
    problems += reference_problems(params, _names(data))
    return params, problems


def _is_grouped(experiments: Any) -> bool:
    """Whether experiments are written as they were before entries were flat: system -> name -> entry."""
    if not isinstance(experiments, Mapping) or not experiments:
        return False
    groups = all(isinstance(group, Mapping) and "system" not in group for group in experiments.values())
    return groups and all(name in systems() for name in experiments)


def _names(data: Mapping[Any, Any]) -> dict[str, list[str]]:
    """Section -> its entries' names; also of one that is misspelt or a list, which is one mistake, not many."""
    names: dict[str, list[str]] = {section: [] for section in SECTIONS_OF_ENTRIES}
    known = list(Params.model_fields)
    for key, table in data.items():
        near = [key] if key in known else get_close_matches(str(key), known, n=1)
        if near and near[0] in names and isinstance(table, Mapping | list):
            names[near[0]] += [name for name in table if isinstance(name, str)]
    return names


def _without(data: Mapping[Any, Any], problems: Iterable[str]) -> dict[Any, Any]:
    """The data without the entries, or the whole sections, that problems name."""
    rest = {section: dict(table) if isinstance(table, Mapping) else table for section, table in data.items()}
    wrong = {key for problem in problems for key in _keys(problem)}
    for section, table in data.items():
        if str(section) not in wrong:
            continue
        names = [name for name in table if f"{section}.{name}" in wrong] if isinstance(table, Mapping) else []
        for name in names:
            del rest[section][name]
        if not names:
            del rest[section]
    return rest


def _keys(problem: str) -> list[str]:
    """All that may be the dotted key that a problem is of, the shortest first; names may hold dots and colons."""
    return [problem[: mark.start()] for mark in re.finditer(r"[.:]", problem[:LONGEST_KEY])]


def located(problems: Iterable[str], text: str, path: Path) -> list[str]:
    """Problems with the file and the line of the key they begin with, in the order of lines."""
    lines = {".".join(keys): line for keys, line in key_lines(text).items()}

    def line_of(problem: str) -> int:
        return next((lines[key] for key in reversed(_keys(problem)) if key in lines), 0)

    numbered = sorted(((line_of(problem), problem) for problem in dict.fromkeys(problems)), key=lambda pair: pair[0])
    return [f"{path}:{number}: {problem}" if number else f"{path}: {problem}" for number, problem in numbered]
