"""A posted deal held against the company's own data: what it contradicts, and what of it the data has never seen.

A contradiction refuses the deal: an amount that cannot be converted, a custom column that nobody declared, a history in which one
value became two at once or that does not end where the deal stands. What the data does not know yet is no mistake: a new client
or a new product is scored, with a warning that says what could not be used.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, pairwise
from typing import Any, Final

import pandas as pd

from features import clock, contracts
from features.currencies import CURRENCIES
from features.dataset import Dataset
from features.errors import DataError
from features.tables import NUMERIC, TABLES, TEXTUAL, TRACKED, Kind
from features.tracking import tracked_kinds
from features.vocabulary import accounts_known, texts_known
from serving.posted.deals import PostedChange, PostedDeal
from serving.posted.items import Complaint

_NUMBERS: Final = frozenset(name for name in TRACKED if TABLES["deals"].column(name).kind in NUMERIC)
CATEGORIES: Final = ("pipeline", "product", "source", "type", "forecast_category")

_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "unknown_account": (
        "the account is not in the data: none of its history could be used",
        "клиента нет в данных: его история не учтена",
    ),
    "unknown_stage": (
        "the stage is not in the data: the deal is scored as one in a stage of its own",
        "такого этапа нет в данных: сделка оценена как стоящая на отдельном этапе",
    ),
    "unknown_owner": (
        "the owner is not in the data: the company's averages stand in",
        "ответственного нет в данных: взяты средние по компании",
    ),
    "unknown_category": (
        "the value is not in the data: the company's averages stand in",
        "такого значения нет в данных: взяты средние по компании",
    ),
    "unused_rows": (
        "the company's data has no such table, so these rows say nothing to the model",
        "в данных компании нет такой таблицы, поэтому эти строки ничего не говорят модели",
    ),
    "history_gap": (
        "a change does not begin with the value that the one before it left: a change is missing",
        "изменение начинается не с того значения, которое осталось от предыдущего: одного изменения не хватает",
    ),
}


@dataclass(frozen=True)
class _Declared:
    """What a company declares: currencies that can be converted, own columns, and fields that have a history."""

    currencies: frozenset[str]
    custom: Mapping[str, Kind]
    tracked: Mapping[str, Kind]


def complaints(dataset: Dataset, deal: PostedDeal) -> list[Complaint]:
    """What of the company's declarations, or of itself, a deal contradicts."""
    declared: _Declared = dataset.remembered("declared", lambda: _declared(dataset))
    return [
        *_of_currency(declared, deal),
        *_of_custom(declared, deal),
        *(each for place, change in enumerate(deal.changes) for each in _of_change(declared, place, change)),
        *_of_history(deal),
    ]


def own_ids(deal: PostedDeal) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The ids of the deal's activities, which are different in a whole request."""
    for place, activity in enumerate(deal.activities):
        if activity.activity_id is not None:
            yield activity.activity_id, ("activities", place, "activity_id")


def unknowns(dataset: Dataset, deal: PostedDeal, as_of: int) -> list[dict[str, str]]:
    """Warnings about what of a deal the data did not know before as_of, as in the HTTP API's `warnings`."""
    found = unknown_account(dataset, deal.account_id, as_of) if deal.account_id else []
    if deal.stage not in _stages(dataset) and not _known(texts_known(dataset, "stage"), deal.stage, as_of):
        found.append(warning("unknown_stage", "stage"))
    for field in ("owner_id", *CATEGORIES):
        value = getattr(deal, field)
        if value and dataset.arrays.has("deals", field) and not _known(texts_known(dataset, field), value, as_of):
            found.append(warning("unknown_owner" if field == "owner_id" else "unknown_category", field))
    return [*found, *(warning("history_gap", "changes") for _ in range(_has_gap(deal)))]


def unknown_account(dataset: Dataset, account_id: str, as_of: int) -> list[dict[str, str]]:
    """The warning that the data did not know an account before as_of; none where it did."""
    return [] if _known(accounts_known(dataset), account_id, as_of) else [warning("unknown_account", "account_id")]


def warning(code: str, field: str) -> dict[str, str]:
    """A warning about what was posted, in words."""
    en, ru = _SAID[code]
    return {"code": code, "field": field, "en": en, "ru": ru}


def _declared(dataset: Dataset) -> _Declared:
    rates = dataset.tables.get("rates")
    priced = set() if rates is None else set(rates["currency"].dropna())
    own = dataset.organisation.currency
    custom = {column.name: column.kind for column in dataset.custom}
    return _Declared(frozenset(({own} | priced) & CURRENCIES), custom, tracked_kinds(dataset.custom))


def _of_currency(declared: _Declared, deal: PostedDeal) -> list[Complaint]:
    if deal.currency is None or deal.currency in declared.currencies:
        return []
    if deal.currency not in CURRENCIES:
        return [(("currency",), "not_a_currency", "This is no currency of ISO 4217")]
    return [(("currency",), "no_rate", "There is no rate of exchange for this currency; add it to the table of rates")]


def _of_custom(declared: _Declared, deal: PostedDeal) -> Iterator[Complaint]:
    for name, value in deal.custom.items():
        if name not in declared.custom:
            yield ("custom",), "undeclared_column", "There is a column here that the mapping does not declare"
        elif not _plainly(value, declared.custom[name]) and (rule := _broken([value], declared.custom[name])):
            yield ("custom", name), "custom_value", rule


def _of_change(declared: _Declared, place: int, change: PostedChange) -> Iterator[Complaint]:
    """A change of a custom column; those of the contract's columns are the schema's business."""
    if change.field in TRACKED:
        return
    kind = declared.tracked.get(change.field)
    if kind is None:
        yield (
            ("changes", place, "field"),
            "untracked_field",
            "The field has no history: no custom column of it is declared to change",
        )
    elif kind not in TEXTUAL and (rule := _broken([change.old_value, change.new_value], kind)):
        yield ("changes", place), "change_value", rule


def _plainly(value: Any, kind: Kind) -> bool:
    """Whether a value so plainly is of its kind that nothing has to be parsed."""
    if value is None or (isinstance(value, str) and kind in TEXTUAL):
        return True
    return (isinstance(value, bool) and kind is Kind.FLAG) or (type(value) is float and kind in NUMERIC)


def _broken(values: Sequence[Any], kind: Kind) -> str | None:
    """The rule that values of a custom column break."""
    try:
        contracts.parse(pd.Series(list(values), dtype=object), kind, "deals")
    except DataError as error:
        return f"{error.rule}; {error.advice}"
    return None


def _of_history(deal: PostedDeal) -> Iterator[Complaint]:
    for field, steps in _by_field(deal).items():
        if any(_torn(together) for together in _instants(steps)):
            yield ("changes",), "contradictory_changes", "Changes of one field in the same instant cannot follow each other"
        elif field in TRACKED and not _ends_at(steps, getattr(deal, field, None)):
            yield (field,), "contradictory_changes", "The last change of this field leads to another value"


@dataclass(frozen=True)
class _Step:
    """A change of one field, its values as the deal holds them."""

    at: datetime
    old: str | float | None
    new: str | float | None


def _by_field(deal: PostedDeal) -> Mapping[str, list[_Step]]:
    """The changes of each field by time."""
    found: dict[str, list[_Step]] = {}
    for change in deal.changes:
        old, new = change.old_value, change.new_value
        if change.field in _NUMBERS:
            found.setdefault(change.field, []).append(_Step(change.changed_at, _number(old), _number(new)))
        else:
            found.setdefault(change.field, []).append(_Step(change.changed_at, old, new))
    return {field: sorted(steps, key=lambda step: step.at) for field, steps in found.items()}


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _instants(steps: Sequence[_Step]) -> Iterator[Sequence[_Step]]:
    """Runs of several changes in one instant."""
    for _, together in groupby(steps, key=lambda step: step.at):
        run = list(together)
        if len(run) > 1:
            yield run


def _torn(together: Sequence[_Step]) -> bool:
    """Whether changes in one instant cannot follow each other: as edges between values they make no path (Euler 1736)."""
    surplus: Counter[str | float | None] = Counter()
    for old, new in {(step.old, step.new) for step in together}:
        surplus[old] += 1
        surplus[new] -= 1
    return sum(max(each, 0) for each in surplus.values()) > 1


def _ends_at(steps: Sequence[_Step], value: Any) -> bool:
    """Whether the last changes of a field lead to the value that the deal has; one that was not sent is not compared."""
    held = value.isoformat() if isinstance(value, date) else value
    return held in (None, "") or any(step.new == held for step in steps if step.at == steps[-1].at)


def _has_gap(deal: PostedDeal) -> bool:
    """Whether a change begins elsewhere than where the one before it ended."""
    return any(
        earlier.at != later.at and None not in (later.old, earlier.new) and later.old != earlier.new
        for steps in _by_field(deal).values()
        for earlier, later in pairwise(steps)
    )


def _stages(dataset: Dataset) -> frozenset[str]:
    found: frozenset[str] = dataset.remembered("stage names", lambda: frozenset(dataset.tables["stages"]["stage"]))
    return found


def _known(first: Mapping[str, int], name: str, as_of: int) -> bool:
    return name in first and clock.is_known(first[name], as_of)
