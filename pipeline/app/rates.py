"""How often an address may ask: a bucket that fills evenly, from which every request takes."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

MOST_CLIENTS = 10_000
"""remembered; of more, those are forgotten that have not asked for the longest time"""


class Rates:
    """Requests by address.

    Args:
        per_minute: how many an address may make in a minute, and at once after a minute of rest.
        clock: seconds that only grow.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._most, self._clock = float(per_minute), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """0 if a request may be made now, which counts it; else the seconds until one may be."""
        client, now = network(address), self._clock()
        left, then = self._buckets.pop(client, (self._most, now))
        left = min(self._most, left + (now - then) * self._most / 60)
        allowed = left >= 1
        self._buckets[client] = (left - 1 if allowed else left, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / self._most


def network(address: str) -> str:
    """What counts as one client: an address of IPv4, or the /64 of IPv6, which one subscriber has the whole of."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    return str(ipaddress.ip_network((known, 64), strict=False))
