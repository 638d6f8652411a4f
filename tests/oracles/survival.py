"""Curves of groups by going along them, event by event."""

from math import exp, inf, isnan, log, nan, sqrt
from typing import TypeAlias

Row: TypeAlias = tuple[int, float, int, float]
"""Group (-1: none), exit, cause (0: censored), entry."""


def steps(rows: list[Row], group: int | None) -> list[tuple[float, int, list[int]]]:
    """At each time at which something ends in a group (None: in the whole): who is at risk, how many end by each cause."""
    own = [row for row in rows if row[0] >= 0 and row[3] < row[1] and group in (None, row[0])]
    times = sorted({exits for _, exits, cause, _ in own if cause})
    return [
        (
            t,
            sum(entry < t <= exits for _, exits, _, entry in own),
            [sum(exits == t and cause == k for _, exits, cause, _ in own) for k in (1, 2)],
        )
        for t in times
    ]


def median(rows: list[Row], group: int) -> tuple[float, float, float]:
    """Kaplan-Meier median and its log-log limits."""
    left, greenwood, found = 1.0, 0.0, {"at": nan, "past": nan, "low": nan, "high": nan}
    for t, n, ended in steps(rows, group):
        d = sum(ended)
        left *= (n - d) / n
        greenwood += d / (n * (n - d)) if d < n else inf
        reached = {"at": left <= 0.5 + 1e-9, "past": left < 0.5 - 1e-9}
        if left > 0:
            spread = 1.959963984540054 * sqrt(greenwood) / -log(left)
            reached |= {"low": left ** exp(spread) <= 0.5, "high": left ** exp(-spread) <= 0.5}
        for name, is_reached in reached.items():
            found[name] = t if is_reached and isnan(found[name]) else found[name]
    middle = found["at"] if isnan(found["past"]) else (found["at"] + found["past"]) / 2
    return middle, found["low"], found["high"]


def shares(rows: list[Row], group: int, horizon: float = inf, prior: float = 0.0) -> list[float]:
    """Ended by the horizon by each cause: at each time of the whole, borrowed rows join those at risk."""
    own = {t: (n, ended) for t, n, ended in steps(rows, group)}
    left, whole_left, ended_by = 1.0, 1.0, [0.0, 0.0]
    for t, n_whole, ended_whole in steps(rows, None):
        at_risk = sum(g == group and entry < t <= exits for g, exits, _, entry in rows)
        borrowed, ended = prior * whole_left, own.get(t, (0, [0, 0]))[1]
        n = at_risk + borrowed
        hazards = [(d + borrowed * w / n_whole) / n if n else 0.0 for d, w in zip(ended, ended_whole, strict=True)]
        if t <= horizon:
            ended_by = [total + left * hazard for total, hazard in zip(ended_by, hazards, strict=True)]
            left *= 1 - sum(hazards)
        whole_left *= 1 - sum(ended_whole) / n_whole
    return ended_by
