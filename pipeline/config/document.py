"""params.yaml as a file: read, validated, and every problem of it said at once, each with its line."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.config.features import resolve_features
from pipeline.config.params import FILE, Params
from pipeline.config.references import reference_problems
from pipeline.config.strict_yaml import key_lines, parse
from pipeline.errors import ParamsError
from pipeline.strict import validate

SECTIONS_OF_ENTRIES = (
    "demo corpora copies features embeddings protocols experiments fusions".split()  # noqa: SIM905
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
        return path.read_text(encoding="utf-8")
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


def validated(data: Any) -> tuple[Params | None, list[str]]:
    """The params that plain data hold, and all that is wrong with them: `key: problem`.

    Entries that are wrong in themselves are left out before references are looked at, so that one mistake hides no
    other. None when not even the rest makes params.
    """
    if not isinstance(data, Mapping):
        return None, [] if data is None else ["must be a mapping of sections"]
    problems = []
    try:
        params = validate(Params, data)
    except ParamsError as error:
        problems = str(error).splitlines()
        try:
            params = validate(Params, _without(data, problems))
        except ParamsError:
            return None, problems
    names = {section: list(data.get(section) or ()) for section in SECTIONS_OF_ENTRIES}
    problems += resolve_features(params)
    problems += reference_problems(params, names)
    return params, problems


def _without(data: Mapping[str, Any], problems: Iterable[str]) -> dict[str, Any]:
    """The data without the entries, or the whole sections, that problems name."""
    rest = {name: dict(section) if isinstance(section, Mapping) else section for name, section in data.items()}
    for problem in problems:
        section, *inner = problem.partition(": ")[0].split(".")
        table = rest.get(section)
        if inner and section in SECTIONS_OF_ENTRIES and isinstance(table, dict) and inner[0] in table:
            del table[inner[0]]
        elif not inner or section not in SECTIONS_OF_ENTRIES:
            rest.pop(section, None)
    return rest


def located(problems: Iterable[str], text: str, path: Path) -> list[str]:
    """Problems with the file and the line of the key they begin with, in the order of lines."""
    lines = key_lines(text)

    def line_of(problem: str) -> int:
        keys = tuple(problem.partition(": ")[0].split("."))
        return next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), 0)

    numbered = sorted(((line_of(problem), problem) for problem in dict.fromkeys(problems)), key=lambda pair: pair[0])
    return [f"{path}:{number}: {problem}" if number else f"{path}: {problem}" for number, problem in numbered]
