"""What the page of a deal or client shows of its reasons: laid out as a bridge from the typical one to this one.

Reference and points are shown with one digit, so that a reader can add them up; bars start in the middle, to the right where a
group adds and to the left where it takes away, and the longest fills its half.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from serving.language import Tongue
from serving.scoring.wording import Wording
from serving.served.state import Served

HORIZONS: Final[Mapping[str, float]] = {"30": 30.0, "90": 90.0, "ever": np.inf}
QUARTER: Final = "quarter"
HALF: Final = 50.0


@dataclass(frozen=True)
class Line:
    """One group: its name, its points, the bar (start and width of 100), and its signals in words."""

    group: str
    points: str
    start: float
    width: float
    adds: bool
    signals: list[str]


@dataclass(frozen=True)
class Why:
    """The reasons for one answer.

    horizon   which of the offered horizons is shown; `choices` are (its name, its label), empty where there is but one
    question  what is asked, and `answer` and `reference` the two ends of the bridge
    lines     the groups that make a difference
    idle      one sentence on those that make none, None where all of them do
    """

    horizon: str
    choices: Sequence[tuple[str, str]]
    question: str
    answer: str
    reference: str
    reference_name: str
    lines: list[Line]
    idle: str | None


def chosen(asked: str | None) -> str:
    """The horizon that an address asks for; the running quarter for anything else."""
    return asked if asked is not None and asked in HORIZONS else QUARTER


def why_deal(served: Served, tongue: Tongue, horizon: str, reasons: Mapping[str, Any]) -> Why:
    """Lay out the reasons of a deal at one of the offered horizons."""
    choices = [(name, _label(tongue, name)) for name in (QUARTER, *HORIZONS)]
    return _why(served, tongue, reasons, _question(served, tongue, horizon), horizon, choices)


def why_client(served: Served, tongue: Tongue, reasons: Mapping[str, Any]) -> Why:
    """Lay out the reasons of a client at the organisation's horizon."""
    within = tongue.count("summary.within", served.dataset.organisation.client_horizon_days)
    return _why(served, tongue, reasons, tongue.text("clients.p_leaves", within=within))


def _why(
    served: Served,
    tongue: Tongue,
    reasons: Mapping[str, Any],
    question: str,
    horizon: str = "",
    choices: Sequence[tuple[str, str]] = (),
) -> Why:
    words = Wording(tongue, served.dataset.organisation.currency, served.dataset.custom)
    largest = max((abs(item["contribution"]) for item in reasons["items"]), default=0.0) or 1.0
    answer, reference = (tongue.percent(p, digits=1) for p in (reasons["score"], reasons["reference"]["p"]))
    lines = [_line(words, item, largest) for item in reasons["items"] if item["contribution"]]
    idle = [item[tongue.language] for item in reasons["items"] if not item["contribution"]]
    return Why(
        horizon, choices, question, answer, reference, reasons["reference"][tongue.language], lines, _idle(tongue, lines, idle)
    )


def _idle(tongue: Tongue, lines: Sequence[Line], groups: Sequence[str]) -> str | None:
    """What is said of the groups that make no difference."""
    if not groups:
        return None
    return tongue.text("why.idle", groups=", ".join(groups)) if lines else tongue.text("why.all_alike")


def _line(words: Wording, item: Mapping[str, Any], largest: float) -> Line:
    contribution, language = item["contribution"], words.tongue.language
    width = HALF * abs(contribution) / largest
    start = HALF if contribution > 0 else HALF - width
    said = [signal[language] for signal in item["signals"]]
    return Line(item[language], words.points(contribution), start, width, contribution > 0, said)


def _label(tongue: Tongue, horizon: str) -> str:
    days = HORIZONS.get(horizon, 0.0)
    return tongue.count("deal.days", int(days)) if 0 < days < np.inf else tongue.text(f"why.{horizon}")


def _question(served: Served, tongue: Tongue, horizon: str) -> str:
    if horizon == QUARTER:
        quarter = served.dataset.organisation.calendar.quarter(served.as_of).label
        return tongue.text("why.question_quarter", quarter=tongue.quarter(quarter))
    days = HORIZONS[horizon]
    return tongue.count("why.question_days", int(days)) if days < np.inf else tongue.text("why.question_ever")
