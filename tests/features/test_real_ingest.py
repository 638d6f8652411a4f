"""Real exports, unchanged, through the whole way: the preset and the example mappings."""

from pathlib import Path

import pandas as pd
import pytest

from features import sources
from features.ingest import ingest
from features.store import Store

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mappings"

pytestmark = pytest.mark.real_data


def test_a_salesforce_export_of_loan_applications(real_data: Path, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    report = ingest(str(real_data / "bpic2012_salesforce"), "salesforce", store, replace=False)
    assert {name: (table.read, table.kept) for name, table in report.tables.items()} == {
        "deals": (13_087, 13_087),
        "deal_changes": (90_599, 90_599),
        "activities": (71_304, 71_304),
    }
    assert (report.untracked, report.unknown, report.unread) == ({}, {}, ())
    dataset = store.load()
    store.close()
    assert dataset.deals["outcome"].fillna("open").value_counts().to_dict() == {"lost": 10_442, "won": 2_246, "open": 399}
    assert dataset.extracted_at == pd.Timestamp("2012-03-14T15:04:54.681Z")


def test_its_closes_come_from_the_history_and_agree_with_the_export(real_data: Path) -> None:
    folder = real_data / "bpic2012_salesforce"
    deals = sources.read(str(folder), "salesforce").tables["deals"].set_index("deal_id")
    raw = pd.read_csv(folder / "Opportunity.csv.gz", dtype="str").set_index("Id")
    told = pd.to_datetime(raw["ClosedDateTime"], format="ISO8601", utc=True).dt.as_unit("us")
    pd.testing.assert_series_equal(deals["closed_at"], told, check_names=False)


def test_the_same_with_amounts_that_never_change(real_data: Path) -> None:
    dataset = sources.read(str(real_data / "bpic2012_salesforce"), str(EXAMPLES / "salesforce_static_amount.toml")).dataset()
    assert dataset.static == {"deals.amount"}
    assert (dataset.openings["amount_since"] == dataset.deal_known).all()


def test_a_wholesalers_invoices_become_orders(real_data: Path) -> None:
    data = sources.read(str(real_data / "online_retail"), str(EXAMPLES / "online_retail.toml"))
    orders, report = data.tables["orders"], data.report.tables["orders"]
    assert (report.read, report.kept, report.dropped["stands in the second file too"]) == (1_067_370, 36_969, 22_523)
    assert report.read == report.kept + report.aggregated + sum(report.dropped.values())
    assert orders["account_id"].nunique() == 5_878
    assert not orders["account_id"].str.contains(".", regex=False).any()
    assert len(data.dataset().client_ids) == 5_878


def test_its_cohort_is_that_of_the_published_comparison(real_data: Path) -> None:
    orders = sources.read(str(real_data / "online_retail"), str(EXAMPLES / "online_retail.toml")).tables["orders"]
    active = 0
    for as_of in pd.date_range("2011-03-01", "2011-09-01", freq="MS", tz="UTC"):
        year = orders["ordered_at"].between(as_of - pd.Timedelta(days=365), as_of, inclusive="left")
        active += orders.loc[year, "account_id"].nunique()
    assert active == 30_276


def test_fictitious_deals_with_bare_dates(real_data: Path) -> None:
    data = sources.read(str(real_data / "maven_crm"), str(EXAMPLES / "maven_crm.toml"))
    assert data.report.tables["deals"].dropped == {"not engaged yet, without a date": 500}
    assert data.report.unread == ("data_dictionary", "products")
    dataset = data.dataset()
    assert dataset.deals["outcome"].fillna("open").value_counts().to_dict() == {"won": 4_238, "lost": 2_473, "open": 1_589}
    assert dataset.deals.loc[dataset.deals["outcome"] != "won", "amount"].isna().all()
    assert "GTXPro" not in set(dataset.deals["product"])
