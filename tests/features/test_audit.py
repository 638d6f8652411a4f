"""The leak audit: planted leaks are refused by name, what is honestly known at creation is not."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.audit import AuditReport, Finding, Rule, Severity, audit, closing_dates, filling, outcome
from features.audit.claims import Claim, Deals, claims_of, deals_of
from features.audit.run import judge
from features.clock import Floats
from features.dataset import Dataset
from features.sources.result import IngestReport, SourceData
from features.synthetic import Dirt, Settings, generate
from features.tables import CHANGES, CLOSE, Column, Kind
from tests.features.companies import dataset, moment, sales

KINDS = {"number": Kind.NUMBER, "flag": Kind.FLAG, "category": Kind.CATEGORY, "date": Kind.DATE, "text": Kind.TEXT}


@cache
def company(n_deals: int = 600) -> Dataset:
    return generate(Settings(n_deals=n_deals, seed=5)).dataset()


def with_columns(base: Dataset, columns: Mapping[str, pd.Series], known_at: str = "created_at") -> Dataset:
    """The company with columns of its own, named `<kind>_…`, as a mapping would declare them."""
    custom = tuple(Column(name, KINDS[name.split("_")[0]], known_at) for name in columns)
    return replace_tables(base, {"deals": base.deals.assign(**columns)}, custom)


def replace_tables(base: Dataset, tables: Mapping[str, pd.DataFrame], custom: tuple[Column, ...] = ()) -> Dataset:
    return Dataset.of(
        {**base.tables, **tables},
        base.organisation,
        static=base.static,
        tracked_since=base.tracked_since,
        extracted_at=base.extracted_at,
        openings=base.openings,
        begins=base.begins,
        custom=custom,
    )


def planted(name: str, base: Dataset) -> pd.Series:
    """One leaking or honest column of the deals."""
    rng, deals = np.random.default_rng(1), base.deals
    won, ended, n = deals["outcome"].eq("won").to_numpy(), deals["outcome"].notna().to_numpy(), len(deals)
    closed = deals["closed_at"].dt.tz_localize(None).dt.normalize()
    columns: dict[str, pd.Series] = {
        "number_filled_at_close": pd.Series(rng.normal(size=n)).where(ended),
        "text_filled_at_close": pd.Series("said at the close", index=deals.index, dtype="str").where(ended),
        "category_of_outcome": deals["outcome"].fillna("pending"),
        "flag_with_errors": pd.Series(np.where(ended, won ^ (rng.random(n) < 0.05), rng.random(n) < 0.3)).astype("boolean"),
        "date_of_close": closed.fillna(pd.Timestamp("2026-12-31")),
        "date_near_close": (closed + pd.to_timedelta(rng.integers(0, 10, n), unit="D")).fillna(pd.Timestamp("2026-12-31")),
        "number_honest": pd.Series(0.95 * won + rng.normal(size=n)),
        "date_planned": base.openings["expected_close_on"],
        "category_unique": deals["deal_id"],
        "category_retired": pd.Series("campaign", index=deals.index, dtype="str").where(np.arange(n) < n / 2),
    }
    return columns[name]


def judged(base: Dataset, column: str) -> tuple[Deals, Claim]:
    deals, rows = deals_of(base, clock.micros(base.ends_at))
    return deals, next(claim for claim in claims_of(base, rows) if claim.column.name == column)


def findings_of(base: Dataset, column: str) -> list[Finding]:
    deals, claim = judged(base, column)
    return judge(claim, deals, base)


def found_by(name: str, base: Dataset) -> set[tuple[str, str]]:
    """Severity and rule of every finding about one planted column."""
    found = findings_of(with_columns(base, {name: planted(name, base)}), name)
    return {(finding.severity.value, finding.rule.value) for finding in found}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("number_filled_at_close", Rule.FILLED_AT_CLOSE),
        ("text_filled_at_close", Rule.FILLED_AT_CLOSE),
        ("category_of_outcome", Rule.GIVES_OUTCOME_AWAY),
        ("flag_with_errors", Rule.GIVES_OUTCOME_AWAY),
        ("date_of_close", Rule.DATE_OF_THE_CLOSE),
        ("date_near_close", Rule.DATE_OF_THE_CLOSE),
    ],
)
def test_a_planted_leak_is_refused(name: str, rule: Rule) -> None:
    assert ("refuse", rule.value) in found_by(name, company())


@pytest.mark.parametrize("name", ["number_honest", "date_planned", "category_unique", "category_retired"])
def test_an_honest_column_is_not(name: str) -> None:
    assert found_by(name, company()) == set()


def test_the_honest_column_does_tell_something() -> None:
    base = company(2000)
    deals, claim = judged(with_columns(base, {"number_honest": planted("number_honest", base)}), "number_honest")
    assert outcome.separation(claim, deals, "UTC").auc == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("dirt", [Dirt(), Dirt.all()], ids=["clean", "dirty"])
def test_a_company_without_leaks_passes(dirt: Dirt) -> None:
    report = audit(generate(Settings(n_deals=600, seed=8, dirt=dirt)).dataset())
    assert (report.refused, report.findings, report.proof.differences) == (False, (), ())
    assert report.proof.n_rows > 100
    assert {"deals.product", "deals.account_id", "accounts.industry"} <= set(report.claims)


@pytest.mark.parametrize("known_at", [CLOSE, CHANGES, "export"])
def test_a_leaking_column_that_promises_nothing_is_left_alone(known_at: str) -> None:
    leaking = with_columns(company(), {"category_of_outcome": planted("category_of_outcome", company())}, known_at)
    claims = claims_of(leaking, np.ones(leaking.n_deals, dtype=bool))
    assert "deals.category_of_outcome" not in {claim.name for claim in claims}


def test_ten_lucky_deals_refuse_nothing() -> None:
    outcomes = ["won"] * 5 + ["lost"] * 5
    deals, claim = small(pd.Series(outcomes, dtype="str"), outcomes)
    assert list(outcome.findings(claim, deals, "UTC")) == []


def test_an_auc_that_is_high_but_unsure_is_a_warning() -> None:
    outcomes = ["won"] * 12 + ["lost"] * 12
    deals, claim = small(pd.Series(outcomes, dtype="str"), outcomes)
    (found,) = outcome.findings(claim, deals, "UTC")
    assert (found.severity, found.rule) == (Severity.WARN, Rule.GIVES_OUTCOME_AWAY)
    assert found.evidence["auc_lower"] < outcome.THRESHOLD <= found.evidence["auc"]


def test_a_column_filled_more_often_on_won_deals_is_a_warning() -> None:
    outcomes = ["won"] * 60 + ["lost"] * 60
    filled = pd.Series([f"value {row}" for row in range(120)], dtype="str").where(np.arange(120) % 120 < 84)
    deals, claim = small(filled, outcomes)
    (found,) = outcome.findings(claim, deals, "UTC")
    assert (found.severity, found.rule) == (Severity.WARN, Rule.FILLED_WHEN_WON)
    assert (found.evidence["filled_won"], found.evidence["filled_lost"]) == (1.0, 0.4)


def test_a_fill_rate_that_jumps_at_the_close_is_a_warning() -> None:
    outcomes: list[str | None] = ["won", "lost", None, None] * 25
    filled = pd.Series("value", index=range(100), dtype="str").where(np.arange(100) % 4 < 3 - (np.arange(100) % 3 > 0))
    deals, claim = small(filled, outcomes)
    (found,) = filling.findings(claim, deals)
    assert found.severity is Severity.WARN
    assert found.evidence["filled_closed"] == 1.0
    assert found.evidence["filled_open"] == pytest.approx(0.17, abs=0.03)


def test_a_date_that_is_almost_the_plan_is_a_warning() -> None:
    rng = np.random.default_rng(0)
    took = rng.gamma(2, 30, 300)
    dates = pd.Series(moment("2026-01-01") + pd.to_timedelta(took * np.exp(rng.normal(0, 0.6, 300)), unit="D"))
    deals, claim = small(dates.dt.as_unit("us"), ["lost"] * 300, Kind.INSTANT, took)
    (found,) = closing_dates.findings(claim, deals, "UTC")
    assert found.severity is Severity.WARN
    assert closing_dates.SUSPICIOUS_FROM <= found.evidence["rank_correlation_lower"] < closing_dates.REFUSED_FROM


def small(
    values: pd.Series, outcomes: list[str] | list[str | None], kind: Kind = Kind.CATEGORY, took: Floats | None = None
) -> tuple[Deals, Claim]:
    """Deals that were all created on 1 January 2026 and one column of them."""
    created = clock.repeated(clock.micros(moment("2026-01-01")), len(outcomes))
    ids = pd.Series([f"D{row}" for row in range(len(outcomes))])
    won, lost = (np.array([each == name for each in outcomes]) for name in ("won", "lost"))
    closed = created if took is None else created + np.round(took * clock.MICROS_PER_DAY).astype(np.int64)
    promise = claims_of(sales(), np.ones(sales().n_deals, dtype=bool))[0].promise
    return Deals(ids, created, closed, won, lost), Claim("deals", Column("own", kind, "created_at"), values, won | True, promise)


@pytest.mark.parametrize("column", ["owner_id", "amount", "stage"])
def test_a_static_column_that_changes_is_refused_with_its_changes(column: str) -> None:
    declared = replace(company(), static=company().static | {f"deals.{column}"})
    found = next(each for each in findings_of(declared, column) if each.rule is Rule.CHANGES_THOUGH_STATIC)
    assert found.severity is Severity.REFUSE
    assert found.evidence["n_changes"] >= found.evidence["n_changed"] > 0
    assert "→" in found.rows[0]


def test_one_correction_in_hundreds_of_deals_is_a_warning() -> None:
    base = company()
    first = base.deals[:1]
    moved = pd.DataFrame({"deal_id": first["deal_id"], "changed_at": first["created_at"], "field": "product"})
    changes = pd.concat([base.tables[CHANGES], moved.assign(old_value="Kiln", new_value="Kiln 200")], ignore_index=True)
    (found,) = findings_of(replace_tables(base, {CHANGES: changes}), "product")
    assert (found.severity, found.rule, found.evidence["n_changed"]) == (Severity.WARN, Rule.CHANGES_THOUGH_STATIC, 1)


def test_attributes_of_accounts_are_judged_over_their_deals() -> None:
    base = company()
    deals = base.deals.assign(account_id=base.deals["deal_id"])
    one_each = pd.DataFrame({"account_id": deals["deal_id"], "industry": deals["outcome"].fillna("prospect")})
    (found,) = findings_of(replace_tables(base, {"deals": deals, "accounts": one_each}), "industry")
    assert (found.severity, found.rule, found.place) == (Severity.REFUSE, Rule.GIVES_OUTCOME_AWAY, "accounts.industry")


WARNED = {
    "deals": """
        deal_id | account_id | created_at | stage | amount | closed_at
        D1      | A1         | 2026-01-01 | Open  | 2      |
        D2      | A7         | 2026-01-02 | Open  | 2      |
        D3      | A1         | 2026-03-01 | Won   | 2      | 2026-06-01
    """,
    "accounts": "account_id\nA1",
    "deal_changes": """
        deal_id | changed_at | field  | old_value | new_value | recorded_at
        D1      | 2026-02-01 | amount | 1         | 2         | 2026-01-15
        D3      | 2026-02-15 | amount | 1         | 2         |
    """,
    "stages": "stage | kind\nOpen | open\nWon | won",
}


def test_what_makes_data_less_than_it_seems_is_a_warning() -> None:
    report = audit(dataset(tables=WARNED, extracted_at="2026-05-01"))
    assert {(finding.rule.value, finding.place, finding.evidence.get("n_rows")) for finding in report.findings} == {
        ("tracked_late", "deals.amount", None),
        ("unknown_reference", "deals.account_id", 1),
        ("clock_skew", "deals.closed_at", 1),
        ("clock_skew", "deal_changes.recorded_at", 1),
        ("clock_skew", "deal_changes.changed_at", 1),
    }
    assert not report.refused


def test_an_audit_before_the_first_deal_says_so() -> None:
    report = audit(sales(), moment("2020-01-01"))
    assert (report.n_won, report.claims, report.proof.dates) == (0, (), ())
    assert "not tried" in report.proof_line


def test_only_deals_on_record_before_as_of_are_looked_at() -> None:
    at = company().deals["created_at"].sort_values().iloc[300].floor("D")
    report = audit(company(), at)
    assert report.n_won + report.n_lost + report.n_open == (company().deals["created_at"] < at).sum()
    assert all(date < at for date in report.proof.dates)


@pytest.fixture(scope="module")
def refused() -> AuditReport:
    return audit(with_columns(company(), {"category_of_outcome": planted("category_of_outcome", company())}))


def test_the_report_reads_as_text(refused: AuditReport) -> None:
    lines = str(refused).splitlines()
    assert lines[0].startswith("refused: 1 finding, 0 warnings")
    assert lines[1].startswith(
        'REFUSE deals.category_of_outcome: declared known_at = "created", yet alone it tells won from lost'
    )
    assert lines[-2].startswith("  → declare known_at")
    assert lines[-1].startswith("clock rule: holds")


def test_the_report_is_json(refused: AuditReport) -> None:
    told = json.loads(json.dumps(refused.as_dict(), allow_nan=False))
    assert (told["refused"], told["findings"][0]["rule"], told["proof"]["differences"]) == (True, "gives_outcome_away", [])
    assert told["findings"][0]["evidence"]["auc"] == pytest.approx(1.0)


def test_refusals_come_before_warnings() -> None:
    late = dataset(tables=WARNED, static=frozenset({"deals.amount"}), extracted_at="2026-05-01")
    severities = [finding.severity.value for finding in audit(late).findings]
    assert severities == sorted(severities)
    assert set(severities) == {"refuse", "warn"}


def test_the_documentation_names_every_rule() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    assert all(f"| `{rule}` |" in text for rule in Rule)


def source_with(columns: Mapping[str, pd.Series], vouched: frozenset[str]) -> SourceData:
    known = with_columns(company(), columns)
    facts = {"extracted_at": known.extracted_at, "custom": known.custom, "vouched": vouched}
    report = IngestReport("test", {})
    return SourceData(known.tables, known.organisation, known.static, known.tracked_since, report, **facts)  # type: ignore[arg-type]


def test_a_column_that_somebody_vouches_for_is_warned_of_with_the_same_evidence() -> None:
    column = {"category_of_outcome": planted("category_of_outcome", company())}
    plain, vouched = (
        next(found for found in audit(source_with(column, names)).findings if found.column == "category_of_outcome")
        for names in (frozenset[str](), frozenset({"deals.category_of_outcome"}))
    )
    assert (plain.severity, vouched.severity) == (Severity.REFUSE, Severity.WARN)
    assert (vouched.rule, vouched.evidence, vouched.rows) == (plain.rule, plain.evidence, plain.rows)
    assert vouched.says.startswith("vouched for in the mapping")
