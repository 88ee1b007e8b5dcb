"""`ser fetch` on hosts that are slow, broken, false or hostile: it goes on where it was, or says one line."""

import io
from pathlib import Path

import pytest
import requests
from downloads import host as hosts
from downloads.host import RECORDINGS, packed
from in_process import ser

from pipeline.downloads import fetching
from pipeline.downloads.addresses import Timeouts, opened
from pipeline.downloads.transfer import Patience
from pipeline.errors import UserError

pytest_plugins = ("downloads.fixtures",)  # its fixtures: host, toy

PART = Path("recordings/toy.zip.part")


def fetch(code=0):
    """Run it; what it says on standard error."""
    result = ser("fetch", "toy", "--yes")
    assert result.exit_code == code, result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == bool(code)
    assert bool(code) != Path("recordings/toy").exists()
    assert [path for path in Path("recordings").iterdir() if path.name.startswith(".")] == []
    return result.stderr


def is_whole():
    files = {name: (Path("recordings/toy") / name).read_bytes() for name in RECORDINGS}
    return files == RECORDINGS and not PART.exists()


@pytest.mark.parametrize(
    "first",
    [
        hosts.status(500),
        hosts.status(503, Retry_After=0),
        hosts.status(429),
        hosts.silent,
        hosts.truncated_at(20_000),
        hosts.reset_after(20_000),
    ],
    ids=["500", "503", "429", "silent", "truncated", "reset"],
)
def test_what_may_pass_is_tried_again(toy, host, first):
    host.answers = [first, first, hosts.whole]
    assert "trying again in" in fetch()
    assert is_whole()


def test_a_download_goes_on_where_it_broke_off(toy, host):
    host.answers = [hosts.reset_after(20_000), hosts.reset_after(30_000), hosts.whole]
    fetch()
    assert host.ranges == [None, "bytes=20000-", "bytes=50000-"]
    assert is_whole()


def test_another_run_goes_on_where_the_last_one_broke_off(toy, host):
    host.answers = [hosts.reset_after(20_000), hosts.status(500)]
    assert "(3 times in a row); run again to go on" in fetch(code=1)
    assert PART.stat().st_size == 20_000
    host.answers = [hosts.whole]
    fetch()
    assert host.ranges[-1] == "bytes=20000-"
    assert is_whole()


def test_a_server_without_ranges_begins_again(toy, host):
    host.answers = [hosts.reset_after(20_000), hosts.without_ranges]
    assert "the server begins again" in fetch()
    assert is_whole()


def test_a_file_that_changed_meanwhile_is_not_mixed_with_the_old_one(toy, host):
    toy(archive={})
    host.answers = [hosts.reset_after(20_000), hosts.status(500)]
    fetch(code=1)
    host.data, host.tag, host.answers = packed({"new.wav": bytes(90_000)}), '"second"', [hosts.whole]
    fetch()
    assert Path("recordings/toy/new.wav").read_bytes() == bytes(90_000)


def test_a_part_of_another_address_is_not_gone_on_with(toy, host):
    host.answers = [hosts.reset_after(20_000), hosts.status(500)]
    fetch(code=1)
    host.address, host.answers = f"{host.address}?other", [hosts.whole]
    toy()
    fetch()
    assert host.ranges[-1] is None


def test_another_part_than_was_asked_for_is_thrown_away(toy, host):
    host.answers = [hosts.reset_after(20_000), hosts.wrong_range, hosts.whole]
    fetch()
    assert host.ranges[-1] is None
    assert is_whole()


def test_a_body_without_its_length_is_read_to_its_end(toy, host):
    toy(archive={})
    host.answers = [hosts.without_length]
    fetch()
    assert is_whole()


def test_an_archive_is_taken_as_it_is_stored_whatever_its_encoding_is_called(toy, host):
    host.answers = [hosts.called_gzip]
    fetch()
    assert is_whole()


def test_a_body_of_chunks_that_ends_early_is_tried_again(toy, host):
    toy(archive={})
    host.answers = [hosts.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"), hosts.whole]
    assert "the connection broke; trying again" in fetch()
    assert is_whole()


def test_what_is_no_http_is_one_line(toy, host):
    host.answers = [hosts.raw(b"220 ftp.example.org\r\n")]
    assert "cannot be reached: 220 ftp.example.org (3 times" in fetch(code=1)


def test_words_of_a_server_are_escaped(toy, host):
    host.answers = [hosts.raw(b"HTTP/1.1 404 \x1b[2J gone\r\nContent-Length: 0\r\n\r\n")]
    assert "the server says 404 \\x1b[2J gone" in fetch(code=1)


def test_a_body_that_is_longer_than_its_length_is_cut_there(toy, host):
    toy(archive={})
    host.answers = [hosts.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + host.data)]
    assert "is neither a zip nor a tar" in fetch(code=1)


def test_a_host_that_trickles_is_not_waited_for_without_end(toy, host, monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE", Patience(3, 0.01, 0.1, Timeouts(2, 0.2)))
    host.answers = [hosts.trickling]
    assert "too slow" in fetch(code=1)
    assert PART.exists()


@pytest.mark.parametrize("header", ["Content-Range: bytes */" + "9" * 5000, "Content-Range: x", "X: y"])
def test_an_answer_that_there_is_no_such_part_begins_again(toy, host, header):
    refused = hosts.raw(f"HTTP/1.1 416 No\r\n{header}\r\nContent-Length: 0\r\n\r\n".encode())
    host.answers = [hosts.reset_after(20_000), refused, hosts.whole]
    fetch()
    assert host.ranges == [None, "bytes=20000-", None]
    assert is_whole()


def test_redirects_are_followed(toy, host):
    host.answers = [hosts.redirect("/elsewhere.zip"), hosts.whole]
    fetch()
    assert is_whole()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (hosts.status(404), "the server says 404"),
        (hosts.status(403), "the server says 403"),
        (hosts.redirect(""), "more than 10 redirects"),
        (hosts.redirect("file:///etc/passwd"), "redirects to what cannot be followed"),
        (hosts.redirect("ftp://127.0.0.1/toy.zip"), "redirects to what cannot be followed"),
        (hosts.redirect("http://[::1/toy.zip"), "toy.zip: Invalid IPv6 URL"),
        (hosts.truncated_at(0), "the connection broke (3 times in a row)"),
        (lambda host, handler: hosts._send(handler, 200, b"<html>", Content_Length=6), "is 6 bytes, and the archive"),
    ],
    ids=["404", "403", "loop", "file", "ftp", "nothing", "empty", "page"],
)
def test_what_does_not_pass_is_one_line(toy, host, answer, says):
    host.answers = [answer]
    assert says in fetch(code=1)


def test_an_endless_body_is_cut_off(toy, host):
    toy(archive={"largest": 300_000})
    host.answers = [hosts.endless]
    assert "sends more than the 300000 bytes" in fetch(code=1)
    assert not PART.exists()


def test_a_body_that_is_longer_than_the_archive_is_cut_off(toy, host):
    host.answers = [hosts.endless]
    assert f"sends more than the {len(host.data)} bytes" in fetch(code=1)


def test_another_file_of_the_same_size_is_deleted(toy, host):
    host.data = host.data[:-100] + bytes(100)
    assert "is published; it is deleted" in fetch(code=1)
    assert not PART.exists()


def test_a_web_page_is_named_as_such(toy, host):
    toy(archive={})
    host.data = b"<!DOCTYPE html><title>Sign in</title>"
    assert "toy.zip.part: is a web page and no archive" in fetch(code=1)
    assert not PART.exists()


def test_too_few_recordings_are_not_put_in_place(toy):
    toy(recordings=7)
    assert "has 6 of the 7 recordings" in fetch(code=1)


def test_a_host_that_is_not_there_is_one_line(toy, host):
    host.address = "http://127.0.0.1:9/toy.zip"
    toy()
    assert "cannot be reached: Connection refused (3 times in a row)" in fetch(code=1)


class Redirecting(requests.Session):
    """A server of https that sends elsewhere."""

    def get(self, address, **options):
        response = requests.Response()
        response.status_code, response.url, response.raw = 302, address, io.BytesIO()
        response.headers["Location"] = "http://example.org/toy.zip"
        return response


def test_no_redirect_leads_from_https_to_http():
    with pytest.raises(UserError, match=r"redirects from https to 'http://example.org/toy.zip'"):
        opened(Redirecting(), "https://example.org/toy.zip", {}, Timeouts())
