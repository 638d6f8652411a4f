"""What all the numbers mean: signals, KPIs and tables as their catalogs in `features` declare them."""

from functools import cache
from typing import Any

from pydantic import BaseModel, Field

from features.catalog import CLIENT_SIGNALS, DEAL_SIGNALS, GROUPS
from features.deal_warnings import WARNINGS
from features.kpis.catalog import KPIS
from features.kpis.value import Kpi
from features.tables import TABLES, Table
from serving.reason_schemas import Said


class SignalItem(Said):
    """One thing that the models read of a deal or a client."""

    name: str = Field(description="Its name.", examples=["days_in_stage"])
    of: str = Field(description="deals or clients.", examples=["deals"])
    group: str = Field(description="The group that reasons are given by.", examples=["pace"])
    unit: str = Field(description="days, count, ratio, money, share, flag (0 or 1) or category (text).", examples=["days"])
    low: float | None = Field(description="The smallest valid value; null: unbounded, or text.", examples=[0])
    high: float | None = Field(description="The largest valid value; null: unbounded, or text.")
    actionable: bool = Field(description="Whether somebody can do something about it this week.")
    tables: list[str] = Field(description="Tables without which it is absent.", examples=[["deals", "activities"]])


class GroupItem(Said):
    """Signals that answer one question of a manager."""

    name: str = Field(description="Its name.", examples=["pace"])


class WarningItem(BaseModel):
    """A plain fact about a deal that wants attention."""

    name: str = Field(description="Its name.", examples=["stalled"])
    signal: str = Field(description="The signal whose value it shows.", examples=["days_in_stage"])


class KpiItem(Said):
    """A key performance indicator."""

    name: str = Field(description="Its name.", examples=["win_rate"])
    title: Said = Field(description="What it is called.")
    formula: Said = Field(description="How it is made.")
    unit: str = Field(description="What it counts: money, share, days, count, ratio.", examples=["money"])
    direction: str = Field(description="Whether more of it is better.", examples=["more is better"])
    perspective: str = Field(description="Its place in the balanced scorecard.", examples=["finance"])
    tables: list[str] = Field(description="Tables without which it has no value.", examples=[["deals"]])


class ColumnItem(BaseModel):
    """A column of a table."""

    name: str = Field(description="Its name.", examples=["amount"])
    kind: str = Field(description="id, text, category, money, number, probability, instant, date or flag.", examples=["money"])
    required: bool = Field(description="Whether the table cannot be read without it.")
    known_from: str = Field(
        description="What makes a value known: a time column of the row, deal_changes, close, export or always.",
        examples=["deal_changes"],
    )
    values: list[str] = Field(description="The only values allowed; empty: any.")
    minimum: float | None = Field(description="The smallest number allowed; null: any.", examples=[0])
    beyond: bool = Field(description="Whether not even the minimum is allowed.", examples=[False])


class TableItem(BaseModel):
    """A table of the CRM as Dealcast reads it."""

    name: str = Field(description="Its name.", examples=["deals"])
    key: list[str] = Field(description="What tells its rows apart.", examples=[["deal_id"]])
    columns: list[ColumnItem] = Field(description="Its columns.")


class Catalog(BaseModel):
    """Every signal, warning, KPI and table."""

    groups: list[GroupItem] = Field(description="The groups of signals.")
    signals: list[SignalItem] = Field(description="What the models read.")
    warnings: list[WarningItem] = Field(description="What a manager is warned of.")
    kpis: list[KpiItem] = Field(description="What is measured.")
    tables: list[TableItem] = Field(description="What is read from the CRM.")


@cache
def catalog() -> Catalog:
    """The catalog. It depends on the version of Dealcast alone; an organisation's own columns are in its mapping."""
    told = [*(("deals", each) for each in DEAL_SIGNALS), *(("clients", each) for each in CLIENT_SIGNALS)]
    return Catalog.model_validate(
        {
            "groups": [vars(each) for each in GROUPS.values()],
            "signals": [{**vars(each), "of": of, "tables": list(each.tables)} for of, each in told],
            "warnings": [{"name": each.name, "signal": each.signal} for each in WARNINGS],
            "kpis": [_kpi(each) for each in KPIS.values()],
            "tables": [_table(each) for each in TABLES.values()],
        }
    )


def _kpi(kpi: Kpi) -> dict[str, Any]:
    plain = {name: getattr(kpi, name) for name in ("name", "unit", "direction", "perspective")}
    texts = {name: {"en": text.en, "ru": text.ru} for name in ("title", "formula") for text in [getattr(kpi, name)]}
    return {**plain, **texts, "en": kpi.meaning.en, "ru": kpi.meaning.ru, "tables": list(kpi.tables)}


def _table(table: Table) -> dict[str, Any]:
    columns = [
        {
            "name": each.name,
            "kind": each.kind.value,
            "required": each.required,
            "known_from": each.revealed_by,
            "values": list(each.values),
            "minimum": each.minimum,
            "beyond": each.beyond,
        }
        for each in table.columns
    ]
    return {"name": table.name, "key": list(table.key), "columns": columns}
