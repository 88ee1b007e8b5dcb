"""What counts as a change of code: the same for every way to write, comment and document it, and for every Python."""

import subprocess
import sys

import pytest

from pipeline.graph.code import ROOT
from pipeline.graph.tokens import code_tokens

CODE = '''\
"""A module."""

import os  # why


class Thing:
    """A thing."""

    size: int = 3
    """metres"""

    def grow(self, by: int = 1) -> str:
        """Grow."""
        # and say so
        return f"grown {self.size + by:>3} m" + "!"
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# why", "# for another reason"),
        ('"""A module."""\n', ""),
        ('"""Grow."""', '"""Grow.\n\n        By metres.\n        """'),
        ('    """metres"""\n', ""),
        ("        # and say so\n", "\n"),
        ("\n\n\nclass", "\nclass"),
        ("by: int = 1", "by : int=1"),
        ('+ "!"', '+   "!"'),
        ("\n", "\r\n"),
    ],
)
def test_what_changes_no_code(old, new):
    assert old in CODE
    changed = CODE.replace(old, new)
    assert code_tokens(changed) == code_tokens(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size: int = 3", "size: int = 4"),
        ("by:>3", "by:>4"),
        ("self.size + by", "self.size - by"),
        ('"!"', '"?"'),
        ("grown ", "grown  "),
        ("import os", "import sys"),
    ],
)
def test_what_changes_code(old, new):
    assert old in CODE
    changed = CODE.replace(old, new)
    assert code_tokens(changed) != code_tokens(CODE)


def test_indentation_counts_by_depth_and_not_by_width():
    assert code_tokens("if x:\n  y = 1\nz = 2\n") == code_tokens("if x:\n        y = 1\nz = 2\n")
    assert code_tokens("if x:\n  y = 1\nz = 2\n") != code_tokens("if x:\n  y = 1\n  z = 2\n")


def test_a_string_that_is_used_is_no_docstring():
    assert code_tokens('x = "a"') != code_tokens('x = "b"')
    assert code_tokens('print(\n    "a",\n)') != code_tokens('print(\n    "b",\n)')
    assert code_tokens('f"{x}"') != code_tokens('f"{y}"')


def test_nested_formatted_strings_are_one_token():
    nested = "x = f\"{a} {f'{b + 1}'} {{c}}\" + rf'{d!r:{width}}'\n"
    assert code_tokens(nested) == "x = f\"{a} {f'{b + 1}'} {{c}}\" + rf'{d!r:{width}}'"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_other_pythons_see_the_same(version):
    """The digests of the whole package are those of another Python, where one is installed."""
    code = (
        "import sys, hashlib, pathlib; sys.path.insert(0, sys.argv[1]); "
        "import importlib.util as u; s = u.spec_from_file_location('t', sys.argv[1] + '/pipeline/graph/tokens.py'); "
        "t = u.module_from_spec(s); s.loader.exec_module(t); "
        "print(hashlib.sha256(''.join(t.code_tokens(p.read_text(encoding='utf-8')) for p in "
        "sorted(pathlib.Path(sys.argv[1], 'pipeline').rglob('*.py'))).encode()).hexdigest())"
    )
    found = {}
    for program in (sys.executable, f"python{version}"):
        try:
            done = subprocess.run([program, "-c", code, str(ROOT)], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip(f"no python{version} here")
        if done.returncode and program != sys.executable:
            pytest.skip(f"python{version} does not run here: {done.stderr.strip()[-100:]}")
        found[program] = done.stdout
    assert len(set(found.values())) == 1
