"""Dirt that the generator does not know: foreign money, amounts, owners and accounts that are missing, returns, other scales."""

from collections.abc import Mapping

import numpy as np
import pandas as pd


def muddied(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The same tables, dirtier still; every row of a table is as likely as any other, by its number."""
    dirty = {name: frame.reset_index(drop=True) for name, frame in tables.items()}
    deals, orders, surveys = dirty["deals"], dirty["orders"], dirty["surveys"]
    foreign = deals["currency"].mask(some(deals, 7), "USD").mask(some(deals, 11), "GBP")
    dirty["deals"] = deals.assign(
        currency=foreign, account_id=deals["account_id"].mask(some(deals, 17)), type=deals["type"].mask(some(deals, 13))
    )
    dirty["rates"] = dirty["rates"][(dirty["rates"]["currency"] != "GBP") | (dirty["rates"]["date"] >= "2026-06-01")]
    back = some(orders, 19)
    dirty["orders"] = orders.assign(
        amount=orders["amount"].mask(back, -orders["amount"] / 2),
        cost=orders["cost"].mask(back, -orders["cost"] / 2).mask(some(orders, 5)),
    )
    other = some(surveys, 9)
    dirty["surveys"] = surveys.assign(
        scale_min=surveys["scale_min"].mask(other, 0.0), scale_max=surveys["scale_max"].mask(other, 100.0)
    )
    dirty["leads"] = dirty["leads"].assign(owner_id=dirty["leads"]["owner_id"].mask(some(dirty["leads"], 12)))
    contracts = dirty["contracts"]
    dirty["contracts"] = contracts.assign(ends_on=contracts["ends_on"].mask(some(contracts, 23)))
    return dirty


def some(frame: pd.DataFrame, nth: int) -> pd.Series:
    """Every nth row of a table."""
    return pd.Series(np.arange(len(frame)) % nth == nth // 2, index=frame.index)


def forecasts(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """For the company and every owner, of each quarter: three guesses, one of them made when it was over."""
    quarters = pd.date_range("2024-07-01", "2026-10-01", freq="QS", tz="UTC", unit="us")
    nodes = ["", *sorted(tables["users"]["user_id"])]
    guesses = pd.MultiIndex.from_product([nodes, range(len(quarters) - 1), (0, 45, 100)], names=["node", "quarter", "day"])
    frame = guesses.to_frame(index=False)
    start, end = quarters[frame["quarter"]], quarters[frame["quarter"] + 1]
    size = np.where(frame["node"] == "", 1_500_000.0, 60_000.0)
    guess = size * (1 + (frame.index.to_numpy() * 37 % 41 - 20) / 40)
    made = start + pd.to_timedelta(frame["day"], unit="D")
    return pd.DataFrame({"node": frame["node"], "period_start": start, "period_end": end, "made_at": made, "forecast": guess})
