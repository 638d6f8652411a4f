"""How a source without a history grows one from export to export."""

import pandas as pd

from features import clock, growth
from features.parsing import DTYPES
from features.tables import CHANGES, CLOSE, TABLES, TRACKED, Column, Kind
from tests.features.exports import rows

FIRST, SECOND = pd.Timestamp("2026-05-01T00:00Z").as_unit("us"), pd.Timestamp("2026-05-08T00:00Z").as_unit("us")
KINDS = {"amount": Kind.MONEY, "stage": Kind.CATEGORY}


def deals(*lines: tuple[str, float | None, str]) -> pd.DataFrame:
    frame = pd.DataFrame(lines, columns=["deal_id", "amount", "stage"])
    return frame.astype({"deal_id": "str", "amount": "float64", "stage": "str"})


def changes(*lines: tuple[str, pd.Timestamp, str, str | None, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(lines, columns=["deal_id", "changed_at", "field", "old_value", "new_value"])
    return frame.astype(
        {"changed_at": DTYPES[Kind.INSTANT]} | dict.fromkeys(["deal_id", "field", "old_value", "new_value"], "str")
    )


def openings(**known: tuple[float | None, int]) -> pd.DataFrame:
    """Openings of the amount of some deals; of every other field nothing is known."""
    frame = pd.DataFrame({"deal_id": pd.Series(list(known), dtype="str")})
    for name in TRACKED:
        frame[name] = pd.Series(None, index=frame.index, dtype=DTYPES[TABLES["deals"].column(name).kind])
        frame[f"{name}_since"] = clock.UNKNOWN
    values, since = zip(*known.values(), strict=True)
    return frame.assign(amount=pd.Series(values, dtype="float64"), amount_since=pd.Series(since))


def test_only_deals_of_both_exports_and_only_fields_that_differ() -> None:
    stored = deals(("D1", 5000, "Discovery"), ("D2", None, "Won"), ("gone", 1, "Lost"))
    incoming = deals(("D2", None, "Won"), ("new", 9, "Discovery"), ("D1", 7500, "Discovery"))
    found = growth.differences(stored, incoming, KINDS)
    assert rows(found, "deal_id", "field", "old_value", "new_value") == [("D1", "amount", "5000", "7500")]


def test_becoming_empty_or_filled_is_a_change_too() -> None:
    found = growth.differences(deals(("D1", 5, "A"), ("D2", None, "A")), deals(("D1", None, "A"), ("D2", 6, "A")), KINDS)
    assert rows(found, "deal_id", "old_value", "new_value") == [("D1", "5", None), ("D2", None, "6")]


def test_a_change_without_a_history_is_known_from_the_later_export_on() -> None:
    found = growth.differences(deals(("D1", 5000, "A")), deals(("D1", 7500, "A")), KINDS)
    recorded = growth.unexplained(found, changes(), SECOND)
    assert rows(recorded, "deal_id", "changed_at", "field", "old_value", "new_value") == [
        ("D1", SECOND, "amount", "5000", "7500")
    ]


def test_a_change_that_the_history_tells_stays_the_histories() -> None:
    found = growth.differences(deals(("D1", 5000, "A")), deals(("D1", 7500, "B")), KINDS)
    told = changes(("D1", SECOND, "amount", "6000", "7500"), ("D1", FIRST, "amount", "5000", "6000"))
    assert rows(growth.unexplained(found, told, SECOND), "field", "new_value") == [("stage", "B")]


def test_a_change_starts_where_the_history_ends() -> None:
    found = growth.differences(deals(("D1", 5000, "A")), deals(("D1", 7500, "A")), KINDS)
    recorded = growth.unexplained(found, changes(("D1", FIRST, "amount", "5000", "6000")), SECOND)
    assert rows(recorded, "old_value", "new_value") == [("6000", "7500")]


def test_own_columns_are_tracked_where_the_mapping_says_that_they_change() -> None:
    own = [Column("size", Kind.NUMBER, CHANGES), Column("reason", Kind.TEXT, CLOSE)]
    frame = deals(("D1", 5, "A")).assign(size=1.0, reason="x")
    assert growth.tracked(frame, frame, own) == {"amount": Kind.MONEY, "stage": Kind.CATEGORY, "size": Kind.NUMBER}
    assert "size" not in growth.tracked(frame.drop(columns="size"), frame, own)


def test_what_is_known_since_earlier_stays_and_what_reaches_further_back_is_taken() -> None:
    stored = openings(kept=(5.0, 100), older=(5.0, 100), unknown=(None, clock.UNKNOWN))
    derived = openings(new=(9.0, 300), kept=(7.0, 200), older=(4.0, 50), unknown=(3.0, 200))
    found = growth.openings(stored, derived)
    assert rows(found, "deal_id", "amount", "amount_since") == [
        ("new", 9.0, 300),
        ("kept", 5.0, 100),
        ("older", 4.0, 50),
        ("unknown", 3.0, 200),
    ]
    assert found.dtypes.to_dict() == derived.dtypes.to_dict()
