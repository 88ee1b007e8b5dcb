"""The project of a benchmark: its params.yaml, and the run of its stages by DVC."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pipeline.benchmark.entries import MARK
from pipeline.config.document import load, read_text
from pipeline.config.params import FILE
from pipeline.errors import ParamsError, UserError
from pipeline.graph.stage_commands import end_commands

STANDARD_ERROR = 2
PATIENCE = 5.0
"""seconds that DVC has for ending by itself after Ctrl-C, which a terminal sends to it and its stages too"""


def present_text() -> str | None:
    """The text of the benchmark's params.yaml that is in the working folder; None in a folder without a project.

    Raises:
        ParamsError: the folder has another project, or mistakes in it.
    """
    if FILE.exists():
        text = read_text(FILE)
        if text.startswith(MARK):
            load(FILE)
            return text
    if other := next((path for path in (FILE, Path("dvc.yaml")) if path.exists()), None):
        raise ParamsError(f"{other}: is of another project; run `ser benchmark` in an empty folder")
    return None


def reproduce() -> None:
    """Run `dvc repro`, which says on standard error what it does; what is finished stays, and is not run again.

    Raises:
        UserError: a stage fails.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {
        **os.environ,
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
    }  # lines in their order
    command = [sys.executable, "-m", "dvc", "repro"]
    with subprocess.Popen(command, env=environment, stdout=STANDARD_ERROR) as dvc:  # noqa: S603
        try:
            code = dvc.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                dvc.wait(PATIENCE)
            _end(dvc)
            raise
        except BaseException:
            _end(dvc)
            raise
    if code:
        raise UserError("dvc repro failed, as it says above; mend that and run the same command, which goes on there")


def _end(dvc: "subprocess.Popen[bytes]") -> None:
    """End the stage that runs or is about to, which DVC waits for, and so DVC; neither leaves a lock behind."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        end_commands(psutil.Process(dvc.pid), lambda seconds: _ends_within(dvc, seconds))
    dvc.wait()


def _ends_within(dvc: "subprocess.Popen[bytes]", seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        dvc.wait(seconds)
    return dvc.returncode is not None
