"""Each bad input through the real command line: one line, the right exit code, soon, in little memory, nothing left."""

import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from bad_inputs import registry, table

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SECONDS, MEGABYTES = 20, 1000
"""that a command may take: one that loads a network starts in 4 to 10 s; multiplied by BAD_INPUTS_PATIENCE where a
machine is busy"""
PATIENCE = float(os.environ.get("BAD_INPUTS_PATIENCE", "1"))
QUICK = {"feature file: external link to /etc/passwd as a stream", "params.yaml: anchors that make 10^9 items"}
OTHERS = {"measured", "registry", "table", "conftest"}

for path in sorted(HERE.glob("*.py")):
    if path.stem not in OTHERS and not path.stem.startswith("test_"):
        importlib.import_module(f"bad_inputs.{path.stem}")


def cases():
    for given in registry.BAD_INPUTS:
        marks = () if given.name in QUICK else pytest.mark.slow
        yield pytest.param(given, id=f"{given.group}: {given.name}".replace(" ", "_"), marks=marks)


def run(arguments, folder):
    module = arguments[0] if arguments[0].startswith("stages.") else "pipeline.cli"
    rest = arguments[1:] if module.startswith("stages.") else arguments
    command = [sys.executable, "-m", module, *rest]
    done = subprocess.run(
        [sys.executable, "-S", "-E", str(HERE / "measured.py"), str(2 * PATIENCE * SECONDS), *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "SER_WORKERS": "1", "SER_CACHE_MB": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def left(folder):
    """What lies in a folder, by name: as far as a write would change it; without DVC's own folder and its locks."""
    found = {}
    for above, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".dvc"]
        for name in (*folders, *names):
            status = (Path(above) / name).lstat()
            found[os.path.join(above, name)] = (status.st_size, status.st_mtime_ns)  # noqa: PTH118 (name may be bytes)
    return found


@pytest.mark.parametrize("given", [*cases()])
def test_a_bad_input_is_one_line(given, tmp_path, record_property):
    folder = tmp_path / "project"
    folder.mkdir()
    arguments = given.make(folder)
    before = left(folder)
    result = run(arguments, folder)
    figures = (f"{result['seconds']:.1f}", f"{result['megabytes']:.0f}")
    record_property(table.PROPERTY, (given.group, given.name, result["code"], *figures))
    errors = result["errors"]
    assert "Traceback" not in errors + result["output"], errors
    assert result["code"] == given.code, errors
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert lines or given.code in (0, 3) or "Usage: " in errors, errors
    assert any(given.says in line for line in lines or errors.splitlines()), errors
    assert all(character.isprintable() or character in "\n\r\t" for character in errors), errors
    # Of the processor, too, as other tests run at the same time; what waits for ever is killed, and has no code.
    assert min(result["seconds"], result["processor"]) < PATIENCE * SECONDS
    assert result["megabytes"] < MEGABYTES
    assert not given.code or given.code == 3 or left(folder) == before


def test_each_kind_has_a_name_of_its_own():
    counts = Counter((given.group, given.name) for given in registry.BAD_INPUTS)
    assert [name for name, count in counts.items() if count > 1] == []
