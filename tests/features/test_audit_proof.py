"""The clock rule on one's own data: what a truncated Dataset holds, and that a leaking signal is named."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.audit import Rule, Severity, proof
from features.audit.truncation import UNTOLD, truncated
from features.dataset import Dataset
from features.history import count_rows
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from tests.features.companies import AS_OF, clientele, sales

AT = clock.micros(AS_OF)
COMPANY = generate(Settings(n_deals=200, seed=11, months=12, dirt=Dirt(late_entry=0.2, reopened=0.1, leavers=0.3))).dataset()


def deal(dataset: Dataset, name: str) -> Mapping[str, object]:
    row = dataset.deals.set_index("deal_id").loc[name]
    return {str(column): None if pd.isna(value) else value for column, value in row.items()}


def test_rows_recorded_from_then_on_are_gone() -> None:
    without = truncated(sales(), AT)
    assert set(without.deals["deal_id"]) == {"D1", "D2", "D3", "D4", "D6", "D7", "D8"}
    assert set(without.tables["activities"]["activity_id"]) == {"E1", "E2", "E3", "E4", "E7", "E8", "E9"}
    assert set(without.tables["accounts"]["account_id"]) == {"A1"}
    assert without.tables["rates"]["rate"].tolist() == [0.7, 0.9]


def test_the_current_columns_are_rewound() -> None:
    then = deal(truncated(sales(), AT), "D1")
    assert (then["stage"], then["amount"], then["owner_id"]) == ("Proposal", 1500.0, "U2")
    assert (then["outcome"], then["closed_at"]) == (None, None)
    assert deal(truncated(sales(), AT), "D6")["lost_reason"] == "no budget"


@pytest.mark.parametrize(("name", "outcome"), [("D2", "won"), ("D3", None), ("D7", "won"), ("D8", None)])
def test_a_close_stays_where_it_was_on_record(name: str, outcome: str | None) -> None:
    then = deal(truncated(sales(), AT), name)
    assert then["outcome"] == outcome
    assert then["lost_reason"] is None


def test_a_stage_that_nobody_knew_has_no_kind() -> None:
    before = truncated(sales(), clock.micros(pd.Timestamp("2026-01-16", tz="UTC")))
    assert (deal(before, "D6")["stage"], deal(before, "D6")["outcome"]) == (UNTOLD, None)


def test_values_that_another_moment_reveals_are_emptied() -> None:
    assert truncated(sales(), AT).tables["accounts"]["region"].isna().all()
    assert truncated(sales(), AT).tables["accounts"]["industry"].notna().all()
    assert truncated(clientele(), AT).tables["contracts"].set_index("contract_id")["cancelled_at"].notna().to_dict() == {
        **dict.fromkeys(["K1", "K2", "K3", "K4"], False),
        "K5": True,
    }


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_snapshot_sees_the_same_with_and_without_the_future(share: float) -> None:
    as_of = COMPANY.tables["deal_changes"]["changed_at"].sort_values().iloc[int(share * len(COMPANY.tables["deal_changes"]))]
    whole, without = Snapshot(COMPANY, as_of), Snapshot(truncated(COMPANY, clock.micros(as_of)), as_of)
    for name in ("deals", "deal_changes", "activities", "leads", "tickets", "contracts"):
        pd.testing.assert_frame_equal(whole.frame(name), without.frame(name))


def test_the_dates_are_events_before_as_of() -> None:
    dates = proof.dates_of(COMPANY, clock.micros(COMPANY.ends_at))
    events = pd.concat([COMPANY.deals["created_at"], *(COMPANY.tables[name].iloc[:, 1] for name in ("deal_changes",))])
    assert len(dates) == len(proof.WHEN)
    assert list(dates) == sorted(dates)
    assert any(date in set(events) for date in dates)


@pytest.mark.parametrize("dataset", [sales(), clientele(), COMPANY], ids=["sales", "clientele", "synthetic"])
def test_the_signals_hold(dataset: Dataset) -> None:
    proven = proof.prove(dataset, [*proof.dates_of(dataset, clock.micros(dataset.ends_at)), AS_OF])
    assert proven.differences == ()
    assert proven.n_values > proven.n_rows > 0
    assert list(proof.findings(proven)) == []


def ids(snapshot: Snapshot) -> "pd.Index[str]":
    index: pd.Index[str] = pd.Index(snapshot.dataset.deals["deal_id"].to_numpy(dtype=object)[snapshot.open_deals])
    return index


def reads_the_final_stage(snapshot: Snapshot) -> Mapping[str, pd.DataFrame]:
    stage = snapshot.dataset.deals["stage"].to_numpy(dtype=object)[snapshot.open_deals]
    return {"deals": pd.DataFrame({"honest": 1.0, "planted": stage}, index=ids(snapshot))}


def counts_what_is_logged_at_as_of(snapshot: Snapshot) -> Mapping[str, pd.DataFrame]:
    log = snapshot.dataset.activity_log
    counted = count_rows(log.deal, log.known <= snapshot.at, snapshot.dataset.n_deals)[snapshot.open_deals]
    return {"deals": pd.DataFrame({"planted": counted}, index=ids(snapshot))}


def reads_the_whole_companys_mean(snapshot: Snapshot) -> Mapping[str, pd.DataFrame]:
    mean = float(snapshot.dataset.deals["outcome"].eq("won").mean())
    return {"deals": pd.DataFrame({"planted": np.full(len(ids(snapshot)), mean)}, index=ids(snapshot))}


@pytest.mark.parametrize("leak", [reads_the_final_stage, counts_what_is_logged_at_as_of, reads_the_whole_companys_mean])
def test_a_planted_leak_is_named_with_its_deal(leak: Callable[[Snapshot], Mapping[str, pd.DataFrame]]) -> None:
    logged = COMPANY.activity_log
    as_of = clock.instant(int(np.sort(logged.known[logged.deal >= 0])[len(logged.deal) // 2]))
    (found,) = proof.findings(proof.prove(COMPANY, [as_of], leak))
    assert (found.severity, found.rule, found.column) == (Severity.REFUSE, Rule.CLOCK_RULE, "planted")
    assert found.rows[0].split(" at ")[0] in set(COMPANY.deals["deal_id"])


def test_a_cohort_that_reads_the_future_is_named() -> None:
    def survivors(snapshot: Snapshot) -> Mapping[str, pd.DataFrame]:
        deals = snapshot.dataset.deals
        return {"deals": pd.DataFrame({"n": 1.0}, index=pd.Index(deals["deal_id"][deals["outcome"].notna()]))}

    names = {finding.column for finding in proof.findings(proof.prove(COMPANY, [AS_OF], survivors))}
    assert "the cohort" in names
