"""One file over HTTP: begun again where it broke off, and no more of it than was said."""

import json
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from pipeline import __version__
from pipeline.atomic import atomic_path
from pipeline.downloads.addresses import PassingError, Timeouts, one_line, opened
from pipeline.errors import UserError
from pipeline.jobs.progress import Progress

CHUNK = 1 << 18
MEGABYTE = 10**6
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""statuses after which a server may be asked again (RFC 9110, 15.5 and 15.6)"""
LONGEST_WAIT = 120.0
"""between two attempts (s), whatever the server asks for"""


@dataclass(frozen=True)
class Patience:
    """How long a download is tried."""

    attempts: int = 6
    """in a row that bring no byte"""
    wait: float = 1.0
    """after the first failure (s); twice as long after each further one"""
    seconds: float = 24 * 3600.0
    """of one run, all attempts together"""
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True)
class Remote:
    """A file as its host has it."""

    address: str
    size: int | None
    """bytes, where they are known"""
    largest: int
    """bytes at most, where its size is not known"""
    checked: bool
    """whether a digest of the whole will be held against a published one"""


def download(remote: Remote, part: Path, patience: Patience) -> None:
    """Bring `part` up to the whole file; what is there of the same file is kept, and only the rest is asked for.

    Raises:
        UserError: the server has no such file, or another one, goes on failing, or sends more than it should.
    """
    deadline = time.monotonic() + patience.seconds
    failures = 0
    with requests.Session() as session:
        while True:
            before = _size(part)
            try:
                return _attempt(session, remote, part, deadline, patience.timeouts)
            except PassingError as error:
                failures = 1 if _size(part) > before else failures + 1
                _wait(error, failures, deadline, patience)


def state_path(part: Path) -> Path:
    """Where it stands of which file `part` is a part."""
    return part.with_name(f"{part.name}.json")


def _wait(error: PassingError, failures: int, deadline: float, patience: Patience) -> None:
    wait = min(max(patience.wait * 2 ** (failures - 1), error.wait), LONGEST_WAIT)
    if failures >= patience.attempts or time.monotonic() + wait > deadline:
        times = "once" if failures == 1 else f"{failures} times in a row"
        raise UserError(f"{error} ({times}); run again to go on, or give another address with --from") from error
    print(f"{error}; trying again in {wait:.3g} s", file=sys.stderr, flush=True)
    time.sleep(wait)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _attempt(session: requests.Session, remote: Remote, part: Path, deadline: float, timeouts: Timeouts) -> None:
    offset, validator = _resumable(remote, part)
    if offset == remote.size:
        return
    headers = {"Accept-Encoding": "identity", "User-Agent": f"ser-pipeline/{__version__}"}
    headers |= {"Range": f"bytes={offset}-"} if offset else {}
    headers |= {"If-Range": validator} if offset and validator else {}
    response = opened(session, remote.address, headers, timeouts)
    try:
        if _is_whole(response, offset):
            return
        start = _start(response, offset, part)
        total = _total(response, start)
        _check_total(remote, total)
        _remember(part, remote.address, _validator(response))
        _receive(response, part, start, total, remote, deadline)
    finally:
        response.close()


def _resumable(remote: Remote, part: Path) -> tuple[int, str]:
    """How many bytes of the same file are there, and by what its server knows it; none where it cannot be told."""
    if not part.exists():
        return 0, ""
    try:
        state = json.loads(state_path(part).read_text(encoding="utf-8"))
        address, validator = str(state["address"]), str(state["validator"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""
    validator = validator if validator.isprintable() and validator.isascii() else ""
    size = _size(part)
    if address != remote.address or not (validator or remote.checked) or (remote.size and size > remote.size):
        return 0, ""
    return size, validator


def _remember(part: Path, address: str, validator: str) -> None:
    with atomic_path(state_path(part)) as temporary:
        temporary.write_text(json.dumps({"address": address, "validator": validator}) + "\n", encoding="utf-8")


def _validator(response: requests.Response) -> str:
    """What If-Range may ask with: a strong entity tag, or else a date (RFC 9110, 13.1.5)."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _is_whole(response: requests.Response, offset: int) -> bool:
    """Whether the server says that there is nothing after `offset`."""
    rest = re.fullmatch(r"bytes \*/(\d{1,18})", response.headers.get("Content-Range", ""))
    return response.status_code == 416 and rest is not None and int(rest[1]) == offset > 0


def _start(response: requests.Response, offset: int, part: Path) -> int:
    """Where in the file the body begins: at `offset`, or at 0 where the server begins again.

    Raises:
        PassingError: the server is busy, or sends another part than was asked for.
        UserError: it has no such file.
    """
    status = response.status_code
    if status == 200:
        if offset:
            print(f"{part.name}: the server begins again", file=sys.stderr, flush=True)
        part.unlink(missing_ok=True)  # before it is written down as a part of what comes now
        return 0
    if status == 206 and re.match(rf"bytes {offset}-", response.headers.get("Content-Range", "")) and offset:
        return offset
    if status in (206, 416):
        part.unlink(missing_ok=True)
        raise PassingError(f"{response.url}: not the part that was asked for")
    said = f"{response.url}: the server says {status} {one_line(response.reason or '')}".rstrip()
    if status in BUSY:
        raise PassingError(said, _asked_wait(response))
    raise UserError(f"{said}; see the corpus's page for where it is now, and give that address with --from")


def _asked_wait(response: requests.Response) -> float:
    """Seconds of Retry-After, where it has some (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "")
    return float(text) if re.fullmatch(r"\d{1,6}", text) else 0.0


def _total(response: requests.Response, start: int) -> int | None:
    """Bytes of the whole file as the server says them."""
    if response.status_code == 206:
        whole = re.fullmatch(r"bytes \d+-\d+/(\d{1,18})", response.headers.get("Content-Range", ""))
        return int(whole[1]) if whole else None
    length = response.headers.get("Content-Length", "")
    return start + int(length) if re.fullmatch(r"\d{1,18}", length) else None


def _check_total(remote: Remote, total: int | None) -> None:
    if total is None:
        return
    if remote.size is not None and total != remote.size:
        raise UserError(
            f"{remote.address}: is {total} bytes, and the archive has {remote.size}: another file, or an error page; "
            "give another address with --from"
        )
    if total > remote.largest:
        raise UserError(f"{remote.address}: is {total} bytes, more than the {remote.largest} that are taken at most")


def _receive(
    response: requests.Response, part: Path, start: int, total: int | None, remote: Remote, deadline: float
) -> None:
    """Write the body to `part` from `start` on.

    Raises:
        PassingError: the connection broke, or the body is shorter than it should be.
        UserError: the body is longer, or time is over.
    """
    whole = total if total is not None else remote.size
    most = whole if whole is not None else remote.largest
    done = start
    with (
        part.open("r+b" if start else "wb") as file,
        Progress(whole // MEGABYTE if whole else None, f"{part.stem} (MB)", start // MEGABYTE) as progress,
    ):
        file.seek(start)
        while chunk := _chunk(response):
            done += len(chunk)
            if done > most:
                break
            file.write(chunk)
            progress.update(done // MEGABYTE - (done - len(chunk)) // MEGABYTE)
            if time.monotonic() > deadline:
                raise UserError(f"{remote.address}: too slow, {done} bytes so far; run again to go on")
    if done > most:
        part.unlink()
        raise UserError(f"{remote.address}: sends more than the {most} bytes that it should; give another with --from")
    if whole is not None and done < whole:
        raise PassingError(f"{response.url}: broke off after {done} of {whole} bytes")


def _chunk(response: requests.Response) -> bytes:
    try:
        # As it is stored: a server that calls a .tar.gz encoded by gzip must not have it decoded.
        data: bytes = response.raw.read1(CHUNK, decode_content=False)
    except ReadTimeoutError as error:
        raise PassingError(f"{response.url}: nothing came in time") from error
    except (HTTPError, OSError) as error:
        raise PassingError(f"{response.url}: the connection broke") from error
    return data
