"""One question and how well it was answered: its metrics with intervals, month by month, and against the baselines.

Where there is too little to tell, a line says so, and no number pretends otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest

from features.clock import Floats, Mask
from features.history import Rows
from training import metrics, weighted
from training.calibrate import calibration_table
from training.contests import loss_margin
from training.metrics import Flags
from training.questions import Question
from training.resampling import Interval, intervals
from training.trial import BASE_RATE, CHAMPION, CRM, LIFE_TABLE, MODEL, UNCALIBRATED, Trial

SHARES: Final = np.arange(1, 11) / 10
FEWEST_ENDS: Final = 5
FEWEST_CLUSTERS: Final = 20
TOO_SMALL: Final = f"too small: fewer than {FEWEST_CLUSTERS} accounts, or fewer than {FEWEST_ENDS} with or without the event"
PARTS: Final = ("reliability", "resolution", "uncertainty")
MIRRORED: Final = MappingProxyType({"reliability": 1, "resolution": 1, "ece": 2})
BASELINES: Final = (LIFE_TABLE, BASE_RATE, UNCALIBRATED, CHAMPION, CRM)

Estimates: TypeAlias = Mapping[str, Interval]
Months: TypeAlias = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Answered:
    """One question and how well it was answered.

    estimates    metric -> value and interval: log_loss, brier, reliability, resolution, uncertainty, ece, auc, lift_10, lift_20,
                 observed, predicted; empty where no row was watched long enough
    periods      one row a month of as_of: rows, observed, predicted, log_loss, brier, ece, auc
    against      one row a baseline: n_rows, its log_loss, brier and auc, the difference of the log loss with its interval
    reliability  one row a bin: n_rows, predicted, observed, low, high
    gains        one row a share of the ranked rows: gained, low, high, life_table
    calibration  one row for all rows, each stage and each month: n_rows, observed, uncalibrated, calibrated
    caution      why the numbers say little, "" where they do not
    """

    key: str
    label: str
    note: str
    n_rows: int
    n_units: int
    n_clusters: int
    n_events: int
    estimates: Estimates
    periods: pd.DataFrame
    against: pd.DataFrame
    reliability: pd.DataFrame
    gains: pd.DataFrame
    calibration: pd.DataFrame
    caution: str = ""

    def spread(self, metric: str) -> tuple[float, float]:
        """The lowest and highest value of any month, NaN where no month has one."""
        if metric not in self.periods or self.periods[metric].isna().all():
            return float("nan"), float("nan")
        return float(self.periods[metric].min()), float(self.periods[metric].max())


def answer(trial: Trial, question: Question, months: Months, seed: int) -> Answered:
    """Judge one question; `months` names the calendar month of each test row's as_of."""
    rows = question.eligible(trial.rows.outcomes) & ~np.isnan(trial.contestants[MODEL].of[question.key])
    happened = question.happened(trial.rows.outcomes)[rows]
    units = trial.rows.signals.index[rows]
    clusters = trial.clusters.take(rows)
    counts = (int(rows.sum()), int(units.nunique()), clusters.n_present, int(units[happened].nunique()))
    if not rows.any():
        blank = pd.DataFrame()
        named = question.key, question.label, question.note
        return Answered(*named, *counts, {}, blank, blank, blank, blank, blank, "no row was watched for it")
    said = trial.contestants[MODEL].of[question.key][rows]
    estimates, reliability, gains = _measured(happened, said, trial, rows, question.key, seed)
    return Answered(
        question.key,
        question.label,
        question.note,
        *counts,
        estimates,
        _by_month(happened, said, months[rows]),
        _against(trial, question, rows, happened, seed),
        reliability,
        gains,
        _calibration(trial, question.key, rows, happened, months[rows]),
        TOO_SMALL if too_small(clusters.n_present, happened, units) else "",
    )


def _calibration(trial: Trial, key: str, rows: Mask, happened: Flags, months: Months) -> pd.DataFrame:
    """What the correction of the hazards did, for all rows, by stage where there are stages, and by month."""
    stages = {"stage": trial.sliced["stage"][rows].to_numpy(dtype=object)} if "stage" in trial.sliced else {}
    before, after = (trial.contestants[name].of[key][rows] for name in (UNCALIBRATED, MODEL))
    return calibration_table({**stages, "month": months}, happened, before, after)


def _measured(
    happened: Flags, said: Floats, trial: Trial, rows: Mask, key: str, seed: int
) -> tuple[Estimates, pd.DataFrame, pd.DataFrame]:
    """Every metric of one question with its interval, the reliability table and the gains, from the same draws."""
    bins, parts = metrics.bins_of(said), weighted.brier_parts(happened, said)
    drawn = intervals(
        {
            "log_loss": weighted.log_loss(happened, said),
            "brier": weighted.brier(happened, said),
            "ece": weighted.calibration_error(happened, said),
            "auc": weighted.auc(happened, said),
            "observed": weighted.mean(happened.astype(np.float64)),
            "predicted": weighted.mean(said),
            **{name: weighted.part(parts, place) for place, name in enumerate(PARTS)},
            "gains": weighted.gains(happened, said, SHARES),
            "bins": weighted.observed_by_bin(happened, bins),
        },
        trial.clusters.take(rows),
        seed,
        mirrored=MIRRORED,
    )
    estimates = {name: drawn[name][0] for name in ("log_loss", "brier", *PARTS, "ece", "auc", "observed", "predicted")}
    estimates |= {
        f"lift_{share:.0%}".rstrip("%"): _scaled(drawn["gains"][place], 1 / share) for place, share in ((0, 0.1), (1, 0.2))
    }
    n_rows = np.bincount(bins)
    reliability = pd.DataFrame({"n_rows": n_rows, "predicted": np.bincount(bins, said) / n_rows})
    reliability = reliability.assign(**_columns(_never_or_always(drawn["bins"], bins, trial.clusters.of_row[rows]), "observed"))
    life_table = metrics.gains(happened, trial.contestants[LIFE_TABLE].of[key][rows], SHARES)
    gains = pd.DataFrame({"share": SHARES, **_columns(drawn["gains"], "gained"), "life_table": life_table})
    return estimates, reliability, gains


def _never_or_always(found: list[Interval], bins: Rows, clusters: Rows) -> list[Interval]:
    """No draw shows an event that no cluster had: there the exact interval stands, as if each cluster were one trial."""
    mended = []
    for place, each in enumerate(found):
        n = len(np.unique(clusters[bins == place]))
        seldom = float(binomtest(0, n).proportion_ci().high)
        never, always = Interval(0.0, 0.0, seldom), Interval(1.0, 1.0 - seldom, 1.0)
        mended.append(never if each.value == 0.0 else always if each.value == 1.0 else each)
    return mended


def _columns(found: list[Interval], name: str) -> dict[str, list[float]]:
    return {name: [each.value for each in found], "low": [each.low for each in found], "high": [each.high for each in found]}


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.value * factor, interval.low * factor, interval.high * factor)


def _by_month(happened: Flags, said: Floats, months: Months) -> pd.DataFrame:
    lines = []
    for month in np.unique(months):
        here = months == month
        one, other = happened[here], said[here]
        known = min(one.sum(), (~one).sum()) >= FEWEST_ENDS
        lines.append(
            {
                "period": month,
                "n_rows": int(here.sum()),
                "observed": float(one.mean()),
                "predicted": float(other.mean()),
                "log_loss": metrics.log_loss(one, other) if known else np.nan,
                "brier": metrics.brier(one, other) if known else np.nan,
                "ece": metrics.calibration_error(one, other) if known else np.nan,
                "auc": metrics.auc(one, other) if known else np.nan,
            }
        )
    return pd.DataFrame(lines)


def _against(trial: Trial, question: Question, rows: Mask, happened: Flags, seed: int) -> pd.DataFrame:
    """One line for each baseline that answers this question, on the rows that both answer."""
    lines = []
    for name in (name for name in BASELINES if name in trial.contestants):
        said = trial.contestants[name].of[question.key][rows]
        found = loss_margin(trial, MODEL, name, question.key, seed)
        if found is None:
            continue
        margin, n_rows = found
        gap = margin.gap
        answered = ~np.isnan(said)
        own = (happened[answered], said[answered])
        scores = {"log_loss": metrics.log_loss(*own), "brier": metrics.brier(*own), "auc": metrics.auc(*own)}
        lines.append({"baseline": name, "n_rows": n_rows, **scores, "gap": gap.value, "low": gap.low, "high": gap.high})
    return pd.DataFrame(lines)


def too_small(n_clusters: int, happened: Flags, units: "pd.Index[str]") -> bool:
    """Whether there is too little to tell: too few clusters, or too few units with or without the event."""
    ends = min(units[happened].nunique(), units[~happened].nunique())
    return n_clusters < FEWEST_CLUSTERS or ends < FEWEST_ENDS
