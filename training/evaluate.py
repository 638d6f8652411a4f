"""Is the model any good: every question's metrics on later time, each with its interval, against the baselines, slice by slice.

`examine` turns a trial into plain tables; what a table's column means stands beside it in the HTML page (`training.report`) and
in docs/evaluation.md. Intervals draw whole accounts (`training.resampling`); beside them stand the lowest and the highest value
of any calendar month, because the deals of one month share its shocks. Where there is too little to tell, a line says so, and no
number pretends otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from features import clock
from features.clock import Floats
from features.history import Rows
from training import metrics, weighted
from training.answered import TOO_SMALL, Answered, Months, answer, too_small
from training.contests import Contest, contests
from training.metrics import Flags
from training.resampling import Interval, intervals
from training.slices import in_order
from training.trial import BASE_RATE, MODEL, Trial

NOTHING: Final = Interval(float("nan"))


@dataclass(frozen=True)
class RegimeReport:
    """How well one regime's model does on later time.

    unjudged     why there is no test at all, "" where there is
    answered     one for each question
    contests     the paired comparisons that the promotion rule reads
    concordance  C-index of the order in which units of the same day had the event
    slices       one row a slice and value, for the main question
    main         key of the main question
    """

    regime: str
    unjudged: str = ""
    boosted: bool = False
    taught_until: pd.Timestamp | None = None
    n_taught: int = 0
    n_rows: int = 0
    n_clusters: int = 0
    answered: tuple[Answered, ...] = ()
    contests: tuple[Contest, ...] = ()
    concordance: Interval = NOTHING
    slices: pd.DataFrame = field(default_factory=pd.DataFrame)
    main: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def main_answer(self) -> Answered:
        """The main question if it can be judged, else the first that can."""
        judged = [each for each in self.answered if each.estimates]
        return next((each for each in judged if each.key == self.main), judged[0])


@dataclass(frozen=True)
class Report:
    """A whole evaluation; `facts` are the fingerprint, versions, settings and seeds it belongs to."""

    target: str
    as_of: pd.Timestamp
    regimes: tuple[RegimeReport, ...]
    facts: Mapping[str, str]


def examine(trial: Trial | str, regime: str, timezone: str, seed: int) -> RegimeReport:
    """All tables of one regime's trial; a sentence in place of a trial says why there is none."""
    if isinstance(trial, str):
        return RegimeReport(regime, unjudged=trial)
    months = _months(trial, timezone)
    answered = tuple(answer(trial, question, months, seed) for question in trial.questions)
    main = f"{trial.asking.verb}_{trial.asking.main:g}d"
    judged = [each.key for each in answered if each.estimates]
    shown = main if main in judged else judged[0] if judged else main
    return RegimeReport(
        regime,
        "" if judged else "no row was watched long enough for any question",
        trial.boosted,
        trial.folds[0].starts_at,
        trial.n_taught,
        len(trial.rows),
        trial.clusters.n_present,
        answered,
        contests(trial, seed),
        _concordance(trial, seed),
        _slices(trial, shown, seed),
        shown,
        trial.missing,
    )


def _concordance(trial: Trial, seed: int) -> Interval:
    """Do units of the same day have the event in the order that the model says?"""
    asking = trial.asking
    key = f"{asking.verb}_{max(asking.horizons):g}d"
    said = trial.contestants[MODEL].of[key] * (-1.0 if asking.absence else 1.0)
    same_day = np.unique(trial.rows.as_of, return_inverse=True)[1]
    pairs = metrics.comparable_pairs(trial.rows.outcomes.days, trial.rows.outcomes.cause, same_day, asking.cause, seed=seed)
    if not len(pairs[0]):
        return Interval(float("nan"))
    return intervals({"c": weighted.concordance(said, pairs)}, trial.clusters, seed)["c"][0]


def _slices(trial: Trial, key: str, seed: int) -> pd.DataFrame:
    """The main question in each slice: how the model does there, and whether it still beats the base rate."""
    (question,) = (each for each in trial.questions if each.key == key)
    rows = question.eligible(trial.rows.outcomes)
    if not rows.any() or trial.sliced.empty:
        return pd.DataFrame()
    happened, sliced = question.happened(trial.rows.outcomes)[rows], trial.sliced[rows].reset_index(drop=True)
    named = [(name, value) for name in sliced for value in in_order(sliced[name].unique())]
    inside = np.column_stack([(sliced[name] == value).to_numpy() for name, value in named])
    said, base = (trial.contestants[name].of[key][rows] for name in (MODEL, BASE_RATE))
    loss, base_loss = (metrics.surprise(np.where(happened, each, 1.0 - each)) for each in (said, base))
    members = inside.astype(np.float64)
    statistics = {"log_loss": weighted.mean_in(loss, members), "gap": weighted.mean_in(loss - base_loss, members)}
    drawn = intervals(statistics, trial.clusters.take(rows), seed)
    units, clusters = trial.rows.signals.index[rows], trial.clusters.of_row[rows]
    lines = []
    for place, (name, value) in enumerate(named):
        here = inside[:, place]
        line = {"slice": name, "value": value, **_in_slice(happened[here], said[here], units[here], clusters[here])}
        if not line["caution"]:
            line |= {"log_loss": drawn["log_loss"][place].value, "auc": metrics.auc(happened[here], said[here])}
            gap = drawn["gap"][place]
            line |= {"gap": gap.value, "low": gap.low, "high": gap.high}
        lines.append(line)
    shown = ["slice", "value", "n_rows", "n_units", "observed", "predicted", "log_loss", "auc", "gap", "low", "high", "caution"]
    return pd.DataFrame(lines).reindex(columns=shown)


def _in_slice(happened: Flags, said: Floats, units: "pd.Index[str]", clusters: Rows) -> dict[str, object]:
    small = too_small(len(np.unique(clusters)), happened, units)
    counts = {"n_rows": len(happened), "n_units": units.nunique()}
    return {**counts, "observed": happened.mean(), "predicted": said.mean(), "caution": TOO_SMALL if small else ""}


def _months(trial: Trial, timezone: str) -> Months:
    """The calendar month of each row's as_of, such as 2026-03."""
    moments, which = np.unique(trial.rows.as_of, return_inverse=True)
    names = [f"{clock.instant(int(moment)).tz_convert(timezone):%Y-%m}" for moment in moments]
    return np.array(names, dtype=object)[which]
