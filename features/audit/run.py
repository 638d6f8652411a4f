"""The audit put together: every promise judged by every rule, the data around it, and the clock rule."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pandas as pd

from features import clock
from features.audit import changing, closing_dates, filling, hygiene, outcome, proof
from features.audit.claims import Claim, Deals, claims_of, deals_of
from features.audit.report import AuditReport, Finding, Rule, Severity
from features.dataset import Dataset
from features.sources.result import SourceData

PROVEN: Final = frozenset({Rule.CHANGES_THOUGH_STATIC})
"""Refusals that no word outweighs."""


def audit(source: Dataset | SourceData, as_of: pd.Timestamp | None = None) -> AuditReport:
    """Judge whether each column that training would read could have been known when the mapping says it was.

    `as_of` (default: the end of the data) bounds the deals that are looked at, those on record before it, and the dates at which
    the clock rule is tried. A column that the mapping of a source vouches for is warned of and not refused. Raises DataError
    where the tables of a source do not fit together.
    """
    dataset = source.dataset() if isinstance(source, SourceData) else source
    at = clock.micros(as_of or dataset.ends_at)
    deals, rows = deals_of(dataset, at)
    claims = claims_of(dataset, rows)
    proven = proof.prove(dataset, proof.dates_of(dataset, at))
    vouched = source.vouched if isinstance(source, SourceData) else frozenset()
    found = [believed(finding, vouched) for claim in claims for finding in judge(claim, deals, dataset)]
    found += [*hygiene.findings(dataset), *proof.findings(proven)]
    return AuditReport(
        clock.instant(at),
        int(deals.won.sum()),
        int(deals.lost.sum()),
        int(deals.open.sum()),
        tuple(claim.name for claim in claims),
        tuple(sorted(found, key=lambda finding: finding.severity)),
        proven,
    )


def believed(finding: Finding, vouched: frozenset[str]) -> Finding:
    """A refusal of a column that somebody vouches for, as a warning with the same evidence.

    A person may know better than statistics. Nobody's word outweighs a history that shows the column change.
    """
    if finding.severity is not Severity.REFUSE or finding.place not in vouched or finding.rule in PROVEN:
        return finding
    says = f"vouched for in the mapping, though it would be refused: {finding.says}"
    return replace(finding, severity=Severity.WARN, says=says, advice="the model learns from it on your word; look at the rows")


def judge(claim: Claim, deals: Deals, dataset: Dataset) -> list[Finding]:
    """What is wrong with one column; where that is enough to refuse it, mere suspicions are left out."""
    found = list(_judged(claim, deals, dataset))
    refused = [finding for finding in found if finding.severity is Severity.REFUSE]
    return refused or found


def _judged(claim: Claim, deals: Deals, dataset: Dataset) -> Iterator[Finding]:
    zone = dataset.organisation.timezone
    yield from filling.findings(claim, deals)
    yield from outcome.findings(claim, deals, zone)
    yield from changing.findings(claim, deals, dataset)
    if claim.column.kind in outcome.DATES:
        yield from closing_dates.findings(claim, deals, zone)
