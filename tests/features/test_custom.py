"""Own columns of the deals as signals: what each kind gives, and when it is known."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest

from features import sources
from features.custom import custom_catalog, custom_signals, signal_of
from features.dataset import Dataset
from features.deals import deal_signals
from features.errors import DataError, MappingError
from features.excerpt import excerpt
from features.organisation import Organisation
from features.snapshot import Snapshot
from features.store import Store
from features.tables import CHANGES, CLOSE, EXPORT, Column, Kind
from tests.features.companies import AS_OF, MICROSECOND, dataset, moment, rows
from tests.features.exports import mapping, write
from tests.features.exports import rows as rows_of

DEALS: Final = """
    deal_id | created_at | stage | seats | campaign | pilot | renewal    | notes     | verdict | closed_at
    D1      | 2026-01-01 | Won   | 12    | spring   | true  | 2026-05-01 | two words | good    | 2026-04-10
    D2      | 2026-02-01 | A     |       |          |       |            |           |         |
    D3      | 2026-03-01 | A     | 7     | autumn   | no    | 2026-03-30 | x         |         |
"""
CHANGED: Final = """
    deal_id | changed_at | field   | old_value  | new_value
    D1      | 2026-03-09 | seats   | 5          | 12
    D1      | 2026-04-10 | stage   | A          | Won
    D3      | 2026-04-01 | seats   | 3          | 7
    D3      | 2026-03-09 | pilot   | true       | false
    D3      | 2026-03-09 | renewal | 2026-02-28 | 2026-03-30
"""
STAGES: Final = "stage | kind\nA | open\nWon | won"


def declared(revealed_by: str) -> tuple[Column, ...]:
    kinds = {"seats": Kind.NUMBER, "campaign": Kind.CATEGORY, "pilot": Kind.FLAG, "renewal": Kind.DATE, "notes": Kind.TEXT}
    return (*(Column(name, kind, revealed_by) for name, kind in kinds.items()), Column("verdict", Kind.CATEGORY, CLOSE))


def company(revealed_by: str, changes: str = CHANGED, zone: str = "UTC") -> Dataset:
    tables = {"deals": rows(DEALS), "deal_changes": rows(changes), "stages": rows(STAGES)}
    since = dict.fromkeys(["stage", "seats", "campaign", "pilot", "renewal", "notes"], moment("2026-01-01"))
    return Dataset.of(
        tables, Organisation(timezone=zone), tracked_since=since, extracted_at=moment("2026-05-01"), custom=declared(revealed_by)
    )


def signals(known: Dataset, as_of: pd.Timestamp = AS_OF) -> dict[str, list[object]]:
    """Custom signals of D1, D2, D3, missing ones as None."""
    found = custom_signals(Snapshot(known, as_of), np.arange(known.n_deals))
    return {name: [None if pd.isna(value) else value for value in values] for name, values in found.items()}


def test_each_kind_becomes_one_signal() -> None:
    assert signals(company("created_at")) == {
        "custom_seats": [12.0, None, 7.0],
        "custom_campaign": ["spring", None, "autumn"],
        "custom_pilot": [1.0, None, 0.0],
        "custom_renewal_days": [30.0, None, -2.0],
        "custom_notes_length": [9.0, None, 1.0],
    }


def test_a_column_that_changes_is_what_it_was() -> None:
    found = signals(company(CHANGES), moment("2026-03-09"))
    assert found["custom_seats"] == [5.0, None, 3.0]
    assert found["custom_pilot"] == [1.0, None, 1.0]
    assert found["custom_renewal_days"] == [53.0, None, -9.0]
    assert signals(company(CHANGES))["custom_seats"] == [12.0, None, 3.0]
    assert signals(company(CHANGES), AS_OF + MICROSECOND)["custom_seats"] == [12.0, None, 7.0]


def test_without_a_history_it_is_unknown_before_the_export() -> None:
    deals = rows(DEALS)[["deal_id", "created_at", "stage", "seats"]]
    own = (Column("seats", Kind.NUMBER, CHANGES),)
    known = Dataset.of({"deals": deals, "stages": rows(STAGES)}, extracted_at=moment("2026-05-01"), custom=own)
    assert signals(known)["custom_seats"] == [None, None, None]
    assert signals(known, moment("2026-05-02"))["custom_seats"] == [12.0, None, 7.0]


def test_a_column_known_with_the_row_is_unknown_before_it() -> None:
    assert signals(company("created_at"), moment("2026-02-15"))["custom_seats"] == [12.0, None, None]


def test_days_count_from_the_organisations_midnight() -> None:
    days = signals(company("created_at", zone="Asia/Tokyo"))["custom_renewal_days"]
    assert days == [30.0 - 9 / 24, None, -2.0 - 9 / 24]


@pytest.mark.parametrize("revealed_by", [CLOSE, EXPORT])
def test_what_the_close_reveals_or_nobody_declared_is_no_signal(revealed_by: str) -> None:
    assert signals(company(revealed_by)) == {}
    assert custom_catalog(declared(revealed_by)) == ()


def test_they_stand_in_the_matrix_behind_the_others_with_a_meaning() -> None:
    known = company(CHANGES)
    matrix = deal_signals(Snapshot(known, AS_OF))
    named = custom_catalog(known.custom)
    assert list(matrix)[-5:] == [signal.name for signal in named]
    assert [(signal.en, signal.ru, signal.unit) for signal in named[-2:]] == [
        ("Days to: Renewal", "Дней до даты: Renewal", "days"),
        ("Length of text: Notes", "Длина текста: Notes", "count"),
    ]
    assert [signal.name for signal in named if signal.is_category] == ["custom_campaign"]


def test_a_signal_is_found_by_name_own_or_of_the_catalog() -> None:
    assert signal_of("amount").unit == "money"
    assert signal_of("custom_pilot", declared(CHANGES)).unit == "flag"
    assert signal_of("custom_n_seats").en == "N seats"


def test_what_is_recorded_at_or_after_as_of_changes_nothing() -> None:
    later = CHANGED.rstrip() + "\nD1 | 2026-04-01 | seats | 12 | 99\nD1 | 2026-04-01 | notes | two words | x"
    assert signals(company(CHANGES, later)) == signals(company(CHANGES))


def test_a_snapshot_shows_own_columns_as_they_were() -> None:
    frame = Snapshot(company(CHANGES), AS_OF).frame("deals").set_index("deal_id")
    assert frame["seats"].tolist()[::2] == [12.0, 3.0]
    assert frame["pilot"].tolist() == [True, pd.NA, False]
    assert frame["verdict"].isna().all()  # D1 closes later
    assert Snapshot(company(CHANGES), moment("2026-04-11")).frame("deals")["verdict"].tolist()[0] == "good"


def test_a_posted_deal_without_own_columns_has_them_missing() -> None:
    known = company(CHANGES)
    sent = dataset(deals="deal_id | created_at | stage\nD9 | 2026-03-01 | A").deals[["deal_id", "created_at", "stage"]]
    matrix = deal_signals(Snapshot(excerpt(known, {"deals": sent}, AS_OF), AS_OF))
    assert list(matrix) == list(deal_signals(Snapshot(known, AS_OF)))
    assert matrix.loc["D9", ["custom_seats", "custom_campaign", "custom_pilot"]].isna().all()


def test_a_change_that_does_not_read_as_its_kind_is_refused() -> None:
    with pytest.raises(DataError, match=r"deal_changes\.new_value: text in a number column"):
        company(CHANGES, CHANGED.rstrip() + "\nD1 | 2026-03-20 | seats | 12 | many")


MAPPING: Final = """
    extracted_at = 2026-05-01T00:00:00Z
    [tables.deals]
    [tables.deals.columns]
    deal_id = "Id"
    created_at = "Opened"
    stage = "Phase"
    [tables.deals.custom.seats]
    column = "Seats__c"
    kind = "number"
    known_at = "changes"
    [tables.deals.custom.pilot]
    column = "Pilot__c"
    kind = "flag"
    known_at = "created"
    [tables.deal_changes.columns]
    deal_id = "Id"
    changed_at = "At"
    field = "Field"
    old_value = "Old"
    new_value = "New"
    [tables.deal_changes.fields]
    "Seats__c" = "seats"
"""


def test_from_a_foreign_export_through_the_store_to_the_matrix(tmp_path: Path) -> None:
    deals = "Id,Opened,Phase,Seats__c,Pilot__c\nD1,2026-01-05T10:00:00Z,A,12,Yes\nD2,2026-01-05T10:00:00Z,A,,\n"
    changes = "Id,At,Field,Old,New\nD1,2026-03-09T00:00:00Z,Seats__c,5,12\n"
    folder = write(tmp_path / "export", deals=deals, deal_changes=changes)
    data = sources.read(str(folder), mapping(folder, MAPPING))
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "cache")
    store.merge(data)
    for known in (data.dataset(), store.load(), store.load()):  # the last one from the copy
        matrix = deal_signals(Snapshot(known, AS_OF))
        assert rows_of(matrix, "custom_seats", "custom_pilot") == [(12.0, 1.0), (None, None)]
    store.close()


def test_the_report_names_the_columns_that_nobody_declared(tmp_path: Path) -> None:
    data = sources.read(str(write(tmp_path, deals="deal_id,created_at,stage,segment\nD1,2026-01-05T10:00:00Z,A,x\n")))
    assert data.report.undeclared == ("segment",)
    assert "no signals, as the mapping does not declare when they are known: deals.segment" in str(data.report)
    assert custom_signals(Snapshot(data.dataset(), AS_OF), np.array([0])) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[tables.deals.custom."a b"]\ncolumn = "A"\nkind = "flag"\nknown_at = "created"', "letters, digits and underscores"),
        (
            """
            [tables.deals.custom]
            a = { column = "A", kind = "date", known_at = "created" }
            a_days = { column = "B", kind = "number", known_at = "created" }
            """,
            "'a' and 'a_days' would both give the signal custom_a_days",
        ),
    ],
)
def test_own_columns_need_plain_and_different_names(tmp_path: Path, text: str, words: str) -> None:
    folder = write(tmp_path / "export", deals="Id\n")
    with pytest.raises(MappingError, match=words):
        sources.read(str(folder), mapping(folder, text))
