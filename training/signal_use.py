"""Which signals a run learned from, and why not from the others: a table that the source lacks, a past too young, a constant.

A signal whose table is absent is absent, not zero, and the model trains without it. So every signal of the catalog, and every
custom column, is in one of three states:

* `live`: the model learned from it;
* `not learned`: it is in the matrix, and `training.encoding` found a reason not to learn from it;
* `absent`: it is not in the matrix, because the source has no such table.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from features import catalog
from features.signal import Signal
from training.bundle import Bundle
from training.encoding import ABSENT, LIVE, NOT_LEARNED, Encoding, SignalUse


def signal_uses(encoding: Encoding, signals: Iterable[Signal], tables: Iterable[str]) -> tuple[SignalUse, ...]:
    """Every signal of a catalog in its order, then the custom ones: what became of it in a fitted model.

    `tables` are those that the source has.
    """
    there, seen = set(tables), {use.name: use for use in encoding.uses}
    catalogued = list(signals)
    listed = [seen.get(signal.name) or SignalUse(signal.name, ABSENT, _lacking(signal, there)) for signal in catalogued]
    names = {signal.name for signal in catalogued}
    return (*listed, *(use for use in encoding.uses if use.name not in names))


def catalog_of(regime: str) -> tuple[Signal, ...]:
    """The signals that a regime may have."""
    return catalog.DEAL_SIGNALS if regime == "deals" else catalog.CLIENT_SIGNALS


def uses_of(bundle: Bundle, regime: str) -> tuple[SignalUse, ...]:
    """What a bundle's run recorded of the signals of one regime; empty for a bundle from before they were recorded."""
    return tuple(SignalUse(**use) for use in bundle.meta.get("signals", {}).get(regime, ()))


def to_json(uses: Iterable[SignalUse]) -> list[dict[str, Any]]:
    return [{"name": use.name, "state": use.state, "reason": use.reason} for use in uses]


def summary(uses: Sequence[SignalUse]) -> str:
    """One line: `signals: 118 of 135 live; 9 absent (no tickets table); 8 not learned from (the same in all rows)`."""
    parts = [f"signals: {sum(use.state == LIVE for use in uses)} of {len(uses)} live"]
    for state, words in ((ABSENT, "absent"), (NOT_LEARNED, "not learned from")):
        reasons = Counter(use.reason for use in uses if use.state == state)
        if reasons:
            told = ", ".join(reason if len(reasons) == 1 else f"{n} {reason}" for reason, n in reasons.most_common())
            parts.append(f"{reasons.total()} {words} ({told})")
    return "; ".join(parts)


def _lacking(signal: Signal, there: set[str]) -> str:
    missing = [table for table in signal.tables if table not in there]
    return f"no {' and no '.join(missing)} table" if missing else "the source tells nothing of it"
