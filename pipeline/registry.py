"""Find the named classes of a package by reading its modules, not by importing them: adding one takes one file."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.errors import ParamsError, UserError, nearest

DERIVED = re.compile(rb"\nclass\b.*\(")
"""the start of a class with a base; only modules that have one are parsed"""
CLASS = re.compile(rb"\nclass\s+([^\s(:\[]+)")
"""the start of a class, and its name"""
NAME = re.compile(rb"""name\b[^=\n]*=[ \t]*["']([^"'\n]*)["']""")
"""what may be a class's `name = "..."`, and the name"""


@dataclass(frozen=True)
class Entry:
    """A named class that is not imported yet.

    Attributes:
        module: its module's dotted name.
        symbol: its own name in there.
        literals: what it assigns in its body as plain literals, or else its ancestors do: `name = "mfcc"`.
        ancestors: names of the classes that it derives from, found up the bases within the folder, nearest first.
    """

    module: str
    symbol: str
    literals: Mapping[str, Any]
    ancestors: tuple[str, ...]

    def load(self) -> Any:
        """Import the class."""
        return getattr(import_module(self.module), self.symbol)


class Registry(Mapping[str, Entry]):
    """Name -> entry, sorted by name, of the classes below `base` with a literal `name = "..."` of their own.

    The folder is read at first use. To look one name up, only the modules that assign it are parsed, with those of its
    class's ancestors; to list the names, or to find none, all of them are.

    Args:
        folder: the package's folder; modules of its subfolders count too.
        package: the package's dotted name.
        base: name of the base class; classes may derive from it through others of the same folder.
        what: what they are, for the error: "extractor".
        skipped: subfolders that have none.

    Raises:
        UserError: at use; a module that is parsed is not Python, or two classes have the name. The message names the
            files.
    """

    def __init__(self, folder: Path, package: str, base: str, what: str, skipped: Collection[str] = ()) -> None:
        self._folder = folder
        self._package = package
        self._base = base
        self._what = what
        self._skipped = skipped

    def find(self, name: str) -> Entry:
        """Return the entry of that name.

        Raises:
            ParamsError: there is none; the message names the nearest, and lists those there are.
        """
        if name not in self:
            raise ParamsError(f"unknown {self._what} {name!r}{nearest(name, self)}; known: {', '.join(self)}")
        return self[name]

    def read(self) -> None:
        """Read all modules now, so that no lookup has to.

        Raises:
            UserError: one is not Python.
        """
        self._stamps.update(self._stamp())
        for path in self._texts:
            self._classes(path)

    def is_current(self) -> bool:
        """Whether the folder has the modules that `read` found, as they were, by their sizes and times."""
        try:
            return self._stamp() == self._stamps
        except OSError:  # one that is gone since its folder was listed
            return False

    @cached_property
    def _stamps(self) -> dict[Path, tuple[int, int]]:
        """What tells an edit of each module, when all were read."""
        return {}

    def _stamp(self) -> dict[Path, tuple[int, int]]:
        found = {path: path.stat() for path in self._paths()}
        return {path: (status.st_mtime_ns, status.st_size) for path, status in found.items()}

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return dict(sorted(self._found(self._texts).items()))

    @cached_property
    def _named(self) -> dict[str, Entry | None]:
        """The names looked up so far -> entry; None where no class assigns it in the usual way."""
        return {}

    @cached_property
    def _texts(self) -> dict[Path, bytes]:
        """The modules that have a class with a base, in the order of paths, each after an empty line."""
        texts = {path: b"\n" + path.read_bytes() for path in self._paths()}
        return {path: text for path, text in texts.items() if DERIVED.search(text)}

    @cached_property
    def _assigning(self) -> dict[bytes, list[Path]]:
        """A name -> the modules that assign it, maybe in no class."""
        return self._having(NAME)

    @cached_property
    def _homes(self) -> dict[bytes, list[Path]]:
        """The name of a class -> the modules that may have one of that name."""
        return self._having(CLASS)

    def _having(self, pattern: re.Pattern[bytes]) -> dict[bytes, list[Path]]:
        having: dict[bytes, list[Path]] = {}
        for path, text in self._texts.items():
            for name in dict.fromkeys(pattern.findall(text)):
                having.setdefault(name, []).append(path)
        return having

    @cached_property
    def _parsed(self) -> dict[Path, list[ast.ClassDef]]:
        """The classes of the modules parsed so far."""
        return {}

    def _classes(self, path: Path) -> list[ast.ClassDef]:
        if path not in self._parsed:
            self._parsed[path] = _classes(path, self._texts[path][1:])
        return self._parsed[path]

    def _nodes(self, paths: Collection[Path]) -> dict[str, ast.ClassDef]:
        """The classes of modules and all that their bases could be, by name."""
        seen, ahead = set(paths), list(paths)
        while ahead:
            bases = {base for node in self._classes(ahead.pop()) for base in _bases(node)}
            homes = {path for base in bases for path in self._homes.get(base.encode(), ())} - seen
            seen |= homes
            ahead += homes
        return {node.name: node for path in self._texts if path in seen for node in self._classes(path)}

    def _found(self, paths: Collection[Path], only: str = "") -> dict[str, Entry]:
        """The entries that stand in some modules, or the one of that name."""
        nodes = self._nodes(paths)
        owners: dict[str, tuple[Path, str]] = {}
        entries: dict[str, Entry] = {}
        for path, node in ((home, node) for home in paths for node in self._classes(home)):
            ancestors = _ancestors(node, nodes)
            name = _literals(node).get("name")
            if not isinstance(name, str) or self._base not in ancestors or only not in ("", name):
                continue
            if name in owners:
                first, other = owners[name]
                raise UserError(
                    f"{path}: class {node.name} has the name {name!r} of {other} in {first.name}; rename one"
                )
            owners[name] = path, node.name
            entries[name] = Entry(self._module(path), node.name, _inherited(node, ancestors, nodes), ancestors)
        return entries

    def _paths(self) -> list[Path]:
        """The modules of the folder, without those of skipped subfolders and hidden ones, which editors leave."""
        inner = {path: path.relative_to(self._folder).parts for path in sorted(self._folder.rglob("*.py"))}
        return [
            path
            for path, parts in inner.items()
            if parts[0] not in self._skipped and not any(part.startswith(".") for part in parts)
        ]

    def _module(self, path: Path) -> str:
        inner = path.relative_to(self._folder).with_suffix("")
        return ".".join([self._package, *inner.parts])

    def __getitem__(self, name: str) -> Entry:
        if not isinstance(name, str):  # as a key of params.yaml may be
            raise KeyError(name)
        if name not in self._named:
            self._named[name] = self._found(self._assigning.get(name.encode(errors="replace"), ()), name).get(name)
        return self._named[name] or self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _classes(path: Path, text: bytes) -> list[ast.ClassDef]:
    """The classes at the top of a module.

    Raises:
        UserError: it is not Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        problem = error.msg if isinstance(error, SyntaxError) else error
        raise UserError(f"{path}{line}: not a Python module ({problem}); mend or remove the file") from error
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _bases(node: ast.ClassDef) -> list[str]:
    """The last names of a class's bases: `Extractor` of `base.Extractor[Params]`."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return [
        base.id if isinstance(base, ast.Name) else base.attr
        for base in bases
        if isinstance(base, ast.Name | ast.Attribute)
    ]


def _ancestors(node: ast.ClassDef, nodes: Mapping[str, ast.ClassDef]) -> tuple[str, ...]:
    names: list[str] = []
    ahead = _bases(node)
    while ahead:
        name = ahead.pop(0)
        if name not in names:
            names.append(name)
            ahead += _bases(nodes[name]) if name in nodes else []
    return tuple(names)


def _inherited(node: ast.ClassDef, ancestors: tuple[str, ...], nodes: Mapping[str, ast.ClassDef]) -> dict[str, Any]:
    """The literals of a class and of its ancestors; the nearest one counts."""
    lineage = [node, *(nodes[name] for name in ancestors if name in nodes)]
    return {name: value for owner in reversed(lineage) for name, value in _literals(owner).items()}


def _literals(node: ast.ClassDef) -> dict[str, Any]:
    """The plain literals that a class's body assigns to names."""
    literals: dict[str, Any] = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        try:
            literal = ast.literal_eval(value)
        except (ValueError, TypeError):  # no literal, or one that cannot be: `{[]: 1}`
            continue
        literals |= {target.id: literal for target in targets if isinstance(target, ast.Name)}
    return literals
