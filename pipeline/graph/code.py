"""What of the code a result depends on: for each kind of stage, the modules it imports, each with its digest.

`data/code/NAME.txt` has a line for each module: the SHA-256 of its code without comments and docstrings, and its path;
and one for each file in a folder `templates` beside a module.
DVC hashes that small file, so a changed comment runs nothing, and a changed layer runs what imports it.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pipeline
from pipeline import paths
from pipeline.corpora import READERS
from pipeline.features import EXTRACTORS
from pipeline.graph.tokens import code_tokens
from pipeline.systems import systems
from pipeline.systems.regression import regressor_module

PACKAGE = Path(pipeline.__file__).resolve().parent
ROOT = PACKAGE.parent
"""the folder that holds the packages `pipeline` and `stages`"""

NEUTRAL = (
    "pipeline/__init__.py",  # the version
    "pipeline/commands",  # how commands begin and end
    "pipeline/config/document.py",  # params.yaml itself is a dependency, key by key
    "pipeline/config/features.py",
    "pipeline/config/params.py",
    "pipeline/config/references.py",
    "pipeline/config/strict_yaml.py",
    "pipeline/config/system_params.py",
    "pipeline/graph",
    "pipeline/jobs",  # where work runs
    "pipeline/storage/journal.py",
    "pipeline/atomic.py",
    "pipeline/errors.py",
    "pipeline/paths.py",
    "pipeline/registry.py",
    "pipeline/strict.py",
    "stages/__init__.py",
)
"""modules and rooms that change no result: they are left out, with what they alone import"""


OF_NUMBERS = ("regress", "transfer_values")
"""kinds of stages that train a system's regressor, or test it"""


def code_path(kind: str, name: str = "") -> str:
    """The file that a stage of a kind depends on, for the corpus reader, extractor or system of that name."""
    return f"{paths.CODE.as_posix()}/" + (f"{kind}-{name}.txt" if name else f"{kind}.txt" if kind else "")


def is_in_project() -> bool:
    """Whether the code is in the working folder, and not merely installed."""
    return Path.cwd().resolve() == ROOT


def code_sources() -> list[str]:
    """What the stage `code` depends on: params.yaml, which it holds against dvc.yaml before anything else runs, and
    what digests are taken of, where that is a part of the project."""
    return ["params.yaml", *(["pipeline", "stages"] if is_in_project() else [])]


def code_command() -> str:
    """The command of the stage; for an installed package, whose files DVC does not see, with what they are now."""
    return "python -m stages.code" + ("" if is_in_project() else f" --of {package_digest()}")


def package_digest() -> str:
    """12 hex digits of all files of the two packages' code."""
    modules = [file for folder in (PACKAGE, ROOT / "stages") for file in sorted(folder.rglob("*.py"))]
    files = [*modules, *templates(modules)]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:12]


def code_digest(module: str) -> str:
    """Hex SHA-256 of what a module of `pipeline` does, and those that it imports."""
    return hashlib.sha256("\n".join(_lines(closure([PACKAGE / module]))).encode()).hexdigest()


def code_text(file: str) -> str:
    """The contents of a file that `code_path` names."""
    kind, _, name = Path(file).stem.partition("-")
    modules = closure(_roots(kind, name))
    return "\n".join([*_lines([*modules, *templates(modules)]), ""])


def _roots(kind: str, name: str) -> list[Path]:
    """The stage's module, and that of what it takes by its name."""
    registries: dict[str, Mapping[str, Any]] = {"manifest": READERS, "features": EXTRACTORS}
    registries |= dict.fromkeys(("train", "transfer", "test", *OF_NUMBERS), systems())
    roots = [ROOT / "stages" / f"{kind}.py", PACKAGE / "arithmetic.py"]  # which `stages` imports before any of them
    if name:
        roots.append(ROOT / (registries[kind][name].module.replace(".", "/") + ".py"))
    if kind in OF_NUMBERS:
        roots.append(ROOT / (regressor_module(name).replace(".", "/") + ".py"))
    if kind == "features":
        roots.append(PACKAGE / "features/presets.py")
    return roots


def closure(roots: Iterable[Path]) -> list[Path]:
    """The modules that some modules import, directly or not, themselves too; without those that are `NEUTRAL`."""
    seen: set[Path] = set()
    ahead = list(roots)
    while ahead:
        path = ahead.pop()
        if path not in seen and not is_neutral(path):
            seen.add(path)
            ahead += imports(path)
    return sorted(seen)


def templates(modules: Iterable[Path]) -> list[Path]:
    """The files that modules fill in: those of a folder `templates` beside them."""
    folders = sorted({module.parent / "templates" for module in modules})
    return [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir()) if file.is_file()]


def is_neutral(path: Path) -> bool:
    """Whether a module changes no result."""
    place = path.relative_to(ROOT).as_posix()
    return any(place == name or place.startswith(f"{name}/") for name in NEUTRAL)


@cache
def imports(path: Path) -> tuple[Path, ...]:
    """The modules of the two packages that a module imports when it runs, with the packages around them."""
    tree = ast.parse(path.read_bytes())
    return tuple(dict.fromkeys(file for name in _imported(tree) for file in _files(name)))


def _imported(node: ast.AST) -> Iterator[str]:
    """Dotted names that may be modules, inside functions too; what only a type checker imports does not count."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imported(child)


def _files(name: str) -> Iterator[Path]:
    """The files that importing a dotted name runs, packages' too; its last part may be no module."""
    parts = name.split(".")
    if parts[0] not in ("pipeline", "stages"):
        return
    for count in range(1, len(parts) + 1):
        place = ROOT.joinpath(*parts[:count])
        yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())


def _lines(files: Iterable[Path]) -> list[str]:
    return [f"{module_digest(file)}  {file.relative_to(ROOT).as_posix()}" for file in files]


@cache
def module_digest(path: Path) -> str:
    """Hex SHA-256 of a module's code, or of a template as it is."""
    text = path.read_text(encoding="utf-8")
    return hashlib.sha256((code_tokens(text) if path.suffix == ".py" else text).encode()).hexdigest()
