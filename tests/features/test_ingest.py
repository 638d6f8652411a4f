"""From an export to the store: a good one is reported, and a bad one is explained and leaves the store as it was."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from features.errors import DataError, DealcastError, MappingError, SourceError
from features.ingest import ingest
from features.store import Store
from tests.features.exports import DEALS, OPPORTUNITIES, mapping, write


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that already holds two deals."""
    opened = Store(f"sqlite:///{tmp_path / 'store.db'}")
    ingest(str(write(tmp_path / "first", deals=DEALS)), None, opened, replace=True)
    yield opened
    opened.close()


def refusal(store: Store, folder: Path, preset: str | None = None) -> DealcastError:
    """The error of an ingest, after which the store has to be what it was."""
    before = store.load()
    with pytest.raises(DealcastError) as error:
        ingest(str(folder), preset, store, replace=False)
    assert store.revision() == 1
    pd.testing.assert_frame_equal(store.load().deals, before.deals)
    return error.value


def test_an_ingest_reports_what_it_did_and_its_revision(store: Store, tmp_path: Path) -> None:
    folder = write(tmp_path / "export", Opportunity=OPPORTUNITIES, notes="a\n1\n")
    report = ingest(str(folder), "salesforce", store, replace=False)
    assert (report.revision, store.load().n_deals, report.unread) == (2, 5, ("notes",))
    assert str(report).splitlines()[0] == "deals: 3 rows read, 3 kept"


def test_replacing_leaves_only_the_new_export(store: Store, tmp_path: Path) -> None:
    ingest(str(write(tmp_path / "export", Opportunity=OPPORTUNITIES)), "salesforce", store, replace=True)
    assert store.load().deals["deal_id"].tolist() == ["O1", "O2", "O3"]


def test_a_missing_folder(store: Store, tmp_path: Path) -> None:
    error = refusal(store, tmp_path / "nowhere")
    assert isinstance(error, SourceError)
    assert str(error) == f"there is no file or folder {tmp_path / 'nowhere'}; nothing was loaded: check the path"


def test_a_missing_file(store: Store, tmp_path: Path) -> None:
    folder = write(tmp_path / "export", Opportunities=OPPORTUNITIES)
    error = refusal(store, folder, "salesforce")
    assert isinstance(error, MappingError)
    assert str(error) == f"{folder} has no 'Opportunity', which [tables.deals] is read from; did you mean 'Opportunities'?"


def test_an_empty_folder(store: Store, tmp_path: Path) -> None:
    error = refusal(store, write(tmp_path / "export"))
    assert "holds no file that ends in .csv, .csv.gz, .tsv, .parquet" in str(error)


def test_an_unknown_column_in_a_mapping(store: Store, tmp_path: Path) -> None:
    folder = write(tmp_path / "export", Opportunity=OPPORTUNITIES)
    text = mapping(folder, 'extends = "salesforce"\n[tables.deals.columns]\namount = "Amont"')
    error = refusal(store, folder, text)
    assert isinstance(error, MappingError)
    assert str(error) == (
        f"{folder}: Opportunity has no column 'Amont', which the mapping names for deals.amount; did you mean 'Amount'?"
    )


HEADING = "deal_id,created_at,stage,amount,currency,closed_at,outcome\n"
BAD = [
    (
        "a duplicate deal",
        "D7,2026-01-05T10:00:00Z,A,1,EUR,,\nD7,2026-01-05T10:00:00Z,B,2,EUR,,\n",
        ("deals", "deal_id", "the key stands more than once", 2),
        "row 1, deal_id 'D7'",
        "remove the duplicates in the source",
    ),
    (
        "a deal closed before it was created",
        "D7,2026-01-05T10:00:00Z,A,1,EUR,2026-01-05T09:00:00Z,won\n",
        ("deals", "closed_at", "the deal is closed before it was created", 1),
        "deal_id D7, created_at 2026-01-05 10:00:00+00:00, closed_at 2026-01-05 09:00:00+00:00",
        "correct the dates, or declare a rule",
    ),
    (
        "text in an amount",
        "D7,2026-01-05T10:00:00Z,A,a lot,EUR,,\n",
        ("deals", "amount", "text in a number column", 1),
        "deal_id D7, amount 'a lot'",
        "write plain numbers",
    ),
    (
        "a naive timestamp",
        "D7,2026-01-05 10:00,A,1,EUR,,\n",
        ("deals", "created_at", "a timestamp without an offset, and no declared zone", 1),
        "deal_id D7, created_at '2026-01-05 10:00'",
        'timezone = "Europe/Berlin"',
    ),
    ("an empty export", "", ("deals", None, "the table is empty", None), None, "check that the export is complete"),
    (
        "an unknown currency",
        "D7,2026-01-05T10:00:00Z,A,1,EURO,,\n",
        ("deals", "currency", "'EURO' is not a currency", None),
        None,
        "write ISO 4217 codes such as EUR",
    ),
    (
        "a second currency",
        "D7,2026-01-05T10:00:00Z,A,1,USD,,\n",
        ("deals", "currency", "amounts are in USD, answers in EUR, and there is no rates table to convert", None),
        None,
        "add a rates table that has USD",
    ),
    (
        "a half-written row",
        "D7,2026-01-05T10:00:00Z,A,1,EUR,,\nD8,2026-01-05T1",
        ("deals.csv", None, "rows that do not have 7 cells", 1),
        "line 3: 2 cells instead of 7: D8,2026-01-05T1",
        "the file may be half-written",
    ),
]


@pytest.mark.parametrize(("lines", "where", "row", "advice"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input_is_explained(
    store: Store, tmp_path: Path, lines: str, where: tuple[object, ...], row: str | None, advice: str
) -> None:
    error = refusal(store, write(tmp_path / "export", deals=HEADING + lines))
    assert isinstance(error, DataError)
    assert (error.table, error.column, error.rule, error.count) == where
    assert error.rows[:1] == ([row] if row else [])
    assert advice in error.advice


def test_activities_of_unknown_deals_are_counted_not_refused(store: Store, tmp_path: Path) -> None:
    activities = "activity_id,deal_id,kind,logged_at\nX1,D9,call,2026-01-07T10:00:00Z\nX2,D1,call,2026-01-07T10:00:00Z\n"
    report = ingest(str(write(tmp_path / "export", deals=DEALS, activities=activities)), None, store, replace=False)
    assert report.unknown == {"activities.deal_id": 1}
    assert len(store.load().tables["activities"]) == 2
