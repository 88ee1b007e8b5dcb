"""`ser app` as a whole, and its parts that need no model."""

import os
import signal
import subprocess
import sys
import urllib.request
from urllib.parse import urlsplit

import httpx
import pytest
from running_app import recording, small_export

from pipeline.app import rates, server
from pipeline.errors import UserError

PART = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
"""how a file in a form begins"""


@pytest.mark.slow
def test_it_says_where_it_is_answers_and_leaves_nothing(tmp_path):
    small_export(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    arguments = ["-m", "pipeline.cli", "app", "model", "model", "--port", "0", "--max-mb", "1"]
    settings = {**os.environ, "TMPDIR": str(temporary)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, *arguments], cwd=tmp_path, env=settings, **pipes) as process:
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(f"{url}/api/predict?model=mine-2", recording()) as answer:
                assert answer.status == 200
            with urllib.request.urlopen(url) as answer:
                assert b"Speech emotion recognition" in answer.read()
            upload = f"{url}/gradio_api/upload"  # of the page
            for options, status in (
                ({"files": {"files": ("a.wav", bytes((1 << 20) + 1))}}, 413),
                (
                    {
                        "content": iter([PART, *[bytes(1 << 19)] * 3]),
                        "headers": {"Content-Type": "multipart/form-data; boundary=b"},
                    },
                    413,
                ),
                ({"files": {"files": ("a.wav", recording())}, "headers": {"Origin": "http://evil.example"}}, 403),
            ):
                assert httpx.post(upload, **options).status_code == status
            for content, media in ((recording(), "; boundary=xx"), (b"hello", ""), (b"--b\r\n\0", "; boundary=b")):
                bad = {"content": content, "headers": {"Content-Type": f"multipart/form-data{media}"}}
                for place in (f"{url}/api/predict", upload):
                    assert 400 <= httpx.post(place, **bad).status_code < 500
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stderr.read() == "interrupted; run again to go on\n"
        finally:
            process.kill()
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80"), ("localhost", "http://localhost:80")],
)
def test_loopback_goes_by_its_own_names(host, url):
    address = server.Address(host, 80)
    assert address.url == url
    assert {host, "localhost"} <= address.names()
    assert "evil.example" not in address.names()
    assert server.Address("0.0.0.0", 80).names() is None


def test_the_address_of_all_is_one_that_others_can_ask():
    host = urlsplit(server.Address("0.0.0.0", 80).url).hostname
    assert host not in {"0.0.0.0", "127.0.0.1"}
    assert server.Address("192.0.2.7", 80).url == "http://192.0.2.7:80"


def test_a_missing_extra_is_a_line(monkeypatch):
    monkeypatch.setattr(server, "find_spec", lambda name: None if name == "gradio" else name)
    with pytest.raises(UserError, match=r"the app needs the extra: pip install .*'\.\[app\]'"):
        server.check_extra()


def test_an_address_may_ask_so_often_and_again_when_time_has_passed():
    now = [0.0]
    known = rates.Rates(60, lambda: now[0])
    assert [known.wait("192.0.2.1") for _ in range(61)] == [0.0] * 60 + [1.0]
    assert known.wait("192.0.2.2") == 0
    now[0] = 0.5
    assert known.wait("192.0.2.1") == 0.5
    now[0] = 1
    assert known.wait("192.0.2.1") == 0
    assert known.wait("192.0.2.1") == 1


def test_a_subscriber_of_ipv6_is_one_client_and_few_are_remembered():
    assert rates.network("2001:db8::1") == rates.network("2001:db8::ffff") != rates.network("2001:db8:0:1::1")
    known = rates.Rates(1)
    for number in range(rates.MOST_CLIENTS + 10):
        known.wait(f"client {number}")
    assert len(known._buckets) == rates.MOST_CLIENTS
