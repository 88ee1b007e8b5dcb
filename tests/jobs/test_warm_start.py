"""A Python with its libraries loaded runs stages as any other Python does, and leaves to that what it cannot."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline import arithmetic
from pipeline.graph.parallel_run import MANY, ParallelRun
from pipeline.jobs.warm_start import SOCKET, is_possible, warm_python

LIBRARY = "colorsys"
"""which nothing else imports"""
PHASE = "PYTEST_CURRENT_TEST"
TOLD = """import json, os, sys
print(json.dumps({
    "loaded": "colorsys" in sys.modules,
    "argv": [os.path.basename(sys.argv[0]), *sys.argv[1:]],
    "orig_argv": sys.orig_argv[1:],
    "name": __name__,
    "path": sys.path[0],
    "folder": os.getcwd(),
    "input": sys.stdin.read(),
    "environment": {k: v for k, v in os.environ.items() if k not in ("PATH", "_")},
}))
print("said", file=sys.stderr)
"""

pytestmark = pytest.mark.skipif(not is_possible(), reason="the system cannot fork and wait as Linux does")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with stages of its own."""
    stages = tmp_path / "stages"
    stages.mkdir()
    (stages / "__init__.py").write_text("")
    (stages / "told.py").write_text(TOLD)
    (stages / "leaving.py").write_text("import sys\nsys.exit(int(sys.argv[1]))\n")
    (stages / "speaking.py").write_text("import sys\nsys.exit('so it ends')\n")
    (stages / "late.py").write_text(
        "import atexit, threading, time\natexit.register(print, 'at exit')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('in a thread'))).start()\nprint('at first')\n"
    )
    (stages / "wrong.py").write_text("raise RuntimeError('broken')\n")
    (stages / "killed.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    (stages / "long.py").write_text(
        "import os, time\nopen('pid', 'w').write(str(os.getpid()))\nos.rename('pid', 'began')\n"
        "while not os.path.exists('enough'): time.sleep(0.02)\nopen('done', 'w').close()\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def warm(project: Path) -> Iterator[str]:
    """The folder of a Python that has loaded its library."""
    with warmed(LIBRARY) as folder:
        yield folder


@contextmanager
def warmed(*modules: str) -> Iterator[str]:
    """The folder of a Python that has loaded some modules."""
    os.environ.pop(PHASE, None)  # else it has another environment than what it is asked for
    with warm_python(modules) as folder:
        wait_for(Path(folder) / SOCKET)
        yield folder


def wait_for(path: Path, there: bool = True) -> None:
    deadline = time.monotonic() + 60
    while path.exists() != there:
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def shell(command: str, folder: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
    """What a shell says to a command, with a folder before others in PATH."""
    return subprocess.run(
        ["/bin/sh", "-c", f"{command}; exit $?"],
        env=environment(folder, **variables),
        input="given",
        capture_output=True,
        text=True,
        check=False,
    )


def environment(folder: str, **variables: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name != PHASE}
    return {**own, "PATH": os.pathsep.join(filter(None, [folder, os.environ["PATH"]])), **variables}


def told(folder: str, arguments: str = "-m stages.told a 'b c'", **variables: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shell(f"python {arguments}", folder, **variables).stdout)
    return found


def test_a_stage_runs_as_in_any_other_python(warm: str) -> None:
    ours, plain = told(warm, SER_WORKERS="3"), told("", SER_WORKERS="3")
    assert (ours.pop("loaded"), plain.pop("loaded")) == (True, False)
    assert ours == plain
    assert ours["input"] == "given"
    assert shell("python -m stages.told", warm).stderr == "said\n"


ENDS = {"late": 0, "leaving 0": 0, "leaving 3": 3, "leaving -1": 255, "speaking": 1, "wrong": 1, "killed": 137}


@pytest.mark.parametrize(("stage", "code"), ENDS.items())
def test_it_ends_as_in_any_other_python(warm: str, stage: str, code: int) -> None:
    ours, plain = (shell(f"python -m stages.{stage}", folder) for folder in (warm, ""))
    assert ours.returncode == plain.returncode == code
    assert ours.stdout == plain.stdout
    assert ours.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]


def test_python_itself_runs_what_is_no_stage(warm: str) -> None:
    program = "import sys; print('colorsys' in sys.modules, sys.argv)"
    assert shell(f'python -c "{program}" a', warm).stdout == "False ['-c', 'a']\n"
    assert shell("python -m stages", warm).returncode == 1


def test_python_itself_runs_what_libraries_would_begin_otherwise_for(warm: str, project: Path) -> None:
    assert told(warm)["loaded"]
    assert not told(warm, OMP_NUM_THREADS="7")["loaded"]
    (project / "elsewhere").mkdir()
    other = shell(f"cd elsewhere && PYTHONPATH={project} python -m stages.told", warm)
    assert not json.loads(other.stdout)["loaded"]
    (project / "params.yaml").write_text("arithmetic: portable\n")
    assert not told(warm)["loaded"]


def test_python_itself_runs_what_has_been_edited_since(project: Path) -> None:
    (project / "stages" / "common.py").write_text("SAID = 'before'\n")
    (project / "stages" / "saying.py").write_text("from stages.common import SAID\nprint(SAID)\n")
    with warmed(LIBRARY, "stages.common") as folder:
        assert told(folder)["loaded"]
        (project / "stages" / "common.py").write_text("SAID = 'afterwards'\n")
        assert shell("python -m stages.saying", folder).stdout == "afterwards\n"
        assert not told(folder)["loaded"]


def test_python_itself_runs_what_finds_other_classes_by_name_since(project: Path) -> None:
    (project / "stages" / "named").mkdir()
    (project / "stages" / "named" / "one.py").write_text("class One(Base):\n    name = 'one'\n")
    (project / "stages" / "common.py").write_text(
        "from pathlib import Path\nfrom pipeline.registry import Registry\n"
        "NAMED = Registry(Path(__file__).parent / 'named', 'stages.named', 'Base', 'thing')\n"
    )
    (project / "stages" / "saying.py").write_text("from stages.common import NAMED\nprint(*NAMED)\n")
    with warmed(LIBRARY, "stages.common") as folder:
        assert told(folder)["loaded"]
        assert shell("python -m stages.saying", folder).stdout == "one\n"
        (project / "stages" / "named" / "two.py").write_text("class Two(Base):\n    name = 'two'\n")
        assert shell("python -m stages.saying", folder).stdout == "one two\n"
        assert not told(folder)["loaded"]


def test_python_itself_runs_stages_until_libraries_are_loaded(project: Path) -> None:
    with warm_python(["no.such.module"]) as folder:
        assert not told(folder)["loaded"]
    assert not Path(folder).exists()


def test_portable_arithmetic_is_held_before_libraries_are_loaded(project: Path) -> None:
    (project / "params.yaml").write_text("arithmetic: portable\n")
    (project / "stages" / "held.py").write_text(
        "from pathlib import Path\nimport sys\nfrom pipeline import arithmetic\narithmetic.hold(Path('params.yaml'))\n"
        "print('numpy' in sys.modules, arithmetic.is_portable())\n"
    )
    with warmed("numpy") as folder:
        run = shell("python -m stages.held", folder)
    assert run.stdout == f"True {arithmetic._has_avx2()}\n"
    assert "loaded already" not in run.stderr


def test_nothing_is_left_by_one_who_was_killed(project: Path) -> None:
    program = (
        "import sys, time\nfrom pipeline.jobs.warm_start import warm_python\n"
        "with warm_python(['colorsys']) as folder:\n    print(folder, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        folder = Path(run.stdout.readline().strip())
        wait_for(folder / SOCKET)
        run.kill()
        wait_for(folder, there=False)


def test_a_stage_ends_with_the_command_that_the_shell_waits_for(warm: str, project: Path) -> None:
    with subprocess.Popen(["python", "-m", "stages.long"], env=environment(warm), executable=f"{warm}/python") as run:
        wait_for(project / "began")
        pid = int((project / "began").read_text())
        run.terminate()
    assert run.returncode == -signal.SIGTERM
    wait_for(Path(f"/proc/{pid}/fd"), there=False)
    assert not (project / "done").exists()


def test_a_stage_is_waited_for_when_the_server_has_died(warm: str, project: Path) -> None:
    import psutil

    with subprocess.Popen(["python", "-m", "stages.long"], env=environment(warm), executable=f"{warm}/python") as run:
        wait_for(project / "began")
        server = psutil.Process(int((project / "began").read_text())).parent()
        assert server is not None
        server.kill()
        time.sleep(0.1)
        assert run.poll() is None
        (project / "enough").touch()
    assert run.returncode == 1
    assert (project / "done").exists()


def test_a_gpu_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_possible()
    monkeypatch.setattr("pipeline.jobs.warm_start.GPUS", (Path(__file__),))
    assert not is_possible()


class Graph:
    """A graph of so many stages."""

    def __init__(self, count: int) -> None:
        self.order = [f"stage-{number}" for number in range(count)]
        self.upstream: dict[str, frozenset[str]] = {name: frozenset() for name in self.order}


@pytest.mark.parametrize(("count", "warm"), [(MANY - 1, False), (MANY, True)])
def test_libraries_are_loaded_for_many_stages_alone(count: int, warm: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.graph.parallel_run.warm_python", lambda: "loaded")
    run = ParallelRun(Graph(count), 2, False, print, None)  # type: ignore[arg-type]
    assert (run._programs() == "loaded") is warm
