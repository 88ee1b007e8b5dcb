"""Fixtures of the tests of `ser fetch`: a running host, and a catalogue of one corpus that is there."""

import hashlib
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from downloads.host import Host, packed

from pipeline.downloads import catalogue, fetching
from pipeline.downloads.addresses import Timeouts
from pipeline.downloads.transfer import Patience

ENTRY = {"title": "Toy, a corpus", "licence": "CC BY 4.0", "source": "https://example.org/toy", "cite": "Toy 2020"}


@pytest.fixture
def host():
    """A running host of a zip of six recordings."""
    hosted = Host(packed())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with suppress(OSError):  # the other side has heard enough
                hosted.answer(self)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        hosted.address = f"http://127.0.0.1:{server.server_port}/toy.zip"
        yield hosted
        server.shutdown()


@pytest.fixture
def toy(host, tmp_path, monkeypatch):
    """A catalogue of one corpus, at the host, with its MD5 published; the working folder is empty, patience short.

    Called with other keys of the entry and the archive, writes it anew.
    """
    entries = tmp_path / "entries"
    entries.mkdir()
    monkeypatch.setattr(catalogue, "_entries", lambda: entries)
    monkeypatch.setattr(fetching, "PATIENCE", Patience(3, 0.01, 30, Timeouts(2, 0.2)))
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def write(archive=None, **keys):
        digest = hashlib.md5(host.data).hexdigest()
        known = {"md5": digest, "size": len(host.data)} if archive is None else archive
        text = {**ENTRY, "archive": {"name": "toy.zip", "address": host.address, **known}, **keys}
        (entries / "toy.yaml").write_text(yaml.safe_dump(text))

    write()
    return write
