"""Ending what DVC runs: also what it is only about to start, and a shell before the command that it waits for."""

import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from pipeline.graph.stage_commands import end_commands

LATE = "import subprocess, time; time.sleep(0.6); print('starts', flush=True); subprocess.run(['sleep', '100'])"


def ended(command):
    """Start a command, end what is below it, and give it back."""
    process = subprocess.Popen(command)

    def ends_within(seconds):
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode is not None

    end_commands(psutil.Process(process.pid), ends_within)
    return process


def test_what_starts_after_the_first_look_is_ended_too(capfd):
    process = ended([sys.executable, "-c", LATE])
    assert process.returncode == 0
    assert capfd.readouterr().out == "starts\n"


@pytest.mark.parametrize("attempt", range(5))
def test_a_shell_does_not_go_on_after_its_command(tmp_path, attempt):
    shell = f"sleep 100; echo half > {tmp_path / 'output'}"
    ended([sys.executable, "-c", f"import subprocess; subprocess.run({shell!r}, shell=True)"])
    assert not (tmp_path / "output").exists()
