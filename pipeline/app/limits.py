"""What a visitor may ask for, so that none can take the server from the others."""

from dataclasses import dataclass

BODY_SECONDS = 30.0
"""in which a request's body must have come"""
HEAD_SECONDS = 10.0
"""in which its first lines must have come"""
CONNECTIONS = 512
"""open at once"""
CONNECTIONS_EACH = 128
"""of one address, so that none can hold all of them"""
BUSY_SECONDS = 2
"""after which there may be room again"""


@dataclass(frozen=True)
class Limits:
    """What is refused.

    Attributes:
        bytes: of a request's body, at most; more is answered 413.
        seconds: of a recording, at most; more is answered 413.
        concurrency: recordings that are worked on at once.
        waiting: recordings that have come and wait for their turn; one more is answered 503.
        per_minute: requests that cost work, of one address; more are answered 429. None for any number.
    """

    bytes: int = 25 << 20
    seconds: float = 60.0
    concurrency: int = 2
    waiting: int = 64
    per_minute: int | None = 60

    @property
    def arriving(self) -> int:
        """Bytes of all bodies that arrive at once, at most: of the largest, as many as there are places."""
        return self.bytes * (self.concurrency + self.waiting)
