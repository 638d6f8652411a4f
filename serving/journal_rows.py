"""Rows of the journal: one for each score and each node of a forecast that was issued.

    kind       pipeline: read off the ranked lists; posted: asked for with its records; reasons: why one of the pipeline is so
    target     deals or clients; record_id is the deal_id or the account_id
    as_of      the answer uses what was recorded strictly before; microseconds, as `issued_at`
    revision   of the data, and `model_version` of the champion
    asked      what tells two answers of one record and moment apart: SHA-256 of the posted rows and horizons, or the horizon of
               the reasons; empty in the pipeline
    owner_id   who owned the record then: who may read the row
    value      of a deal its amount, of a client its expected value, in the organisation's currency
    expected_value  of a deal value x p_won_this_quarter, of a client the value at risk
    answer     JSON with whatever else was answered: curve, horizons, reasons

The columns that make a row unique (`scores_once`, `forecasts_once`) let a replay, or another worker, write it again in vain.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, TypeAlias

import numpy as np
import pandas as pd
import sqlalchemy as sa

from serving.database import FORECASTS, SCORES

Kind = Literal["pipeline", "posted", "reasons"]
KINDS: Final[tuple[Kind, ...]] = ("pipeline", "posted", "reasons")
_MICROS: Final = 1000


def issued_now() -> int:
    """The moment of issue, by the clock on the wall, in microseconds since 1970."""
    return time.time_ns() // _MICROS


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score that was issued."""

    TABLE: ClassVar[sa.Table] = SCORES

    kind: Kind
    target: str
    record_id: str
    as_of: int
    revision: int
    model_version: str
    asked: str = ""
    signals_sha256: str | None = None
    owner_id: str | None = None
    asked_by: str | None = None
    p_won_this_quarter: float | None = None
    p_won_next_quarter: float | None = None
    p_won: float | None = None
    p_lost: float | None = None
    p_leaves: float | None = None
    value: float | None = None
    expected_value: float | None = None
    reason: str | None = None
    answer: str | None = None
    issued_at: int = field(default_factory=issued_now)


@dataclass(frozen=True, kw_only=True)
class ForecastRow:
    """One node of a forecast that was issued."""

    TABLE: ClassVar[sa.Table] = FORECASTS

    period: str
    dimension: str
    node: str
    as_of: int
    as_of_day: str
    revision: int
    model_version: str
    asked_by: str | None = None
    mean: float | None = None
    median: float | None = None
    plan: float | None = None
    p_plan: float | None = None
    answer: str | None = None
    issued_at: int = field(default_factory=issued_now)


Row: TypeAlias = ScoreRow | ForecastRow
TABLES: Final[Mapping[str, type[Row]]] = {each.TABLE.name: each for each in (ScoreRow, ForecastRow)}


def compact(value: Any) -> str:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def digest(value: Any) -> str:
    """SHA-256 of a value by its JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str).encode()).hexdigest()


def hashes(signals: pd.DataFrame) -> list[str]:
    """SHA-256 of each row of signals: its numbers as 64-bit floats, its texts, and flags as numbers, in the order of the columns.

    Equal rows have equal hashes, in whatever table they stand; one kind of missing number, and one of missing text.
    """
    texts = [name for name in signals if not _is_number(signals[name])]
    numbers = signals.drop(columns=texts).astype("float64").to_numpy(dtype="<f8", na_value=np.nan)
    numbers = np.ascontiguousarray(np.where(np.isnan(numbers), np.nan, numbers + 0.0))
    words = [signals[name].astype(object).where(signals[name].notna(), "\x00").astype(str).tolist() for name in texts]
    lines = zip(*words, strict=True) if words else ((),) * len(signals)
    return [
        hashlib.sha256(row.tobytes() + "\x1f".join(line).encode()).hexdigest() for row, line in zip(numbers, lines, strict=True)
    ]


def number(value: Any) -> float | None:
    """A number as the database and JSON know it: NaN is null."""
    return None if value is None or value != value else float(value)


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype))
