"""A host of archives on this machine, which answers as a test says: well, slowly, falsely or not at all."""

import io
import re
import socket
import struct
import tarfile
import time
import zipfile

RECORDINGS = {f"Actor_{actor:02d}/{take}.wav": f"{actor} {take} ".encode() * 3000 for actor in (1, 2) for take in "abc"}


def packed(files=RECORDINGS):
    """A zip of files, whose bytes are the same each time; stored, so that it has some size."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return memory.getvalue()


def tarred(files=RECORDINGS, mode="w:gz"):
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return memory.getvalue()


class Host:
    """What is asked of the host, and how it answers: one answer after the other, the last one for good."""

    def __init__(self, data):
        self.data = data
        self.tag = '"first"'
        self.answers = [whole]
        self.ranges = []
        self.address = ""

    def answer(self, handler):
        self.ranges.append(handler.headers.get("Range"))
        (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(self, handler)


def _send(handler, status, data=b"", **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.wfile.write(data)


def whole(host, handler):
    """As a good host does: ranges, with an entity tag."""
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if asked and handler.headers.get("If-Range", host.tag) == host.tag:
        start, size = int(asked[1]), len(host.data)
        if start >= size:
            return _send(handler, 416, Content_Range=f"bytes */{size}", Content_Length=0)
        rest, span = host.data[start:], f"bytes {start}-{size - 1}/{size}"
        return _send(handler, 206, rest, Content_Length=len(rest), Content_Range=span, ETag=host.tag)
    return _send(handler, 200, host.data, Content_Length=len(host.data), ETag=host.tag)


def without_ranges(host, handler):
    _send(handler, 200, host.data, Content_Length=len(host.data))


def without_length(host, handler):
    _send(handler, 200, host.data)


def reset_after(count):
    """The connection is reset after so many bytes; where they begin is as asked for."""

    def answer(host, handler):
        start = int(re.findall(r"\d+", handler.headers.get("Range", "0"))[0])
        span = {"Content_Range": f"bytes {start}-{len(host.data) - 1}/{len(host.data)}"} if start else {}
        rest = host.data[start:]
        _send(handler, 206 if start else 200, rest[:count], Content_Length=len(rest), ETag=host.tag, **span)
        time.sleep(0.05)  # so that the bytes arrive before the reset
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return answer


def truncated_at(count):
    """The body ends early, and the connection well."""
    return lambda host, handler: _send(handler, 200, host.data[:count], Content_Length=len(host.data), ETag=host.tag)


def status(code, **headers):
    return lambda host, handler: _send(handler, code, Content_Length=0, **headers)


def redirect(target):
    return lambda host, handler: _send(handler, 302, Location=target or host.address, Content_Length=0)


def raw(data):
    """Bytes as they go over the wire, headers and all."""
    return lambda host, handler: handler.wfile.write(data)


def called_gzip(host, handler):
    """The archive as it is, which the host says is encoded."""
    _send(handler, 200, host.data, Content_Length=len(host.data), Content_Encoding="gzip")


def trickling(host, handler):
    _send(handler, 200, Content_Length=len(host.data))
    for byte in host.data[:100]:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.02)


def silent(host, handler):
    """Nothing comes for longer than is waited."""
    _send(handler, 200, host.data[:10], Content_Length=len(host.data), ETag=host.tag)
    time.sleep(0.5)


def endless(host, handler):
    _send(handler, 200)
    for _ in range(1000):
        handler.wfile.write(bytes(100_000))


def wrong_range(host, handler):
    """A part that was not asked for."""
    size = len(host.data)
    _send(handler, 206, host.data[5:], Content_Length=size - 5, Content_Range=f"bytes 5-{size - 1}/{size}")
