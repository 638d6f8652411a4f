"""Rows of the journal: one for each score and each node of a forecast that was issued.

    kind       pipeline: read off the ranked lists; posted: asked for with its records; reasons: why one of the pipeline is so
    target     deals or clients; record_id is the deal_id or the account_id
    as_of      the answer uses what was recorded strictly before; microseconds, as `issued_at`
    revision   of the data, and `model_version` of the champion
    asked      what tells two answers of one record and moment apart: SHA-256 of the posted rows and horizons, or the horizon of
               the reasons; empty in the pipeline
    owner_id   who owned the record then: who may read the row
    value      of a deal its amount, of a client its expected value, in the organisation's currency
    expected_value  of a deal value x p_won_this_quarter, of a client the expected loss
    answer     JSON with whatever else was answered: curve, horizons, reasons

The columns that make a row unique (`scores_once`, `forecasts_once`) let a replay, or another worker, write it again in vain.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
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


def brief_reasons(said: Mapping[str, Any]) -> dict[str, Any]:
    """Reasons without their words, which follow from the numbers: reference, each group's part, signals with the usual value."""
    return {
        "days": said["days"],
        "reference": said["reference"]["p"],
        "groups": {item["group"]: item["contribution"] for item in said["items"]},
        "signals": {each["name"]: [each["value"], each["usual"]] for item in said["items"] for each in item["signals"]},
    }


def hashes(signals: pd.DataFrame) -> list[str]:
    """SHA-256 of each row of signals: its numbers (64-bit floats, flags too), then its texts, in the order of the columns.

    Equal rows have equal hashes, in whatever table they stand; one kind of missing number, and one of missing text.
    """
    numeric, textual = _kinds(tuple(signals.dtypes))
    numbers = signals.take(numeric, axis=1).to_numpy(dtype="<f8", na_value=np.nan) + 0.0  # minus nought is nought
    numbers[np.isnan(numbers)] = np.nan
    words = signals.take(textual, axis=1).to_numpy(dtype=object)
    return [_hash(row.tobytes(), words[at].tolist()) for at, row in enumerate(numbers)]


def _hash(numbers: bytes, words: list[Any]) -> str:
    text = "\x1f".join(word if isinstance(word, str) else "\x00" for word in words)
    return hashlib.sha256(numbers + text.encode()).hexdigest()


@lru_cache(maxsize=64)
def _kinds(dtypes: tuple[Any, ...]) -> tuple[list[int], list[int]]:
    """The places of the numbers and of the texts; found out once for each kind of table, for it takes milliseconds."""
    numeric = [place for place, kind in enumerate(dtypes) if _is_number(kind)]
    return numeric, [place for place in range(len(dtypes)) if place not in numeric]


def number(value: Any) -> float | None:
    """A number as the database and JSON know it: NaN is null."""
    return None if value is None or value != value else float(value)


def _is_number(kind: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind))
