"""Answers that are kept until something newer takes their place: the newest so many, each computed once.

Newest(6).get(key, compute)        two that ask the same wait for one computation
Answers().of(loaded).get(...)      as long as this state of data and models is served
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final

from serving.served.state import Loaded

KEPT: Final = 64
MOST_PEOPLE: Final = 50


@dataclass
class Newest:
    """The newest answers by key; one is computed at a time."""

    size: int
    held: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    one_at_a_time: threading.RLock = field(default_factory=threading.RLock)

    def holds(self, key: Hashable) -> bool:
        """Whether an answer is kept."""
        return key in self.held

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What is kept under a key, computed where nothing is. An error is not kept."""
        with self.one_at_a_time:
            if key not in self.held:
                self.held[key] = compute()
                while len(self.held) > self.size:
                    self.held.popitem(last=False)
            self.held.move_to_end(key)
            return self.held[key]


class Answers:
    """Answers about what is served, forgotten as soon as something else is."""

    def __init__(self, size: int = KEPT) -> None:
        self.size = size
        self._held: tuple[Loaded, dict[str | None, Newest]] | None = None

    def of(self, loaded: Loaded) -> Newest:
        """Those about one state of data, models and time, and for one who sees it."""
        held, whole = self._held, loaded.whole or loaded
        if held is None or held[0] is not whole or len(held[1]) > MOST_PEOPLE:
            held = (whole, {})
            self._held = held
        return held[1].setdefault(loaded.sight.user_id if loaded.sight else None, Newest(self.size))
