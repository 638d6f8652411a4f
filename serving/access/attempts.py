"""How often a login may fail: a key cannot be guessed, but whoever tries costs work and fills the audit log.

Counted are failures, in a moving window, by address (of IPv6 the network) and in all; in each worker's memory.
"""

import ipaddress
import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

BY_ADDRESS: Final = RateLimitItemPerMinute(10, 5)
IN_ALL: Final = RateLimitItemPerMinute(200, 5)
_NETWORK: Final = 64


class Attempts:
    """The failed logins of the last minutes."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait(self, address: str) -> int:
        """Seconds until this address may try again, 0: now."""
        waits = [self._until_free(item, *key) for item, key in _keys(address) if not self._limiter.test(item, *key)]
        return max(waits, default=0)

    def failed(self, address: str) -> None:
        """Count a failure."""
        for item, key in _keys(address):
            self._limiter.hit(item, *key)

    def _until_free(self, item: RateLimitItemPerMinute, *key: str) -> int:
        return max(1, math.ceil(self._limiter.get_window_stats(item, *key).reset_time - time.time()))


def _keys(address: str) -> tuple[tuple[RateLimitItemPerMinute, tuple[str, ...]], ...]:
    return (BY_ADDRESS, ("login", _place(address))), (IN_ALL, ("logins",))


def _place(address: str) -> str:
    """Who has one IPv6 address has a whole network of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, _NETWORK), strict=False)) if found.version == 6 else address
