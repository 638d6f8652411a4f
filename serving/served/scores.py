"""The scores of all open deals and active clients as tables, scored all at once or only where something changed.

What is scored of a part of the company, with the company's rates, is what scoring all would give for these rows. So after a write
the rows of the accounts that it touched are scored and put in the place of the old ones; the others were scored at an earlier
moment, and were scored right then.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from features import clock
from features.dataset import Dataset
from features.rates import Rates, of_the_day
from features.snapshot import Snapshot
from features.store import Renewal
from serving.operations import traces
from serving.scoring import score
from serving.served.ranking import Ranking
from serving.served.trend import Past, with_trend
from training.bundle import Bundle

BEST_DEALS = ("expected_value", "p_won_this_quarter")
BEST_CLIENTS = ("value_at_risk", "p_leaves")


@dataclass(frozen=True)
class Scores:
    """One row for each open deal and each active client.

    clients  None where there is no champion for them
    settled  whether all were scored as of one moment
    """

    deals: pd.DataFrame
    clients: pd.DataFrame | None
    settled: bool = True

    @classmethod
    def of(cls, dataset: Dataset, bundles: Mapping[str, Bundle], as_of: pd.Timestamp, borrowed: Rates | None = None) -> "Scores":
        """Score all open deals and active clients of a Dataset."""
        deals = _pipeline(dataset, bundles["deals"], as_of, borrowed)
        return cls(deals, _clients(dataset, bundles["clients"], as_of) if "clients" in bundles else None)

    def patched(self, renewal: Renewal, bundles: Mapping[str, Bundle], as_of: pd.Timestamp) -> "Scores":
        """With the rows of what was touched scored anew."""
        new = Scores.of(renewal.part, bundles, as_of, of_the_day(Snapshot(renewal.dataset, as_of)))
        deals = _in_place(self.deals, new.deals, "deal_id", renewal.touched.deals)
        if self.clients is None or new.clients is None:
            return Scores(deals, new.clients, settled=False)
        return Scores(deals, _in_place(self.clients, new.clients, "account_id", renewal.touched.accounts), settled=False)

    def ranked(self, past: Past, as_of: pd.Timestamp) -> tuple[Ranking, Ranking | None]:
        """The tables with their trends, best first."""
        moving = with_trend(self.deals, "deals", "deal_id", past, as_of)
        deals = Ranking.of(moving, by=BEST_DEALS, key="deal_id")
        if self.clients is None:
            return deals, None
        theirs = with_trend(self.clients, "clients", "account_id", past, as_of)
        return deals, Ranking.of(theirs, by=BEST_CLIENTS, key="account_id")


def _in_place(old: pd.DataFrame, new: pd.DataFrame, key: str, ids: Collection[str]) -> pd.DataFrame:
    kept = old[~old[key].isin(list(ids))]
    return pd.concat([kept, new.astype(old.dtypes.to_dict())], ignore_index=True) if len(new) else kept


def _pipeline(dataset: Dataset, champion: Bundle, as_of: pd.Timestamp, borrowed: Rates | None) -> pd.DataFrame:
    """The scored open deals with their signals; overdue once the whole day of the expected close has passed."""
    with traces.span("score.pipeline", version=champion.version):
        deals = score.pipeline(dataset, champion, as_of, borrowed)
    midnight = clock.dates_to_micros(deals["expected_close_on"], dataset.organisation.timezone)
    days = clock.days_between(clock.micros(as_of), midnight)
    return deals.drop(columns="as_of").assign(days_to_expected_close=days, overdue=days <= -1)


def _clients(dataset: Dataset, champion: Bundle, as_of: pd.Timestamp) -> pd.DataFrame:
    days = dataset.organisation.client_horizon_days
    with traces.span("score.clients", version=champion.version):
        scored = score.score_clients(dataset, champion, as_of, [days], reasons=False)
    named = scored.assign(account_name=scored["account_id"].map(_names(dataset)), p_leaves=scored[f"p_leaves_{days}d"])
    return named.drop(columns="as_of")


def _names(dataset: Dataset) -> Mapping[str, str]:
    accounts = dataset.tables.get("accounts")
    if accounts is None or "name" not in accounts:
        return {}
    return dict(zip(accounts["account_id"], accounts["name"], strict=True))
