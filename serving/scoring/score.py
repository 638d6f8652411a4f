"""The records of now -> scores: one row for each open deal or active client, read off the champion's curves.

The same signal functions build these rows and the training rows. A deal that cannot be scored keeps its row, with a reason in
place of a number.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from features import clients, clock
from features.dataset import Dataset
from features.deal_warnings import warning_bits
from features.deals import deal_signals
from features.excerpt import excerpt, excerpt_of_checked
from features.rates import Rates, of_the_day
from features.snapshot import Snapshot
from serving.scoring.client_value import COLUMNS as VALUES
from serving.scoring.client_value import value_columns
from serving.scoring.reason_columns import reason_columns, warning_column
from serving.scoring.scored import DEALS, ScoredDeals, curves_of, refuse_hindsight
from training.bundle import Bundle
from training.explain import Question
from training.labels import STAYED
from training.lifetime import Terms
from training.spending import GammaGamma
from training.targets import LEFT, WON

REASON_DAYS: Final = 30.0
"""The horizon of the reasons where none is asked for."""
YEAR: Final = Terms()


def score_deals(
    dataset: Dataset, bundle: Bundle, as_of: pd.Timestamp, horizons: Sequence[float], *, reasons: bool = True
) -> pd.DataFrame:
    """One row for each deal open at as_of, ordered by deal_id.

    Columns: deal_id, as_of, p_won_{h}d and p_lost_{h}d for each horizon in days, p_won and p_lost (at the curve's end),
    p_won_this_quarter, p_won_next_quarter, predicted_close_on (median win date given a win), extrapolated (whether the largest
    horizon lies beyond all follow-up), life_table_weight (0 to 1), warnings (JSON), reason (why there is no score); with
    `reasons` also those of `serving.scoring.reason_columns`, for P(won) at the largest horizon. Raises UsageError when the
    champion was trained past as_of.
    """
    snapshot = Snapshot(dataset, as_of)
    return _scored_deals(snapshot, bundle, horizons, deal_signals(snapshot), reasons=reasons)


def score_posted(
    dataset: Dataset,
    bundle: Bundle,
    posted: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    horizons: Sequence[float],
    *,
    reasons: bool = True,
) -> pd.DataFrame:
    """Scores of posted deals, as `score_deals` gives them; their stored rows count for nothing in this request.

    `posted` holds `deals` and, optionally, `deal_changes` and `activities` of these deals. Stored history of their accounts
    and the company's rates are used. A posted deal that is closed or was created after as_of has the reason `not_open`.
    """
    joined = excerpt(dataset, posted, as_of)
    return _scored_excerpt(dataset, joined, bundle, posted["deals"]["deal_id"], as_of, horizons, reasons=reasons)


def score_checked(
    dataset: Dataset,
    bundle: Bundle,
    posted: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    horizons: Sequence[float],
    *,
    reasons: bool = True,
) -> pd.DataFrame:
    """As `score_posted`, of tables that have the contracts' form already, such as those of `serving.posted.tables`.

    Raises DataError for an amount in a currency that has no rate.
    """
    joined = excerpt_of_checked(dataset, {name: frame for name, frame in posted.items() if len(frame)}, as_of)
    return _scored_excerpt(dataset, joined, bundle, posted["deals"]["deal_id"], as_of, horizons, reasons=reasons)


def _scored_excerpt(
    dataset: Dataset,
    joined: Dataset,
    bundle: Bundle,
    asked: pd.Series,
    as_of: pd.Timestamp,
    horizons: Sequence[float],
    *,
    reasons: bool,
) -> pd.DataFrame:
    """The deals that were asked for; those that are not open last, with a reason."""
    ids, snapshot = asked.to_numpy(dtype=object), Snapshot(joined, as_of)
    rows = np.intersect1d(joined.deal_rows.get_indexer(pd.Index(ids, dtype=object)), snapshot.open_deals)
    signals = deal_signals(snapshot, of_the_day(Snapshot(dataset, as_of)), rows)
    scored = _scored_deals(snapshot, bundle, horizons, signals, reasons=reasons)
    absent = sorted(set(ids) - set(scored["deal_id"]), key=list(ids).index)
    closed = pd.DataFrame({"deal_id": absent, "as_of": as_of, "reason": "not_open"})
    return pd.concat([scored, closed.astype({"deal_id": "str"})], ignore_index=True) if absent else scored


def score_clients(
    dataset: Dataset,
    bundle: Bundle,
    as_of: pd.Timestamp,
    horizons: Sequence[float],
    terms: Terms = YEAR,
    *,
    reasons: bool = True,
    spending: GammaGamma | None = None,
) -> pd.DataFrame:
    """One row for each active client, ordered by account_id; `spending` as in `serving.scoring.client_value.value_columns`.

    Columns: account_id, as_of, regime, p_leaves_{h}d, ltv_days (the days over which the next five count, `terms.days`), ltv
    (expected value), ltv_low and ltv_high (ends of its interval), value_if_stays (expected value if the client does not leave
    within the organisation's client horizon), value_at_risk (the expected loss: value_if_stays - ltv, from 0 to value_if_stays),
    life_table_weight, reason (why there is no score); with `reasons` also
    those of `serving.scoring.reason_columns`, for p_leaves at the organisation's client horizon. Under contract p_leaves is
    P(cancelled or not renewed by then), which rises with the horizon; for clients who order it is P(no order until then), which
    falls.
    """
    refuse_hindsight(bundle, as_of)
    snapshot = Snapshot(dataset, as_of)
    regimes = (clients.CONTRACTS, clients.ORDERS)
    parts = [_scored_clients(snapshot, bundle, regime, horizons, terms, spending, reasons=reasons) for regime in regimes]
    return pd.concat([part for part in parts if len(part)] or parts[:1]).sort_values("account_id", ignore_index=True)


def pipeline(dataset: Dataset, bundle: Bundle, as_of: pd.Timestamp, borrowed: Rates | None = None) -> pd.DataFrame:
    """What a manager reads: scored open deals with their names, the largest expected value this quarter first; without reasons.

    In place of the words of `warnings` there is `warning_bits`, a bit for each of `features.deal_warnings.WARNINGS`: words for
    all deals would take longer than their scores. Adds to the other columns of `score_deals`: name, account_id, account_name,
    owner_id, owner_name, team, product, stage, amount, currency, age_days, expected_close_on, value (the amount in the
    organisation's currency) and expected_value (value x p_won_this_quarter, null without an amount). `borrowed` are the company's
    rates where the Dataset is a part of it.
    """
    snapshot = Snapshot(dataset, as_of)
    signals = deal_signals(snapshot, borrowed)
    scored = _scored_deals(snapshot, bundle, (30.0, 90.0), signals, reasons=False, worded=False)
    scored["warning_bits"] = warning_bits(signals)
    described = scored.merge(_described(snapshot), on="deal_id", how="left")
    described["value"] = snapshot.converted(described["amount"].to_numpy(dtype=np.float64), described["currency"])
    described["expected_value"] = described["value"] * described["p_won_this_quarter"]
    order = ["expected_value", "p_won_this_quarter", "deal_id"]
    return described.sort_values(order, ascending=[False, False, True], ignore_index=True)


def _scored_deals(
    snapshot: Snapshot,
    bundle: Bundle,
    horizons: Sequence[float],
    signals: pd.DataFrame,
    *,
    reasons: bool,
    worded: bool = True,
) -> pd.DataFrame:
    scored = ScoredDeals.of(snapshot, bundle, signals)
    question = Question(max(horizons, default=REASON_DAYS), WON)
    columns: dict[str, Any] = {"deal_id": scored.ids, "as_of": snapshot.as_of}
    for horizon in horizons:
        columns[f"p_won_{horizon:g}d"], columns[f"p_lost_{horizon:g}d"] = scored.within(horizon)
    common = scored.columns()
    reason = common.pop("reason")
    columns |= {**common, "extrapolated": scored.extrapolated(horizons)}
    columns |= {"warnings": warning_column(snapshot, bundle, signals)} if worded else {}
    columns |= reason_columns(snapshot, bundle, DEALS, signals, question) if reasons else {}
    columns["reason"] = reason
    table = pd.DataFrame(columns).astype({"deal_id": "str", "reason": "str"})
    return table if scored.learned else _without_reasons(table)


def _without_reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Reasons explain what was learned; before the first close they are blank."""
    blank = [name for name in map(str, table) if name.startswith(("reason_", "reasons", "reference"))]
    table[blank] = table[blank].mask(np.ones((len(table), len(blank)), dtype=bool))
    return table


def _scored_clients(
    snapshot: Snapshot,
    bundle: Bundle,
    regime: str,
    horizons: Sequence[float],
    terms: Terms,
    spending: GammaGamma | None,
    *,
    reasons: bool,
) -> pd.DataFrame:
    rows = clients.cohort(snapshot, regime)
    signals = clients.client_signals(snapshot, rows)
    table: dict[str, Any] = {"account_id": signals.index.to_numpy(dtype=object), "as_of": snapshot.as_of, "regime": regime}
    own_horizon = float(snapshot.dataset.organisation.client_horizon_days)
    model = bundle.models.get(regime)
    curves = curves_of(model, signals, snapshot.as_of) if model is not None and len(signals) else None
    leaves = {h: leaving(regime, h).answer(curves) if curves is not None else np.nan for h in (*horizons, own_horizon)}
    table |= {f"p_leaves_{horizon:g}d": leaves[horizon] for horizon in leaves}
    table |= {"ltv_days": terms.days, **dict.fromkeys(VALUES, np.nan)}
    if model is not None and curves is not None:
        table |= value_columns(regime, model, curves, signals, own_horizon, terms, spending)
    table["life_table_weight"] = np.nan if model is None else model.life_table_weight
    if reasons and curves is not None:
        table |= reason_columns(snapshot, bundle, regime, signals, leaving(regime, own_horizon))
    table["reason"] = None if model is not None else "no_model_for_regime"
    return pd.DataFrame(table).astype({"account_id": "str", "regime": "str", "reason": "str"})


def leaving(regime: str, days: float) -> Question:
    """Under contract the event is leaving; for clients who order it is the next order, and leaving is its absence."""
    return Question(days, LEFT if regime == clients.CONTRACTS else STAYED)


def _described(snapshot: Snapshot) -> pd.DataFrame:
    deals = snapshot.frame("deals")
    shown = ["deal_id", "name", "account_id", "owner_id", "product", "stage", "amount", "currency", "expected_close_on"]
    table = deals.reindex(columns=shown)
    created = clock.to_micros(deals["created_at"])
    table["age_days"] = clock.days_between(created, snapshot.at)
    table["currency"] = table["currency"].astype("str").fillna(snapshot.dataset.organisation.currency)
    table["account_name"] = _looked_up(snapshot, "accounts", "account_id", "name", table["account_id"])
    table["owner_name"] = _looked_up(snapshot, "users", "user_id", "name", table["owner_id"])
    table["team"] = _looked_up(snapshot, "users", "user_id", "team", table["owner_id"])
    return table


def _looked_up(snapshot: Snapshot, table: str, key: str, column: str, ids: pd.Series) -> pd.Series:
    """A column of another table for each id, the id itself where a name is not on record."""
    missing = ids if column == "name" else pd.Series(None, index=ids.index, dtype="str")
    if not snapshot.has(table) or column not in snapshot.dataset.tables[table]:
        return missing
    named = snapshot.dataset.tables[table].set_index(key)[column]
    return ids.map(named).fillna(missing).astype("str")
