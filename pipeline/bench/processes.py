"""Commands that are measured, or that make what is measured."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.bench.timing import Skipped


def output_of(command: Sequence[str], environment: Mapping[str, str], limit: float, folder: Path) -> str:
    """Standard output of a command.

    Args:
        command: a program, and its arguments.
        environment: its variables.
        limit: longest that it may take (s).
        folder: where it runs.

    Raises:
        Skipped: it takes longer, or fails; the message has the last line that it says.
    """
    shown = " ".join(command)
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=limit
        )
    except subprocess.TimeoutExpired as error:
        raise Skipped(f"`{shown}` takes longer than {limit:g} s") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Skipped(f"`{shown}` fails: {last[0] if last else done.returncode}")
    return done.stdout
