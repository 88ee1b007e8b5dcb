"""Recordings for tests of `ser extract`, and the command itself."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

TESTS = Path(__file__).resolve().parent


def record(folder, count, first=0):
    """Write `count` recordings, each of another length (20 to 60 ms), and return the folder."""
    folder.mkdir(exist_ok=True)
    for i in range(first, first + count):
        samples = np.random.default_rng(i).integers(-9999, 9999, 320 + 13 * (i * 7 % 50)).astype(np.int16)
        soundfile.write(folder / f"{i:03d}.wav", samples, 16000)
    return folder


def start(*arguments, module="toy_extractor", limit=None, **variables):
    """Start `ser arguments` with the toy extractor; `limit` is the largest file it can write (bytes)."""

    def keep_small():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=keep_small if limit else None,
    )


def ser(*arguments, **options):
    """Run `ser arguments` with the toy extractor: exit code, standard output, standard error."""
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err
