"""Web addresses, and the way from one to the file: redirects are followed here, so that each step can be refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests

from pipeline.errors import UserError, printable

REDIRECTS = 10
"""followed at most"""
LONGEST_WORDS = 200
"""characters of a server's that are repeated"""


class PassingError(Exception):
    """A failure that may pass: the server is busy, or the connection broke.

    Args:
        message: what happened, for people.
        wait: how long the server asks to wait (s).
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Timeouts:
    """How long one step may take (s)."""

    connect: float = 20.0
    read: float = 60.0
    """without a byte"""


def check_address(address: str, what: str) -> None:
    """Refuse what is no address of the web.

    Raises:
        UserError: it is not http or https, names no host, or cannot be read; `what` begins the message.
    """
    try:
        parts = urlsplit(address)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed or not address.isprintable() or " " in address:
        raise UserError(f"{what}: {address!r} is no address that begins with https:// or http:// and names a host")


def opened(
    session: requests.Session, address: str, headers: Mapping[str, str], timeouts: Timeouts
) -> requests.Response:
    """The answer at the end of all redirects, its body not read yet; to be closed by the caller.

    Raises:
        PassingError: the server cannot be reached, or the connection broke.
        UserError: a redirect leads from https to http, to no address of the web, or there are too many; or the
            server's certificate is not valid.
    """
    current = address
    for _ in range(REDIRECTS + 1):
        response = _answer(session, current, headers, timeouts)
        target = session.get_redirect_target(response)
        if target is None:
            return response
        response.close()
        current = _next(current, target)
    raise UserError(f"{address}: more than {REDIRECTS} redirects; give another address with --from")


def _next(current: str, target: str) -> str:
    following = urljoin(current, target)
    check_address(following, f"{current}: redirects to what cannot be followed")
    if urlsplit(current).scheme == "https" and urlsplit(following).scheme == "http":
        raise UserError(f"{current}: redirects from https to {following!r}, where anyone on the way could change it")
    return following


def _answer(
    session: requests.Session, address: str, headers: Mapping[str, str], timeouts: Timeouts
) -> requests.Response:
    try:
        return session.get(
            address,
            headers=dict(headers),
            stream=True,
            allow_redirects=False,
            timeout=(timeouts.connect, timeouts.read),
        )
    except requests.exceptions.SSLError as error:
        raise UserError(f"{address}: no secure connection: {_reason(error)}") from error
    except requests.Timeout as error:
        raise PassingError(f"{address}: no answer in time") from error
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise PassingError(f"{address}: cannot be reached: {_reason(error)}") from error
    except (requests.RequestException, ValueError) as error:
        raise UserError(f"{address}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The innermost cause of an error, which says it in plain words, and may have words of the server's."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return one_line(str(getattr(error, "strerror", None) or error) or type(error).__name__)


def one_line(text: str) -> str:
    """Words of a server's, on one line, and not too many."""
    return printable(" ".join(text.split()))[:LONGEST_WORDS]
