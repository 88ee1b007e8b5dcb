"""A small export and a server of it, on a free port of this machine."""

import io
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import numpy as np
import soundfile
from bad_inputs import export
from conftest import tone

from pipeline.app import server
from pipeline.app.limits import Limits


def small_export(folder):
    """The folder of an export that is made in a moment."""
    export.write(folder)
    return folder / "model"


def recording(seconds=0.5, pitch=200, rate=16000, form="WAV"):
    """The bytes of a file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(seconds, pitch, rate), rate, format=form)
    return buffer.getvalue()


class Running:
    """A server that runs in a thread, and how to ask it."""

    def __init__(self, address):
        self.address = address
        self.client = httpx.Client(base_url=address.url, timeout=30)

    def ask(self, content=None, **options):
        return self.client.post("/api/predict", content=content, **options)

    def connection(self):
        return socket.create_connection((self.address.host, self.address.port), timeout=20)


@contextmanager
def running(models, limits=None, with_page=False):
    """A server of models by name, until the end of the block."""
    begun = threading.Event()
    ended = []
    with server.Address(port=0).listening() as listener:
        address = server.Address(port=listener.getsockname()[1])
        with server.application(models, limits or Limits(), address.names(), with_page) as app:
            known = server.server(app, begun.set)
            thread = threading.Thread(target=lambda: ended.append(known.run([listener])))
            thread.start()
            try:
                assert begun.wait(30)
                yield Running(address)
            finally:
                known.should_exit = True
                thread.join(20)


def eventually(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def hostile():
    """Name -> bytes that are no recording, or a damaged one."""
    rng = np.random.default_rng(0)
    wav = recording()
    return {
        "noise": rng.bytes(5000),
        "text": b"hello",
        "page": b"<html><script>alert(1)</script></html>",
        "no samples": wav[:44],
        "cut short": wav[:2000],
        "huge header": wav[:40] + b"\xff\xff\xff\x1f" + wav[44:],
    }
