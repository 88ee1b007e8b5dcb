"""Find the named classes of a package by reading its modules, not by importing them: adding one takes one file."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pipeline.errors import UserError


class Discovered(Mapping[str, tuple[str, str]]):
    """Name -> (module, class), sorted by name, of the classes below `base` with a literal `name = "..."`.

    The folder is read at first use, and only modules that mention the base or assign a `name` are parsed.

    Args:
        folder: the package's folder; modules of its subfolders count too.
        package: the package's dotted name.
        base: name of the base class; classes may derive from it through others of the same folder.

    Raises:
        UserError: at first use; a module is not Python, or two classes have one name. The message names the files.
    """

    def __init__(self, folder: Path, package: str, base: str) -> None:
        self._folder = folder
        self._package = package
        self._base = base

    @cached_property
    def _found(self) -> dict[str, tuple[str, str]]:
        paths = sorted(self._folder.rglob("[!.]*.py"))
        mention = re.compile(rf"\b{self._base}\b|^[ \t]+name\b.*=".encode(), re.MULTILINE)
        classes = [
            (path, node)
            for path, text in ((path, path.read_bytes()) for path in paths)
            if mention.search(text)
            for node in classes_of(path, text)
        ]
        parents = {node.name: _base_names(node) for _, node in classes}
        found: dict[str, tuple[Path, str]] = {}
        for path, node in classes:
            name = _literal_name(node)
            if name is None or not _derives(node.name, self._base, parents):
                continue
            if name in found:
                first, other = found[name]
                raise UserError(
                    f"{path}: class {node.name} has the name {name!r} of {other} in {first.name}; rename one"
                )
            found[name] = (path, node.name)
        return {name: (self._module(path), symbol) for name, (path, symbol) in sorted(found.items())}

    def _module(self, path: Path) -> str:
        inner = path.relative_to(self._folder).with_suffix("")
        return ".".join([self._package, *inner.parts])

    def __getitem__(self, name: str) -> tuple[str, str]:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def classes_of(path: Path, text: bytes) -> list[ast.ClassDef]:
    """The classes at the top of a module.

    Raises:
        UserError: it is not Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else error
        raise UserError(f"{path}{line}: not a Python module ({said}); mend or remove the file") from error
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _base_names(node: ast.ClassDef) -> list[str]:
    """The last names of a class's bases: `Extractor` of `base.Extractor[Params]`."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    plain = [base.id for base in bases if isinstance(base, ast.Name)]
    return plain + [base.attr for base in bases if isinstance(base, ast.Attribute)]


def _derives(name: str, base: str, parents: Mapping[str, list[str]]) -> bool:
    seen: set[str] = set()
    ahead = list(parents[name])
    while ahead:
        parent = ahead.pop()
        if parent == base:
            return True
        if parent not in seen:
            seen.add(parent)
            ahead += parents.get(parent, [])
    return False


def _literal_name(node: ast.ClassDef) -> str | None:
    """What a class's body assigns to `name`, if that is a string."""
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == "name" for target in targets):
            return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    return None
