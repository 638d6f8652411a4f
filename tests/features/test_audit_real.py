"""The leak audit on real exports: it catches what is known to give the answer away, and passes what is honest."""

from pathlib import Path

import pytest

from features import sources
from features.audit import AuditReport, Rule, Severity, audit

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mappings"

pytestmark = pytest.mark.real_data


def audited(folder: Path, tmp_path: Path, mapping: str) -> AuditReport:
    path = tmp_path / "mapping.toml"
    path.write_text(mapping, encoding="utf-8")
    return audit(sources.read(str(folder), str(path)))


def refusals(report: AuditReport) -> dict[str, set[Rule]]:
    places = {finding.place for finding in report.of(Severity.REFUSE)}
    return {place: {finding.rule for finding in report.of(Severity.REFUSE) if finding.place == place} for place in places}


def test_the_value_at_close_is_caught_when_it_is_declared_known_at_creation(real_data: Path, tmp_path: Path) -> None:
    own = 'column = "close_value"\nkind = "number"\nknown_at = "created"'
    mapping = f'extends = "{EXAMPLES / "maven_crm.toml"}"\n[tables.deals.custom.value]\n{own}\n'
    report = audited(real_data / "maven_crm", tmp_path, mapping)
    assert refusals(report) == {"deals.value": {Rule.FILLED_AT_CLOSE, Rule.GIVES_OUTCOME_AWAY}}


def test_its_accounts_are_filled_late(real_data: Path) -> None:
    report = audit(sources.read(str(real_data / "maven_crm"), str(EXAMPLES / "maven_crm.toml")))
    (found,) = report.findings
    assert (found.severity, found.rule, found.place) == (Severity.WARN, Rule.FILLED_AT_CLOSE, "deals.account_id")
    assert found.evidence["filled_open"] == pytest.approx(0.315, abs=0.001)


def test_final_stage_and_owner_declared_static_contradict_the_history(real_data: Path, tmp_path: Path) -> None:
    mapping = 'extends = "salesforce"\n[tables.deals]\nstatic = ["stage", "owner_id"]\n'
    report = audited(real_data / "bpic2012_salesforce", tmp_path, mapping)
    assert refusals(report) == {
        place: {Rule.CHANGES_THOUGH_STATIC, Rule.GIVES_OUTCOME_AWAY} for place in ("deals.stage", "deals.owner_id")
    }


def test_the_plain_preset_passes(real_data: Path) -> None:
    report = audit(sources.read(str(real_data / "bpic2012_salesforce"), "salesforce"))
    assert (report.refused, report.proof.differences) == (False, ())
    assert (report.n_won, report.n_lost, report.n_open) == (2_246, 10_442, 399)
    assert report.proof.n_rows > 2_000


def test_invoices_without_deals_pass(real_data: Path) -> None:
    report = audit(sources.read(str(real_data / "online_retail"), str(EXAMPLES / "online_retail.toml")))
    assert (report.findings, report.claims) == ((), ())
    assert report.proof.n_rows > 10_000
