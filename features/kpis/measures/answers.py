"""What clients say: NPS, CSAT and CES, each on the one scale that it is defined for; answers on another scale are refused."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features import clock
from features.clock import Floats, Mask
from features.kpis.grid import Coded
from features.kpis.interval import mean_interval, promoter_interval, wilson
from features.kpis.sheet import Sheet, ratio
from features.kpis.value import Cells

SCALES: Final = {"nps": (0.0, 10.0), "csat": (1.0, 5.0), "ces": (1.0, 7.0)}
PROMOTER: Final = 9.0
DETRACTOR: Final = 6.0
SATISFIED: Final = 4.0
POINTS: Final = 100.0


@dataclass(frozen=True)
class _Answers:
    """Answers of one kind: `on_scale` those that count, `off_scale` those that are refused."""

    coded: Coded
    score: Floats
    on_scale: Mask
    off_scale: Mask


def nps(sheet: Sheet, _variant: str) -> Cells:
    answers = _answers(sheet, "nps")
    n = answers.coded.count(answers.on_scale)
    above = answers.coded.count(answers.on_scale & (answers.score >= PROMOTER))
    below = answers.coded.count(answers.on_scale & (answers.score <= DETRACTOR))
    low, high = promoter_interval(above, below, n)
    beside = {"promoters": ratio(above, n), "detractors": ratio(below, n)}
    return _told(sheet, answers, POINTS * ratio(above - below, n), n, above - below, (POINTS * low, POINTS * high), beside)


def csat(sheet: Sheet, variant: str) -> Cells:
    if variant == "mean":
        return _mean(sheet, "csat")
    answers = _answers(sheet, "csat")
    n, satisfied = (answers.coded.count(answers.on_scale & mask) for mask in (answers.on_scale, answers.score >= SATISFIED))
    return _told(sheet, answers, ratio(satisfied, n), n, satisfied, wilson(satisfied, n), {})


def ces(sheet: Sheet, variant: str) -> Cells:
    """`effort`: the question was how hard it was, so that a high score is a bad one; it is given as 8 - mean."""
    mean = _mean(sheet, "ces")
    if variant != "effort":
        return mean
    low, high = SCALES["ces"]
    turned = low + high
    return Cells(**{**vars(mean), "value": turned - mean.value, "low": turned - mean.high, "high": turned - mean.low})


def _mean(sheet: Sheet, kind: str) -> Cells:
    answers = _answers(sheet, kind)
    total, n = answers.coded.total(answers.score, answers.on_scale), answers.coded.count(answers.on_scale)
    mean = ratio(total, n)
    spread = mean_interval(n, mean, answers.coded.total(answers.score**2, answers.on_scale), *SCALES[kind])
    return _told(sheet, answers, mean, n, total, spread, {})


def _told(
    sheet: Sheet,
    answers: _Answers,
    value: Floats,
    n: Floats,
    above: Floats,
    interval: tuple[Floats, Floats],
    beside: dict[str, Floats],
) -> Cells:
    refused = answers.coded.count(answers.off_scale)
    return sheet.answer(
        "surveys",
        value,
        n=n,
        numerator=above,
        denominator=n,
        interval=interval,
        rules=(((n == 0) & (refused > 0), "other_scale"),),
        excluded={"other_scale": refused},
        beside=beside,
    )


def _answers(sheet: Sheet, kind: str) -> _Answers:
    frame, snapshot = sheet.snapshot.dataset.tables["surveys"], sheet.snapshot
    of_kind = np.asarray(frame["kind"] == kind) & snapshot.known_rows("surveys")
    low, high = SCALES[kind]
    on_scale = of_kind & np.asarray((frame["scale_min"] == low) & (frame["scale_max"] == high))
    if "survey leaves" not in sheet.facts.cache:
        sheet.facts.cache["survey leaves"] = sheet.facts.places.answers(frame, snapshot.dataset.clients_of("surveys"))
    leaf = sheet.facts.cache["survey leaves"]
    coded = sheet.grid.coded(clock.to_micros(frame["answered_at"]), leaf, of_kind)
    return _Answers(coded, frame["score"].to_numpy(dtype=np.float64), on_scale, of_kind & ~on_scale)
