"""The pictures of a report, as SVG text: matplotlib's figures drawn directly, without pyplot and its global list of figures.

The same numbers give the same bytes: ids inside the SVG are salted with a constant, and no date is written into it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from training.answered import Answered
from training.evaluate import RegimeReport
from training.trial import BASE_RATE, LIFE_TABLE

MODEL_COLOUR: Final = "#1f5fa8"
PLAIN_COLOUR: Final = "#8a8f98"
STYLE: Final[Any] = {
    "svg.hashsalt": "dealcast",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": PLAIN_COLOUR,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
}


def reliability_and_gains(answered: Answered) -> str:
    """Left what was predicted against what came true, right how many events the best-ranked rows hold."""
    with _figure(7.6, 3.2, 2, left=0.07) as (figure, axes):
        _reliability(axes[0], answered.reliability)
        _gains(axes[1], answered.gains)
        return _svg(figure, f"{answered.label}: reliability and cumulative gains")


def gaps(report: RegimeReport) -> str:
    """By how much the model's log loss differs from each baseline's, question by question; left of 0 the model is better."""
    shown = [(each.label, each.against.set_index("baseline")) for each in report.answered if each.estimates]
    with _figure(7.6, 0.8 + 0.4 * len(shown), 1, left=0.22) as (figure, axes):
        for place, (name, colour) in enumerate(((BASE_RATE, PLAIN_COLOUR), (LIFE_TABLE, MODEL_COLOUR))):
            lines = [(row, table.loc[name]) for row, (_, table) in enumerate(shown) if name in table.index]
            height = [-row - 0.12 + 0.24 * place for row, _ in lines]
            found = pd.DataFrame([line for _, line in lines])
            if len(found):
                axes[0].hlines(height, found["low"], found["high"], color=colour, linewidth=2)
                axes[0].plot(found["gap"], height, "o", color=colour, markersize=4, label=f"against the {name.replace('_', ' ')}")
        axes[0].axvline(0.0, color="black", linewidth=0.8)
        axes[0].set_yticks([-row for row in range(len(shown))], [label for label, _ in shown])
        axes[0].set_xlabel("difference of the log loss, nats: below 0 the model is better")
        axes[0].legend(frameon=False, fontsize=8, loc="best")
        return _svg(figure, "Difference of the log loss with 95 % intervals")


def by_month(answered: Answered) -> str:
    """Predicted and observed frequency, month by month."""
    with _figure(7.6, 2.4, 1, left=0.07) as (figure, axes):
        place = np.arange(len(answered.periods))
        axes[0].plot(place, answered.periods["predicted"], "-o", color=MODEL_COLOUR, markersize=4, label="predicted")
        axes[0].plot(place, answered.periods["observed"], "-s", color="black", markersize=4, linewidth=1, label="observed")
        axes[0].set_xticks(place, answered.periods["period"])
        axes[0].set_ylim(bottom=0.0)
        axes[0].set_title(f"{answered.label}, by month of the prediction", loc="left")
        axes[0].legend(frameon=False, fontsize=8)
        return _svg(figure, f"{answered.label}: predicted and observed by month")


def _reliability(axes: Axes, table: pd.DataFrame) -> None:
    top = min(1.0, 1.08 * float(np.nanmax(table[["predicted", "observed", "high"]].to_numpy())) + 0.01)
    axes.plot([0, top], [0, top], color=PLAIN_COLOUR, linewidth=0.8, linestyle="--")
    axes.vlines(table["predicted"], table["low"], table["high"], color=MODEL_COLOUR, linewidth=1.2)
    axes.plot(table["predicted"], table["observed"], "o", color=MODEL_COLOUR, markersize=4)
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="predicted", ylabel="observed")
    axes.locator_params(nbins=5)
    axes.set_title("Reliability", loc="left")


def _gains(axes: Axes, table: pd.DataFrame) -> None:
    share = np.append(0.0, table["share"])
    axes.plot([0, 1], [0, 1], color=PLAIN_COLOUR, linewidth=0.8, linestyle="--", label="at random")
    axes.fill_between(table["share"], table["low"], table["high"], color=MODEL_COLOUR, alpha=0.2, linewidth=0)
    axes.plot(share, np.append(0.0, table["gained"]), color=MODEL_COLOUR, label="model")
    axes.plot(share, np.append(0.0, table["life_table"]), color="black", linewidth=1, linestyle=":", label="life table")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="share of the rows, best first", ylabel="share of the events")
    axes.locator_params(nbins=5)
    axes.set_title("Cumulative gains", loc="left")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


@contextmanager
def _figure(width: float, height: float, n_axes: int, left: float) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with margins of fixed size: matplotlib's own layout draws everything twice to find them."""
    with mpl.rc_context(rc=STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        figure.subplots_adjust(left=left, right=0.98, bottom=0.45 / height, top=1 - 0.25 / height, wspace=0.25)
        yield figure, [figure.add_subplot(1, n_axes, place + 1) for place in range(n_axes)]


def _svg(figure: Figure, title: str) -> str:
    """The figure as an `<svg>` element, with its title for those who cannot see it."""
    written = StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Title": title}, transparent=True)
    text = written.getvalue()
    return text[text.index("<svg") :].replace("<svg ", '<svg role="img" ', 1)
