"""A report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

The page is made to be mailed and read in a meeting: first who may answer and why, then what each question's numbers are, then
where the model is weak. Every number stands beside its 95 % interval and its spread over the months; a number that says little
says so.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from training import figures
from training.answered import Answered
from training.evaluate import RegimeReport, Report
from training.promote import Verdict
from training.resampling import Interval

METRICS: Final[Mapping[str, str]] = {
    "log_loss": "log loss",
    "brier": "Brier score",
    "reliability": "– reliability",
    "resolution": "– resolution",
    "uncertainty": "– uncertainty",
    "ece": "calibration error",
    "auc": "AUC",
    "lift_10": "lift, best 10 %",
    "lift_20": "lift, best 20 %",
    "observed": "observed frequency",
    "predicted": "mean prediction",
}
BASELINE_NAMES: Final[Mapping[str, str]] = {
    "life_table": "life table",
    "base_rate": "base rate",
    "uncalibrated": "the model before its calibration",
    "champion": "present champion",
    "crm": "the CRM's own probability",
}
ANSWERERS: Final[Mapping[str, str]] = {
    "boosted": "the boosted model",
    "life_table": "the life table",
    "base_rate": "the base rate",
}


Drawn = Mapping[str, Mapping[str, Markup]]
"""Regime -> name of a figure -> its SVG."""


def write(report: Report, verdict: Verdict, folder: Path) -> Path:
    """Write `report.html` and, under `figures/`, each of its pictures by itself; returns the page."""
    drawn = draw(report)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for regime, pictures in drawn.items():
        for name, svg in pictures.items():
            (folder / "figures" / f"{regime}_{name}.svg").write_text(svg, encoding="utf-8")
    page = folder / "report.html"
    page.write_text(html(report, verdict, drawn), encoding="utf-8")
    return page


def html(report: Report, verdict: Verdict, drawn: Drawn | None = None) -> str:
    """The page. It holds the figures as SVG, so it can be kept as one file."""
    pictures = draw(report) if drawn is None else drawn
    return _environment().get_template("report.html").render(report=report, verdict=verdict, drawn=pictures)


def draw(report: Report) -> Drawn:
    """Every figure of a report."""
    return {each.regime: _figures(each) for each in report.regimes if not each.unjudged}


def tables(report: Report) -> dict[str, pd.DataFrame]:
    """The report as a few plain tables: metrics, baselines, reliability, gains, months and slices, one row a line of the page."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for regime in report.regimes:
        for each in (each for each in regime.answered if each.estimates):
            found = {
                "metrics": metric_table(each),
                "baselines": each.against,
                "reliability": each.reliability,
                "gains": each.gains,
                "months": each.periods,
                "calibration": each.calibration,
            }
            for name, table in found.items():
                parts.setdefault(name, []).append(_marked(table, regime=regime.regime, question=each.key))
        if not regime.slices.empty:
            parts.setdefault("slices", []).append(_marked(regime.slices, regime=regime.regime, question=regime.main))
    return {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}


def metric_table(answered: Answered) -> pd.DataFrame:
    """One row a metric: value, interval, lowest and highest month (NaN where months are too small, or the metric has none)."""
    rows = [
        {"metric": name, "value": each.value, "low": each.low, "high": each.high, **_spread(answered, name)}
        for name, each in answered.estimates.items()
    ]
    return pd.DataFrame(rows)


def numbers(report: Report) -> dict[str, float]:
    """Every metric with its interval under a flat name, such as `deals_won_30d_auc` and `deals_won_30d_auc_low`."""
    found: dict[str, float] = {}
    for regime in report.regimes:
        for each in regime.answered:
            for name, interval in each.estimates.items():
                found |= _flat(f"{regime.regime}_{each.key}_{name}", interval)
            for line in each.against.to_dict("records"):
                gap = Interval(line["gap"], line["low"], line["high"])
                found |= _flat(f"{regime.regime}_{each.key}_gap_to_{line['baseline']}", gap)
        found |= _flat(f"{regime.regime}_c_index", regime.concordance)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def headline(regime: RegimeReport) -> str:
    """One line for a terminal: the main question's log loss and AUC beside the base rate's."""
    if regime.unjudged:
        return f"{regime.regime}: not judged, {regime.unjudged}"
    main = regime.main_answer
    base = main.against.set_index("baseline").loc["base_rate"]
    found = [f"log loss {interval(main.estimates['log_loss'])} (base rate {base['log_loss']:.3f})"]
    found.append(f"AUC {interval(main.estimates['auc'])}")
    caution = f"; {main.caution}" if main.caution else ""
    return f"{regime.regime}: {main.label}: {', '.join(found)}; {main.n_rows:,} rows of {main.n_clusters:,} accounts{caution}"


def interval(found: Interval, digits: int = 3) -> str:
    """`0.174 [0.151, 0.196]`; the value alone where there is no interval, a dash where there is no value."""
    if np.isnan(found.value):
        return "–"
    value, low, high = (f"{each:.{digits}f}" for each in (found.value, found.low, found.high))
    return value if np.isnan(found.low) else f"{value} [{low}, {high}]"


def _figures(regime: RegimeReport) -> dict[str, Markup]:
    judged = [each for each in regime.answered if each.estimates]
    drawn = {each.key: figures.reliability_and_gains(each) for each in judged}
    drawn |= {"gaps": figures.gaps(regime), "months": figures.by_month(regime.main_answer)}
    # Ids inside one SVG would meet those of the next on the same page.
    return {name: Markup(_own_ids(svg, f"{regime.regime}_{name}")) for name, svg in drawn.items()}


def _own_ids(svg: str, prefix: str) -> str:
    for opening in ('id="', "url(#", 'href="#'):
        svg = svg.replace(opening, f"{opening}{prefix}_")
    return svg


def _spread(answered: Answered, metric: str) -> dict[str, float]:
    low, high = answered.spread(metric)
    return {"lowest_month": low, "highest_month": high}


def _marked(table: pd.DataFrame, **marks: str) -> pd.DataFrame:
    marked = table.copy()
    for place, (name, value) in enumerate(marks.items()):
        marked.insert(place, name, value)
    return marked


def _flat(name: str, found: Interval) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _number(value: float, digits: int = 3) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:,.{digits}f}".replace("-", "−")


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f} %"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: dict[str, Any] = {"number": _number, "percent": _percent, "interval": interval}
    environment.filters |= shown
    environment.globals |= {
        "METRICS": METRICS,
        "BASELINES": BASELINE_NAMES,
        "ANSWERERS": ANSWERERS,
        "metric_table": metric_table,
        "headline": headline,
    }
    return environment
