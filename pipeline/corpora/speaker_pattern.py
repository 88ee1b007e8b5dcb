"""Speakers by a regular expression of the user's, which may take for ever: so it is matched in a process of its own.

This file is run as that process, and so imports nothing of the package before it is needed.
"""

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence

SECONDS = 5.0
"""to match a pattern with any corpus, at most, and `SECONDS_PER_PATH` more for each file"""
SECONDS_PER_PATH = 1e-4
MEMORY = 1 << 29
"""bytes that matching may take"""
LONGEST = 500
"""characters of a pattern"""


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern is none that could find speakers; None when it could."""
    if len(pattern) > LONGEST:
        return f"has {len(pattern)} characters, and {LONGEST} are the most"
    try:
        with warnings.catch_warnings(action="ignore"):  # of sets in sets, which a later Python may read
            groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no regular expression: {error}"
    return "needs a group: the part in () is the speaker" if pattern and not groups else None


def speakers(pattern: str, paths: Sequence[str]) -> list[str]:
    """The first group of each path's first match; "" where there is none.

    Raises:
        UserError: matching takes too long, or too much memory.
    """
    from pipeline.errors import UserError

    limit = SECONDS + SECONDS_PER_PATH * len(paths)
    given = json.dumps({"pattern": pattern, "paths": list(paths)})
    command = [sys.executable, "-I", "-S", __file__]
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=limit, check=True)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"speaker_pattern {pattern!r}: is not matched with {len(paths)} paths in {limit:.0f} s; a repeat in a "
            "repeat, as (a+)+, tries all ways to cut a path; write it without"
        ) from error
    except subprocess.CalledProcessError as error:
        raise UserError(f"speaker_pattern {pattern!r}: cannot be matched in {MEMORY >> 20} MiB; simplify it") from error
    found: list[str] = json.loads(done.stdout)
    return found


def _main() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, OSError, ValueError):  # Windows has no such limit, macOS not this one
        pass
    given = json.load(sys.stdin)
    rule = re.compile(given["pattern"])
    matches = (rule.search(path) for path in given["paths"])
    print(json.dumps([(match[1] or "") if match else "" for match in matches]))


if __name__ == "__main__":
    _main()
