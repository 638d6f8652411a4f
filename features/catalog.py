"""Every signal: name, group, unit, meaning in English and Russian. The reference in docs/signals.md is generated from it.

A signal is live when the tables it needs are there; otherwise it is absent, not zero.
"""

from collections.abc import Mapping
from typing import Final

from features.client_catalog import CLIENT_SIGNALS
from features.deal_catalog import DEAL_SIGNALS
from features.signal import GROUPS, Group, Signal, live

__all__ = ["CLIENT_SIGNALS", "DEAL_SIGNALS", "GROUPS", "SIGNALS", "Group", "Signal", "live"]

SIGNALS: Final[Mapping[str, Signal]] = {signal.name: signal for signal in (*DEAL_SIGNALS, *CLIENT_SIGNALS)}
