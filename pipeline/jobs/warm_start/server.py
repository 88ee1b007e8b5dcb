"""The process that has the libraries of stages loaded, and forks one for each command.

A command runs as if Python had been started for it, in its own streams and environment. One that modules would have
been loaded otherwise for is refused: see `Beginning`, and what is done where the project's own have been edited since.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from pipeline import arithmetic
from pipeline.jobs.warm_start import PLUGINS, PROGRAM_NAME
from pipeline.jobs.warm_start.launcher import NUMBER, STREAMS
from pipeline.registry import Registry

PARAMS = Path("params.yaml")
STAGES = "stages."
OWN = ("PATH", "PWD", "OLDPWD", "SHLVL", "_", "SER_WORKERS", "PYTHONUNBUFFERED", "DVC_ROOT", "DVC_STAGE", PLUGINS)
"""variables that each command has its own of, and that change nothing of what is loaded"""
PACKAGES = ("pipeline", "stages")
"""whose files may be edited while stages run"""
PATIENCE = 5.0
"""seconds for a request to arrive, once it has begun to"""


@dataclass(frozen=True)
class Beginning:
    """What modules may have read when they were loaded.

    Attributes:
        folder: the working folder.
        environment: the variables, but for `OWN`.
        arithmetic: what params.yaml asks for.
    """

    folder: str
    environment: Mapping[str, str]
    arithmetic: str

    @classmethod
    def of(cls, folder: str, environment: Mapping[str, str]) -> "Beginning":
        """That of a process in a folder, with an environment."""
        read = {name: value for name, value in environment.items() if name not in OWN}
        return cls(folder, read, arithmetic.asked(Path(folder) / PARAMS))


@dataclass(frozen=True)
class Request:
    """A command: the arguments of Python, a working folder, an environment."""

    arguments: Sequence[str]
    folder: str
    environment: Mapping[str, str]

    @property
    def runs_stage(self) -> bool:
        """Whether it is `-m stages.NAME ...`."""
        return self.arguments[:1] == ["-m"] and len(self.arguments) > 1 and self.arguments[1].startswith(STAGES)

    def run(self) -> int:
        """Run it in this process, as its main module; the exit code."""
        module, *rest = self.arguments[1:]
        sys.argv, sys.orig_argv = [module, *rest], [sys.executable, *self.arguments]
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            return exit_code(end)
        except BaseException:
            try:
                sys.excepthook(*sys.exc_info())
            except SystemExit as end:
                return exit_code(end)
            return 1
        return 0


@dataclass(frozen=True)
class Command:
    """A command that runs.

    Attributes:
        pid: of its process.
        process: a descriptor that can be read when that has ended.
        client: the launcher that waits for it.
    """

    pid: int
    process: int
    client: socket.socket


class Server:
    """Forks, until the other end of this process's standard input is closed.

    Args:
        listener: where requests come from.
        beginning: of this process.
        held: variables that it has set, for arithmetic, before libraries were loaded.
    """

    def __init__(self, listener: socket.socket, beginning: Beginning, held: Mapping[str, str]) -> None:
        self._listener, self._beginning, self._held = listener, beginning, held
        self._sources = sources()
        self._registries = registries()
        self._selector = selectors.DefaultSelector()
        self._commands: set[Command] = set()

    def serve(self) -> Request | None:
        """In each process that is forked, the request that it is for; in this one, None at the end."""
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return None
                if key.fd in self._selector.get_map() and (request := key.data()):
                    return request

    def _accept(self) -> Request | None:
        """Fork for a request; it is given in the new process alone."""
        client, _ = self._listener.accept()
        client.settimeout(PATIENCE)
        request, streams = _received(client)
        if request is None or not self._can(request):
            with client, suppress(OSError):
                client.sendall(NUMBER.pack(0))
            _close(streams)
            return None
        pid = os.fork()
        if not pid:
            self._become(request, streams, client)
            return request
        _close(streams)
        with suppress(OSError):
            client.sendall(NUMBER.pack(pid))
        command = Command(pid, os.pidfd_open(pid), client)
        self._commands.add(command)
        self._selector.register(command.process, selectors.EVENT_READ, partial(self._end, command))
        self._selector.register(client, selectors.EVENT_READ, partial(self._leave, command))
        return None

    def _can(self, request: Request) -> bool:
        """Whether all is loaded as the request would have loaded it."""
        unchanged = all(_state(file) == state for file, state in self._sources.items())
        unchanged = unchanged and all(registry.is_current() for registry in self._registries)
        return request.runs_stage and unchanged and Beginning.of(request.folder, request.environment) == self._beginning

    def _become(self, request: Request, streams: Sequence[int], client: socket.socket) -> None:
        """Make this process, which is new, the one that runs a request."""
        for target, source in zip(STREAMS, streams, strict=True):
            os.dup2(source, target)
        self._selector.close()
        _close([*streams, *(command.process for command in self._commands)])
        for each in (self._listener, client, *(command.client for command in self._commands)):
            each.close()
        os.environ.clear()
        os.environ.update({**request.environment, **self._held})

    def _end(self, command: Command) -> None:
        """Say how a command has ended."""
        _, status = os.waitpid(command.pid, 0)
        self._selector.unregister(command.process)
        os.close(command.process)
        self._commands.remove(command)
        if command.client in self._selector.get_map():
            self._selector.unregister(command.client)
        with command.client, suppress(OSError):
            command.client.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))

    def _leave(self, command: Command) -> None:
        """End a command whose launcher is gone: nothing else comes from there."""
        self._selector.unregister(command.client)
        os.kill(command.pid, signal.SIGTERM)


def registries() -> list[Registry]:
    """Those of the project's own modules that are loaded; a stage looks names up in all of them."""
    every = (each for module in _own_modules() for each in vars(module).values() if isinstance(each, Registry))
    return list({id(each): each for each in every}.values())


def _own_modules() -> list[ModuleType]:
    return [module for name, module in sys.modules.items() if name.partition(".")[0] in PACKAGES]


def sources() -> dict[str, tuple[int, int] | None]:
    """File -> what tells an edit of it, of the project's own modules that are loaded."""
    files = [module.__file__ for module in _own_modules() if getattr(module, "__file__", None)]
    return {file: _state(file) for file in files if file}


def _state(file: str) -> tuple[int, int] | None:
    """Time of the last change (ns), and size; None where there is none."""
    try:
        found = os.stat(file)  # noqa: PTH116 - of all files, for each command
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _received(client: socket.socket) -> tuple[Request | None, list[int]]:
    """A request, and the streams that came with it; None where it did not come whole."""
    streams: list[int] = []
    try:
        head, streams, _, _ = socket.recv_fds(client, NUMBER.size, len(STREAMS))
        (length,) = NUMBER.unpack(head)
        request = Request(**json.loads(client.recv(length, socket.MSG_WAITALL)))
    except (OSError, ValueError, TypeError):
        return None, streams
    return (request if len(streams) == len(STREAMS) else None), streams


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def exit_code(end: SystemExit) -> int:
    """The exit code that Python ends with; what is no number is said."""
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    print(end.code, file=sys.stderr)
    return 1


def leave(code: int) -> NoReturn:
    """End this process, but for what Python then takes longest for: to take apart each library that is loaded."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def main(address: str, *modules: str) -> Request | None:
    """Load modules and serve; in a process that was forked, the request that it is for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    before = dict(os.environ)
    beginning = Beginning.of(str(Path.cwd()), before)
    with redirect_stderr(None):  # each stage says itself what cannot be had
        arithmetic.hold(PARAMS)
    for module in modules:
        importlib.import_module(module)
    for registry in registries():
        registry.read()
    gc.collect()
    gc.freeze()  # else each process would copy what its collections look at
    held = {name: value for name, value in os.environ.items() if before.get(name) != value}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        request = Server(listener, beginning, held).serve()
    if request is None:
        leave_folder(Path(address))
    return request


def leave_folder(address: Path) -> None:
    """Remove the folder of the socket, where whoever made it was killed."""
    with suppress(OSError):
        for path in (address, address.with_name(PROGRAM_NAME)):
            path.unlink(missing_ok=True)
        address.parent.rmdir()


if __name__ == "__main__":
    given = main(*sys.argv[1:])
    if given:
        leave(given.run())
