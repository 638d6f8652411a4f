"""The catalog: one line a signal, complete in both languages, and live only where its tables are."""

import re

import pytest

from features.catalog import CLIENT_SIGNALS, DEAL_SIGNALS, GROUPS, SIGNALS, Group, Signal, live
from features.tables import TABLES

EVERY = (*DEAL_SIGNALS, *CLIENT_SIGNALS)


def test_no_name_stands_twice() -> None:
    assert len(SIGNALS) == len(EVERY)
    assert len({signal.en for signal in DEAL_SIGNALS}) == len(DEAL_SIGNALS)
    assert len({signal.en for signal in CLIENT_SIGNALS}) == len(CLIENT_SIGNALS)


@pytest.mark.parametrize("signal", EVERY, ids=list(SIGNALS))
def test_a_signal_names_things_that_exist(signal: Signal) -> None:
    assert signal.group in GROUPS
    assert set(signal.tables) <= set(TABLES)
    assert signal.unit in {"days", "count", "ratio", "money", "share", "flag", "category"}


@pytest.mark.parametrize("signal", EVERY, ids=list(SIGNALS))
def test_a_range_of_valid_values_fits_the_unit(signal: Signal) -> None:
    ends = {"share": (0.0, 1.0), "flag": (0.0, 1.0), "category": (None, None)}
    assert (signal.low, signal.high) == ends.get(signal.unit, (signal.low, signal.high))
    assert signal.low is None or signal.high is None or signal.low < signal.high


@pytest.mark.parametrize("meaning", [*EVERY, *GROUPS.values()], ids=lambda one: one.name)
def test_every_meaning_is_told_in_english_and_in_russian(meaning: Signal | Group) -> None:
    assert re.search("[A-Za-z]", meaning.en)
    assert re.search("[А-Яа-я]", meaning.ru)


def test_every_group_is_used() -> None:
    # Own columns of a CRM are declared in a mapping, not in the catalog.
    assert {signal.group for signal in EVERY} == set(GROUPS) - {"custom"}


def test_only_categories_are_text() -> None:
    assert {signal.name for signal in DEAL_SIGNALS if signal.is_category} == {
        "stage",
        "pipeline",
        "product",
        "source",
        "type",
        "currency",
        "forecast_category",
        "industry",
        "region",
        "country",
        "owner_team",
        "lead_source",
    }


@pytest.mark.parametrize("signal", [s for s in EVERY if s.unit == "days"], ids=lambda signal: signal.name)
def test_durations_say_that_they_are_days(signal: Signal) -> None:
    assert "days" in signal.name or signal.name == "age_days"


def test_a_signal_is_live_where_all_its_tables_are() -> None:
    signals = (Signal("one", "pace", "days", "", "", ("deals",)), Signal("two", "pace", "days", "", "", ("deals", "accounts")))
    assert [signal.name for signal in live(signals, ["deals"])] == ["one"]
    assert [signal.name for signal in live(signals, ["accounts", "deals", "orders"])] == ["one", "two"]
    assert live(signals, []) == []
