"""What a shell finds as `python`: has a command run by `server`, or else by Python itself. It imports what starts fast.

Called with the server's socket, Python's own path, and the arguments that Python was given.
"""

import json
import os
import select
import signal
import socket
import struct
import sys

NUMBER = struct.Struct("!i")
"""of a message's length, a process, or an exit code"""
STREAMS = (0, 1, 2)
UNKNOWN = 1
"""exit code where the server did not live to tell it"""


def main(address: str, python: str, *arguments: str) -> int:
    """The exit code of the command; does not return where Python itself runs it."""
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(address)
            pid = asked(server, arguments)
        except OSError:  # it has not loaded the libraries yet
            pid = 0
        if not pid:
            os.execv(python, [python, *arguments])  # noqa: S606
        return ended(server, pid)


def asked(server: socket.socket, arguments: "tuple[str, ...]") -> int:
    """The process that runs the command with this one's streams, folder and environment; 0 where none does."""
    folder = os.getcwd()  # noqa: PTH109 - pathlib takes as long to import as all of this
    request = json.dumps({"arguments": arguments, "folder": folder, "environment": dict(os.environ)}).encode()
    socket.send_fds(server, [NUMBER.pack(len(request))], STREAMS)
    server.sendall(request)
    return number(server) or 0


def ended(server: socket.socket, pid: int) -> int:
    """Wait for the process; the signal that killed it kills this one too."""
    code = number(server)
    if code is None:
        wait_for(pid)
        return UNKNOWN
    if code < 0:
        if code != -signal.SIGKILL:  # which Python may not touch
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def number(server: socket.socket) -> "int | None":
    """The next number that the server sends; None where it has ended."""
    try:
        data = server.recv(NUMBER.size, socket.MSG_WAITALL)
    except OSError:
        return None
    return int(NUMBER.unpack(data)[0]) if len(data) == NUMBER.size else None


def wait_for(pid: int) -> None:
    """Wait until a process that is no child of this one has ended: two must never write the same files."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([process], [], [])
    os.close(process)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
