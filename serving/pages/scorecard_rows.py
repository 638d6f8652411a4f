"""The lines of a balanced scorecard in words: what stands in each cell of the scorecard page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.balance import BETTER, TRENDS, WORSE, Line
from features.kpis.value import Window
from serving.figures import figure, limits, percentage
from serving.kpis import answers
from serving.kpis.answers import Question
from serving.kpis.tables import interval, note
from serving.language import EMPTY, Tongue
from serving.pages.sparkline import Sparkline, sparkline


@dataclass(frozen=True)
class Row:
    """One KPI as the page shows it, empty where there is nothing to show.

    mood            better, worse or neither, where the difference is more than chance
    predicted       for the end of the period, with its 80 % interval, and the chance of the plan
    """

    title: str
    meaning: str
    value: str
    interval: str
    plan: str
    of_plan: str
    before: str
    trend: str
    mood: str
    predicted: str
    predicted_span: str
    p_plan: str
    spark: Sparkline | None
    spark_text: str
    note: str


def rows(tongue: Tongue, question: Question, lines: Sequence[Line], windows: Sequence[Window]) -> Iterator[Row]:
    """The lines that say something of this node; `windows` are those of their series."""
    return (_row(tongue, question, line, windows) for line in lines if line.value.reason != "not_sliced")


def _row(tongue: Tongue, question: Question, line: Line, windows: Sequence[Window]) -> Row:
    currency, unit = question.snapshot.dataset.organisation.currency, line.kpi.unit_of(line.value.variant)
    told = answers.value(question, line.kpi, line.value, line.prediction)

    def written(value: float | None) -> str:
        return figure(tongue, value, unit, currency)

    variant = line.kpi.variant(line.value.variant).text
    own = question.said(variant) if len(line.kpi.variants) > 1 else ""
    return Row(
        title=question.said(line.kpi.title),
        meaning=f"{question.said(line.kpi.meaning)} {own[:1].upper()}{own[1:]}{'.' * bool(own)}".strip(),
        value=written(line.value.value),
        interval="" if told.interval is None else interval(tongue, told, currency),
        plan=written(line.plan),
        of_plan="" if line.of_plan is None else percentage(tongue, line.of_plan),
        before=written(line.previous),
        trend=_trend(tongue, question, line),
        mood=line.trend if line.trend in (BETTER, WORSE) and line.clear is not False and not _early(line) else "",
        predicted="" if line.prediction is None or line.prediction.value is None else written(line.prediction.value),
        predicted_span=_span(tongue, line, currency),
        p_plan="" if line.prediction is None or line.prediction.p_plan is None else tongue.percent(line.prediction.p_plan),
        spark=sparkline(line.series),
        spark_text=_course(tongue, [written(value) for value in line.series], line, windows),
        note=note(tongue, told),
    )


def _span(tongue: Tongue, line: Line, currency: str) -> str:
    found = line.prediction
    if found is None or found.low is None or found.high is None:
        return ""
    return limits(tongue, found.low, found.high, line.kpi.unit_of(line.value.variant), currency)


def _early(line: Line) -> bool:
    """A share of a cohort that is not decided yet is still to rise; medians count who is under way already."""
    return line.value.immature and line.kpi.unit_of(line.value.variant) == "share"


def _trend(tongue: Tongue, question: Question, line: Line) -> str:
    """Better or worse, and whether that is more than chance; nothing yet of a cohort that is not decided."""
    if line.trend is None:
        return EMPTY
    if _early(line):
        return tongue.text("scorecard.early")
    said = question.said(TRENDS[line.trend])
    return f"{said}, {tongue.text('scorecard.unclear')}" if line.clear is False else said


def _course(tongue: Tongue, written: Sequence[str], line: Line, windows: Sequence[Window]) -> str:
    """What the sparkline shows, for who does not see it."""
    known = [place for place, value in enumerate(line.series) if value is not None]
    if len(known) < 2:
        return ""
    low, high = (choose(known, key=lambda place: line.series[place] or 0.0) for choose in (min, max))
    ends = {"first": written[known[0]], "last": written[known[-1]], "low": written[low], "high": written[high]}
    labels = {"start": windows[known[0]].label, "end": windows[known[-1]].label}
    return tongue.text("scorecard.course", **ends, **labels)
