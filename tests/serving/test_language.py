import re
import string
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import serving
from serving.language import LANGUAGES, Tongue, choose, texts
from serving.pages.view import FOLDER

EN, RU = Tongue("en"), Tongue("ru", "Europe/Berlin")
BUILT = re.compile(
    r"reason\..*|error\..*|missing\.(starting|no_data|no_champion|damaged_champion)|filter\.(owner|team|stage)|clients\.(contracts|orders)|answers\..*|"
    r"(reference|peers|phrase)\..*|words\.(won|lost|no)|why\.(quarter|ever)|"
    r"(figure|funnel|team|goals)\..*|calls\.(p_won|amount|close_on|commit|best_case|third_[123])|kpis\.(plan|previous|last_year|predicted|p_plan|span)|scorecard\.(team|owner|no_model)|note\..*|bridge\..*|"
    r"trend\.no_.*|grade\.[abcd]|"
    r"outlook\.(best_case|by_crm|by_model|churn|commit|contraction|crm|difference|end|expansion|last_year|manager|median|"
    r"model_is_later|narrowed|never_replayed|new_clients|no_(backtest|contracts|model|period_over|plan|plans|plans_by_this)|owner|period_is_over|pipeline|zero_plan|product|region|"
    r"run_rate|stage_weighted|start|team|what_if)"
)


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(texts()))
def test_every_text_exists_in_every_language_and_fills_in_the_same_values(key: str) -> None:
    assert set(texts()[key]) == set(LANGUAGES)
    assert all(text.strip() for text in texts()[key].values())
    assert len({frozenset(names(text)) for text in texts()[key].values()}) == 1


@pytest.mark.parametrize("key", sorted(key for key, text in texts().items() if "|" in text["en"]))
def test_counted_texts_have_a_form_for_every_number(key: str) -> None:
    assert {language: text.count("|") for language, text in texts()[key].items()} == {"en": 1, "ru": 2}


def test_templates_use_only_texts_of_the_table_and_the_table_holds_no_other() -> None:
    root = Path(serving.__file__).parent
    sources = [*FOLDER.glob("templates/*.html"), *root.rglob("*.py")]
    written = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    used = set(re.findall(r"""(?:text|count)\(f?["']([a-z_]+\.[a-z_]+)["']""", written))
    assert used <= set(texts())
    unused = set(texts()) - used
    assert {key for key in unused if not BUILT.fullmatch(key)} == set()


def test_numbers_and_money() -> None:
    assert (EN.number(1234567.5, 1), RU.number(1234567.5, 1)) == ("1,234,567.5", "1\u00a0234\u00a0567,5")
    assert (EN.money(1234567, "EUR"), RU.money(1234567, "EUR")) == ("€1,234,567", "1\u00a0234\u00a0567\u00a0€")
    assert (EN.money(-1234, "CHF"), RU.money(-1234, "CHF")) == ("CHF\u00a0−1,234", "−1\u00a0234\u00a0CHF")
    assert (EN.money(-1234, "EUR"), RU.money(-1234, "EUR")) == ("−€1,234", "−1\u00a0234\u00a0€")
    assert EN.money(None, "EUR") == RU.number(None) == "–"


def test_dates_and_instants_in_the_zone_of_the_organisation() -> None:
    assert (EN.date(date(2026, 3, 12)), RU.date(date(2026, 3, 12))) == ("12\u00a0Mar\u00a02026", "12.03.2026")
    assert RU.instant(datetime(2026, 3, 31, 22, 30, tzinfo=UTC)) == "01.04.2026, 00:30\u00a0CEST"
    assert (EN.quarter("2026Q4"), RU.quarter("2026Q4")) == ("Q4\u00a02026", "4\u00a0кв.\u00a02026")


@pytest.mark.parametrize(
    ("probability", "english", "russian"),
    [
        (0.005, "0.5%", "0,5\u00a0%"),
        (0.995, "99.5%", "99,5\u00a0%"),
        (0.0, "0%", "0\u00a0%"),
        (0.0004, "<0.1%", "<0,1\u00a0%"),
        (0.004, "0.4%", "0,4\u00a0%"),
        (0.42, "42%", "42\u00a0%"),
        (0.9999, ">99.9%", ">99,9\u00a0%"),
        (1.0, "100%", "100\u00a0%"),
    ],
)
def test_percentages(probability: float, english: str, russian: str) -> None:
    assert (EN.percent(probability), RU.percent(probability)) == (english, russian)


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_probability_is_never_shown_as_a_certainty(probability: float) -> None:
    assert EN.percent(probability) not in ("0%", "0.0%", "100%", "100.0%")


@pytest.mark.parametrize(
    ("n", "russian"),
    [(0, "0 дней"), (1, "1 день"), (3, "3 дня"), (5, "5 дней"), (11, "11 дней"), (21, "21 день"), (112, "112 дней")],
)
def test_russian_counts(n: int, russian: str) -> None:
    assert RU.count("deal.days", n) == russian


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "chosen"),
    [
        ("ru", "en", "en", "ru"),
        (None, "ru", "en", "ru"),
        (None, None, "de, ru-RU;q=0.9, en;q=0.8", "ru"),
        (None, None, "ru;q=0.1, en;q=0.7", "en"),
        ("xx", "<script>", "fr;q=x, ,;q=", "en"),
    ],
)
def test_the_language_of_a_page(asked: str | None, remembered: str | None, accepted: str, chosen: str) -> None:
    assert choose(asked, remembered, accepted, "en") == chosen
