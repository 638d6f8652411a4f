"""What a curve is asked and can be held to: by a horizon, by the end of a period, at all.

One question has one answer for each row, and one truth for each row that was watched long enough. Worked example: a deal as of 2
March, watched until 1 April, won on 20 March. "Won within 14 days": watched 30 days, so it counts; not won by 16 March. "Within
60 days": it was not watched for 60 days, so it does not count, although its end is known. Counting it would keep the quick and
drop the slow. "This quarter" ends on 1 April: 30 days, it counts, and it was won.

"At all" is another matter: it takes the rows whose outcome is known and compares P(won) / (P(won) + P(lost)). That conditions on
the outcome being known by then, which favours the quick; every table says so.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features import clock
from features.calendar import FiscalCalendar
from features.clock import Floats, Mask, Micros
from training.curves import Curves
from training.labels import Outcomes
from training.metrics import Flags, surprise

HORIZONS: Final = (7.0, 14.0, 30.0, 60.0, 90.0)
THIS_PERIOD: Final = "this_period"
NEXT_PERIOD: Final = "next_period"
AT_ALL: Final = "at_all"
CONDITIONAL: Final = "among those whose outcome is known: quick ones are over-represented"


@dataclass(frozen=True)
class Asking:
    """What is asked of one regime.

    verb     "won", "left", "silent": names the questions
    cause    number of the event
    absence  whether the event's absence is what is asked for: silence is no order
    causes   how many ways to end there are
    horizons days, ascending
    main     the horizon whose slices are shown
    """

    verb: str
    cause: int = 1
    absence: bool = False
    causes: int = 1
    horizons: tuple[float, ...] = HORIZONS
    main: float = 30.0


@dataclass(frozen=True)
class Question:
    """A question to each row: does the event come in `[after, until)` days after its as_of?

    until  (rows,), infinite for "at all"
    """

    key: str
    label: str
    asking: Asking
    after: Floats
    until: Floats
    note: str = ""

    def of_rows(self, keep: Mask) -> "Question":
        """The same question to some of the rows."""
        return replace(self, after=self.after[keep], until=self.until[keep])

    def eligible(self, outcomes: Outcomes) -> Mask:
        """Which rows can be held against the truth: watched to the end of the window; for "at all", those that ended."""
        if self.key.endswith(AT_ALL):
            return np.asarray(outcomes.cause > 0)
        return np.asarray(outcomes.follow_up >= self.until)

    def happened(self, outcomes: Outcomes) -> Flags:
        """The truth of each row."""
        came = (outcomes.cause == self.asking.cause) & (outcomes.days >= self.after) & (outcomes.days < self.until)
        return np.asarray(came != self.asking.absence)

    def answers(self, curves: Curves) -> Floats:
        """The probability that a model gives each row."""
        by = curves.by(self.until, self.asking.cause) - curves.by(self.after, self.asking.cause)
        if self.key.endswith(AT_ALL):
            return np.asarray(by / sum(curves.by(np.inf, cause) for cause in range(1, self.asking.causes + 1)))
        return np.clip(1.0 - by if self.asking.absence else by, 0.0, 1.0)


def questions(asking: Asking, as_of: Micros, calendar: FiscalCalendar) -> tuple[Question, ...]:
    """Every question to rows with these as_of times, the horizons first."""
    now, never = np.zeros(len(as_of)), np.full(len(as_of), np.inf)
    verb = "no order" if asking.absence else asking.verb
    found = [
        Question(f"{asking.verb}_{days:g}d", f"{verb} within {days:g} days", asking, now, np.full(len(as_of), days))
        for days in asking.horizons
    ]
    this, following = (_period_ends(as_of, calendar, ahead) for ahead in (0, 1))
    found += [
        Question(f"{asking.verb}_{THIS_PERIOD}", f"{verb} this quarter", asking, now, this),
        Question(f"{asking.verb}_{NEXT_PERIOD}", f"{verb} next quarter", asking, this, following),
    ]
    if asking.causes > 1:
        found.append(Question(f"{asking.verb}_{AT_ALL}", f"{verb} at all", asking, now, never, CONDITIONAL))
    return tuple(found)


def horizons_watched(outcomes: Outcomes, horizons: tuple[float, ...]) -> Floats:
    """For how many of the horizons each row was watched, (rows,)."""
    return np.asarray(np.sum([outcomes.eligible(days) for days in horizons], axis=0, dtype=np.float64))


def curve_surprise(curves: Curves, outcomes: Outcomes, horizons: tuple[float, ...]) -> Floats:
    """How wrong each row's whole curve is: the sum of -log P(state at the horizon) over the horizons it was watched for.

    The state is: still there, or ended by one of the causes. Divided by the number of horizons that
    count (`horizons_watched`) it is a proper score of the curve, 0 at best (a logarithmic version of the integrated Brier score
    of Graf et al. 1999).
    """
    total = np.zeros(len(outcomes.days))
    for days in horizons:
        given = curves.still(days)
        for cause in range(1, curves.incidence.shape[2] + 1):
            given = np.where(outcomes.within(days, cause), curves.by(days, cause), given)
        total += np.where(outcomes.eligible(days), surprise(given), 0.0)
    return total


def _period_ends(as_of: Micros, calendar: FiscalCalendar, ahead: int) -> Floats:
    """Days to the end of each row's fiscal quarter, or of a later one."""
    moments, which = np.unique(as_of, return_inverse=True)
    ends = [clock.micros(calendar.quarter(clock.instant(int(moment)), ahead).end) for moment in moments]
    return np.asarray(clock.days_between(moments, np.array(ends, dtype=np.int64))[which])


def asking_of(regime: str, client_horizon_days: float) -> Asking:
    """What is asked of the regimes: deals are won, clients under contract leave, clients who order fall silent."""
    if regime == "deals":
        return Asking("won", causes=2)
    horizons = tuple(sorted({*HORIZONS, float(client_horizon_days)}))
    if regime == "orders":
        return Asking("silent", absence=True, horizons=horizons, main=float(client_horizon_days))
    return Asking("left", horizons=horizons, main=float(client_horizon_days))
