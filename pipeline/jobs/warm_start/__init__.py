"""Stages that begin with their libraries loaded: a process has them, and forks one for each `python -m stages.NAME`.

NumPy, scikit-learn, torch and transformers take 2 to 8 s to import, which a graph's stages spend dozens of times.
DVC gives a stage's command to a shell, which looks for `python`; where `warm_python` is before others in PATH, it
finds a launcher (`launcher`) that has the command run by the process with the libraries (`server`). Where that cannot
be, or is not ready, the launcher becomes the Python that was meant.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline import arithmetic

LIBRARIES = (
    "click",
    "filelock",
    "h5py",
    "pydantic",
    "scipy.fft",
    "scipy.optimize",
    "scipy.signal",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "skorch",
    "torch._dynamo",  # every optimizer of torch imports it
    "transformers.models.wav2vec2.modeling_wav2vec2",  # most of what other models take is the same
    "yaml",
)
PROGRAM = (
    "pipeline.commands.options",
    "pipeline.experiments.cross_validation",
    "pipeline.experiments.inputs",
    "pipeline.extraction.recipe",
    "pipeline.features.logmel",
    "pipeline.features.mfcc",
    "pipeline.features.prosody.extractor",
    "pipeline.features.ssl.extractor",
    "pipeline.graph.current",
)
"""of this project's own modules, what many stages begin with"""
GPUS = (arithmetic.GPU, Path("/dev/kfd"))
"""of which one is there where there is a GPU, NVIDIA's or AMD's"""
PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
"""pydantic's variable, which stages set too, see `stages`"""
PROGRAM_NAME = "python"
"""in that folder, what a shell finds"""
SOCKET = "socket"
"""in the folder, once the libraries are loaded"""


def is_possible() -> bool:
    """Whether the system can: it forks, and says in a descriptor that a process has ended, as Linux does.

    Not where there is a GPU, which no process can use that was forked from one whose libraries have looked at it.
    """
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and not any(map(Path.exists, GPUS))


@contextmanager
def warm_python(modules: Sequence[str] = (*LIBRARIES, *PROGRAM)) -> Iterator[str]:
    """A folder with a program `python`, for PATH; it begins like any other until these modules are loaded."""
    with tempfile.TemporaryDirectory(prefix="ser-python-") as name:
        folder = Path(name)
        launcher = [sys.executable, "-I", "-S", "-B", str(Path(__file__).with_name("launcher.py"))]
        program = folder / PROGRAM_NAME
        command = shlex.join([*launcher, str(folder / SOCKET), sys.executable])
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        program.chmod(0o700)
        server = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "pipeline.jobs.warm_start.server", str(folder / SOCKET), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={PLUGINS: "__all__", **os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            yield name
        finally:
            server.kill()
            server.communicate()
