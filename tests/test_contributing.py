"""What CONTRIBUTING.md says of the tree, and its example of a corpus in one file."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import REPOSITORY

TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = REPOSITORY / "tests/examples"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_every_example_is_shown_whole(name):
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert text in blocks("python")
    assert len(text.splitlines()) < 80


def test_the_readme_has_the_command_that_runs_the_tests():
    """The one that continuous integration looks for there."""
    (pattern,) = re.findall(r"grep -m 1 -E '(.*)' README\.md", (REPOSITORY / ".ci/run").read_text(encoding="utf-8"))
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(re.findall(pattern, readme, re.MULTILINE)) == 1


def test_params_that_are_shown_are_yaml():
    assert [list(yaml.safe_load(block)) for block in blocks("yaml")] == [["features"], ["experiments"]]


def test_every_room_is_in_the_table():
    said = set(re.findall(r"^\| `pipeline/(\w+)/` \|", TEXT, re.MULTILINE))
    rooms = {path.parent.name for path in (REPOSITORY / "pipeline").glob("*/__init__.py")}
    assert said == rooms
    ground = {path.name for path in (REPOSITORY / "pipeline").glob("*.py")} - {"__init__.py", "cli.py"}
    assert all(f"`{name}`" in TEXT for name in ground)


def test_every_file_that_is_linked_is_there():
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)#:]+)\)", prose)
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_the_examples_corpus_is_found_and_recognised(tmp_path):
    shutil.copytree(REPOSITORY / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLES / "cafe.py", tmp_path / "pipeline/corpora")
    for name in ("Colère/Fort/01-C-2-4.wav", "Neutre/02-N-1-1.wav"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    code = (
        "from pathlib import Path; from pipeline.corpora.recognition import recognise;"
        "print(recognise(Path('in')).describe())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == (
        "CaFE, Canadian French emotional speech (reader cafe): 2 recordings, 2 speakers; fr; angry 1, neutral 1\n"
    ), done.stderr
