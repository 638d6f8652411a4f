"""The values of the KPIs that follow cohorts, beside those of the engine."""

import re
from pathlib import Path

from features.balance import balanced
from features.cohorts import COHORT_KPIS, cohort_values
from features.funnel import texts
from features.kpis import example, windows
from features.kpis.catalog import KPIS
from features.kpis.scorecard import scorecard
from features.kpis.texts import PERSPECTIVES, UNITS
from features.kpis.value import Value
from features.snapshot import Snapshot
from tests.features.companies import moment
from tests.features.funnel.dirty import MOMENTS, seen, window
from tests.features.funnel.example import QUARTER, snapshot
from tests.features.team.test_staff import staff

BEFORE = window("2025-10-01", "2026-01-01")


def by_name(known: Snapshot) -> dict[tuple[str, str | None], Value]:
    return {(kpi.name, value.node.id): value for kpi, value in cohort_values(known, QUARTER, BEFORE)}


def test_each_kpi_has_its_values() -> None:
    found = by_name(snapshot())
    assert found["stage_conversion", "Proposal"].value == 0.75
    assert found["time_in_stage", "Solution"].value == 10
    assert found["lead_response", ""].value == 4
    assert (found["ramp", ""].reason, found["span_of_control", ""].reason) == ("no_table", "no_table")


def test_ramp_and_span_with_what_is_behind_them() -> None:
    found = by_name(Snapshot(staff(), moment("2026-10-01")))
    ramped, span = found["ramp", ""], found["span_of_control", ""]
    assert (ramped.n, ramped.censored, ramped.excluded, ramped.immature) == (3, 2, {"hired_before_plans": 2}, True)
    assert (span.value, span.numerator, span.denominator) == (1.5, 3, 2)
    assert (span.beside, span.reason) == ({"median": 1.5}, None)


def test_values_stand_beside_those_of_the_window_before() -> None:
    now, before = window("2025-07-01", "2025-10-01"), window("2025-04-01", "2025-07-01")
    later = {(kpi.name, value.node.id): value for kpi, value in cohort_values(seen(MOMENTS[-1]), now, before)}
    earlier = {(kpi.name, value.node.id): value for kpi, value in cohort_values(seen(MOMENTS[-1]), before, before)}
    for name in ("stage_conversion", "time_in_stage"):
        assert later[name, "Discovery"].against["previous"] == earlier[name, "Discovery"].value is not None
    assert later["lead_response", ""].against["previous"] == earlier["lead_response", ""].value is not None


def test_they_join_the_balanced_scorecard() -> None:
    known = example.snapshot()
    quarter = windows.parse("2026Q1", known.dataset.organisation.calendar)
    card = scorecard(known, ["bookings"], [quarter], compare=["previous"])
    found = balanced(card, others=cohort_values(known, quarter, BEFORE))
    lines = {perspective.name: len(perspective.lines) for perspective in found.perspectives}
    assert lines == {"finance": 1, "client": 0, "process": 5, "people": 2}


def test_definitions_are_whole_and_clash_with_none() -> None:
    assert not COHORT_KPIS.keys() & KPIS.keys()
    for kpi in COHORT_KPIS.values():
        assert kpi.unit in UNITS
        assert kpi.perspective in PERSPECTIVES
        assert all(text.en and text.ru and text.en != text.ru for text in (kpi.title, kpi.meaning, kpi.formula, kpi.basis))


def test_every_code_has_words() -> None:
    """Reasons and exclusions as they stand in the code of these packages."""
    root = Path(texts.__file__).parents[1]
    source = "\n".join(
        path.read_text(encoding="utf-8") for name in ("funnel", "team", "goals") for path in (root / name).glob("*.py")
    )
    worded = {**texts.REASONS, **texts.EXCLUSIONS}
    codes = {
        code for code in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', source) if code.startswith(("no_", "not_", "median_", "nothing_"))
    }
    said_otherwise = {"no_owner", "no_start", "not_measurable"}
    assert len(codes) > 8
    assert codes - said_otherwise <= worded.keys()
    assert all(text.en and text.ru and text.en != text.ru for text in worded.values())
