"""A company of a million deals, out of a synthetic one of a hundred thousand.

The synthetic company is copied as often as it takes, as if that many subsidiaries shared one CRM: every copy has ids of its own,
and the facts of each account move back in time together, by up to three days, so that the order within a deal stays. Changes of
probability and forecast category are left out, as in the many CRMs that do not track them, and activities are drawn until changes
and activities are ten for each deal. Everything follows from one seed, and is written as one Parquet file for each table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.clock import MICROS_PER_DAY
from features.dataset import Dataset
from features.organisation import Organisation
from features.synthetic import Company, Settings, generate
from features.synthetic.company import STATIC

COPIED: Final = 100_000
PER_DEAL: Final = 10
JITTER_DAYS: Final = 3
TRACKED: Final = ("stage", "owner_id", "amount", "expected_close_on")
ALIKE: Final = ("stages", "rates")
CORE: Final = ("deals", "deal_changes", "activities", "stages", "users", "rates")
OF_CLIENTS: Final = ("accounts", "leads", "orders", "contracts", "tickets", "surveys")


@dataclass(frozen=True)
class Workload:
    """Where the Parquet files are, and what the reader of them has to know; `tracked_since` holds for all of TRACKED."""

    folder: Path
    tracked_since: pd.Timestamp
    extracted_at: pd.Timestamp

    def dataset(self, tables: tuple[str, ...]) -> Dataset:
        """The named tables as a validated Dataset."""
        frames = {name: pd.read_parquet(self.path(name)) for name in tables}
        since = dict.fromkeys(TRACKED, self.tracked_since)
        return Dataset.of(frames, Organisation(), static=STATIC, tracked_since=since, extracted_at=self.extracted_at)

    def path(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"


def workload(folder: Path, settings: Settings) -> Workload:
    """What stands in the files that `write` made with these settings."""
    since = settings.start_at - pd.Timedelta(days=JITTER_DAYS)
    return Workload(folder, since, settings.end_at - pd.Timedelta(microseconds=1))


def write(folder: Path, n_deals: int, seed: int) -> dict[str, int]:
    """Write the files of a company with this many deals (a multiple of COPIED, or fewer); rows of each table."""
    company = generate(Settings(n_deals=min(n_deals, COPIED), seed=seed))
    tables = _thinned({name: company.tables[name] for name in (*CORE, *OF_CLIENTS)}, company.settings)
    copies = range(max(n_deals // COPIED, 1))
    return {name: _write(folder / f"{name}.parquet", name, tables, copies, company) for name in tables}


def _thinned(tables: Mapping[str, pd.DataFrame], settings: Settings) -> dict[str, pd.DataFrame]:
    changes = tables["deal_changes"][tables["deal_changes"]["field"].isin(TRACKED)]
    n_activities = PER_DEAL * settings.n_deals - len(changes)
    rows = settings.stream("thinned").choice(len(tables["activities"]), n_activities, replace=False)
    return {**tables, "deal_changes": changes, "activities": tables["activities"].iloc[np.sort(rows)]}


def _write(path: Path, name: str, tables: Mapping[str, pd.DataFrame], copies: range, company: Company) -> int:
    account = _accounts(tables, name)
    first = _copy(tables[name], account, 0, company)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for copy in () if name in ALIKE else copies[1:]:
            writer.write_table(_copy(tables[name], account, copy, company))
    return len(tables[name]) * (1 if name in ALIKE else len(copies))


def _accounts(tables: Mapping[str, pd.DataFrame], name: str) -> "pd.Series[int]":
    """The number of each row's account, its own or its deal's, -1 where it has none."""
    frame, deals = tables[name], tables["deals"]
    nothing = pd.Series(None, index=frame.index, dtype="str")
    of_deal = frame.get("deal_id", nothing).map(dict(zip(deals["deal_id"], deals["account_id"], strict=True)))
    named = frame.get("account_id", nothing).fillna(of_deal)
    return pd.Series(pd.Index(tables["accounts"]["account_id"]).get_indexer(pd.Index(named)), index=frame.index)


def _copy(frame: pd.DataFrame, account: "pd.Series[int]", copy: int, company: Company) -> pa.Table:
    """One subsidiary's rows: ids with its number before them, instants moved back by what its account is moved."""
    moved = company.settings.stream(f"copy {copy}").integers(0, JITTER_DAYS * MICROS_PER_DAY, len(company.tables["accounts"]))
    back = pd.to_timedelta(pd.Series(np.append(moved, 0)[account.to_numpy()], index=frame.index), unit="us")
    ids = {str(name): f"{copy}-" + frame[name] for name in frame if str(name).endswith("_id")}
    # Without their zone, as pyarrow reads columns that have one in a way that pandas has deprecated; it comes back below.
    instants = {str(name): (frame[name] - back).dt.tz_convert(None) for name in frame.select_dtypes("datetimetz")}
    if "field" in frame:
        owners = frame["field"].eq("owner_id")
        ids |= {side: frame[side].mask(owners, f"{copy}-" + frame[side]) for side in ("old_value", "new_value")}
    table = pa.Table.from_pandas(frame.assign(**ids, **instants), preserve_index=False).replace_schema_metadata(None)
    in_utc = [field.with_type(pa.timestamp("us", "UTC")) if field.name in instants else field for field in table.schema]
    return table.cast(pa.schema(in_utc))
