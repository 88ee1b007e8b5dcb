"""Lines that begin with whose they are, of a process and of what it starts."""

import subprocess
import sys

from conftest import REPOSITORY

WRITES = """
import subprocess, sys
from pipeline.jobs.line_prefix import prefixed_lines
print("before")
sys.stdout.flush()
with prefixed_lines("x | "):
    print("own")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", "import sys; print('child'); print('oh', file=sys.stderr)"])
    print("without an end", end="")
print("after")
"""


def test_lines_of_a_process_and_its_children_begin_with_the_prefix():
    done = subprocess.run(
        [sys.executable, "-c", WRITES], env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "before\nx | own\nx | child\nx | without an end\nafter\n"
    assert done.stderr == "x | oh\n"


def test_a_reader_who_left_does_not_stop_what_writes():
    many = WRITES.replace('print("before")', "").replace("'child'", "'y' * 999999").replace('print("after")', "")
    command = f'{sys.executable} -c "$0" | true'
    done = subprocess.run(
        ["sh", "-c", command, many], env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=60
    )
    assert done.stderr.startswith("x | oh\n")
