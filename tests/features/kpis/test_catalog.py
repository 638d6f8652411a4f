"""Every KPI is described in full in both languages, and every code that an answer can carry has its texts."""

import doctest
import re
from pathlib import Path

import pytest

import features.kpis
from features.kpis import windows
from features.kpis.catalog import KPIS, outside
from features.kpis.example import forecasts, snapshot
from features.kpis.scorecard import MEASURES, all_kpis, scorecard
from features.kpis.slices import DIMENSIONS
from features.kpis.texts import BESIDE, DIRECTIONS, EXCLUSIONS, FLAGS, PERSPECTIVES, REASONS, UNITS
from features.kpis.value import Kpi, Text
from features.tables import TABLES

SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in Path(features.kpis.__file__).parent.rglob("*.py"))
DOCS = Path(__file__).resolve().parents[3] / "docs" / "kpis"
LATIN = {"NPS", "CSAT", "CES", "LTV", "CAC", "GRR", "NRR", "CRM", "m"}


def is_russian(text: str) -> bool:
    """Whether a text is in Cyrillic; Latin stands in it only as an abbreviation of the field."""
    return set(re.findall("[A-Za-z]+", text)) <= LATIN


@pytest.mark.parametrize("kpi", [*KPIS.values(), outside("market_share")], ids=lambda kpi: kpi.name)
def test_a_kpi_is_described_in_full(kpi: Kpi) -> None:
    assert kpi.unit in UNITS
    assert kpi.direction in DIRECTIONS
    assert kpi.perspective in PERSPECTIVES
    assert set(kpi.tables) <= set(TABLES)
    assert set(kpi.slices) <= set(DIMENSIONS)
    assert kpi.meaning.en.endswith(".")
    assert kpi.meaning.ru.endswith(".")
    assert all(variant.unit in {"", *UNITS} and set(variant.tables) <= set(TABLES) for variant in kpi.variants)
    assert len({variant.name for variant in kpi.variants}) == len(kpi.variants)


@pytest.mark.parametrize("kpi", KPIS.values(), ids=lambda kpi: kpi.name)
def test_its_texts_stand_in_both_languages(kpi: Kpi) -> None:
    texts = [kpi.title, kpi.meaning, kpi.formula, kpi.basis, *(variant.text for variant in kpi.variants)]
    assert all(text.en and not re.search("[а-яё]", text.en.lower()) for text in texts)
    assert all(text.ru and is_russian(text.ru) for text in texts)


@pytest.mark.parametrize(
    "text", [*UNITS.values(), *PERSPECTIVES.values(), *DIRECTIONS.values(), *REASONS.values(), *BESIDE.values()]
)
def test_a_code_is_worded_in_both_languages(text: Text) -> None:
    assert text.en
    assert is_russian(text.ru)


def test_every_figure_beside_a_value_is_worded() -> None:
    known = snapshot()
    asked = windows.parse("2026Q1", known.dataset.organisation.calendar)
    card = scorecard(known, all_kpis(known), [asked], forecasts=forecasts())
    assert {name for answer in card.answers.values() for name in answer.cells.beside} == set(BESIDE)


@pytest.mark.parametrize("kpi", KPIS)
def test_the_example_of_a_page_is_so(kpi: str) -> None:
    """By the engine, and by hand."""
    result = doctest.testfile(str(DOCS / f"{kpi}.md"), module_relative=False, encoding="utf-8")
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize("kpi", KPIS)
def test_the_figure_by_hand_is_the_value(kpi: str) -> None:
    page = (DOCS / f"{kpi}.md").read_text(encoding="utf-8")
    shown, by_hand = re.search(r"^value +([-\d.,]+)$", page, re.M), page.split("# by hand\n")[1].splitlines()[0]
    assert shown
    assert float(shown[1].replace(",", "")) == pytest.approx(float(by_hand), abs=2e-4)


def test_every_definition_is_computed() -> None:
    assert set(MEASURES) == set(KPIS)


@pytest.mark.parametrize("code", [*REASONS, *EXCLUSIONS, *FLAGS])
def test_every_code_is_in_use(code: str) -> None:
    assert SOURCE.count(f'"{code}"') > 1


def test_csat_as_a_mean_is_no_share() -> None:
    assert KPIS["csat"].unit_of("top_two") == "share"
    assert KPIS["csat"].unit_of("mean") == "score"
