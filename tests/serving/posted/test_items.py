from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from serving.posted.items import Complaint, Item, Kind, read, refused


class Parcel(BaseModel):
    parcel_id: str
    weight: float = 1.0
    stamps: list[str] = []


def own_ids(parcel: Parcel) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    yield from ((stamp, ("stamps", place)) for place, stamp in enumerate(parcel.stamps))


def complaints(parcel: Parcel) -> list[Complaint]:
    return [(("weight",), "too_heavy", "Too heavy")] if parcel.weight > 10 else []


PARCELS = Kind("parcels", "parcel_id", Parcel, own_ids, complaints)


def errors(items: list[Item[Parcel]]) -> list[list[tuple[str, str]]]:
    return [[(error.pointer, error.code) for error in item.errors] for item in items]


def parcel(parcel_id: Any, **other: Any) -> dict[str, Any]:
    return {"parcel_id": parcel_id, **other}


def test_a_bad_item_costs_no_other() -> None:
    items = read(PARCELS, [parcel("A"), parcel("B", weight="much"), parcel("C", weight=11), parcel("D")])
    assert [item.posted is not None for item in items] == [True, False, False, True]
    assert [item.id for item in items] == ["A", "B", "C", "D"]
    heavy = ("/body/parcels/2/weight", "too_heavy")
    assert errors(items) == [[], [("/body/parcels/1/weight", "float_parsing")], [heavy], []]


def test_what_is_no_item_at_all_has_no_id() -> None:
    items = read(PARCELS, [17, None, [], {"parcel_id": 3}, {"parcel_id": "\x00", "weight": "much"}])
    assert [item.id for item in items] == [None] * 5
    assert all(item.errors for item in items)


def test_items_with_one_id_are_all_refused_and_name_each_other() -> None:
    items = read(PARCELS, [parcel("A"), parcel("B"), parcel("A")])
    assert [item.posted is None for item in items] == [True, False, True]
    assert errors(items)[2] == [("/body/parcels/2/parcel_id", "duplicate_id")]
    assert items[0].errors[0].detail == "Parcels 0 and 2 (counted from 0) have the same parcel_id"


def test_an_item_that_is_refused_anyway_still_shares_its_id() -> None:
    items = read(PARCELS, [parcel("A", weight="much"), parcel("A")])
    assert [[error.code for error in item.errors] for item in items] == [["duplicate_id", "float_parsing"], ["duplicate_id"]]


def test_ids_of_what_items_hold_are_different_in_the_whole_request() -> None:
    items = read(PARCELS, [parcel("A", stamps=["s", "t"]), parcel("B", stamps=["u", "t"]), parcel("C", stamps=["v", "v"])])
    assert errors(items)[0] == [("/body/parcels/0/stamps/1", "duplicate_id")]
    assert errors(items)[1] == [("/body/parcels/1/stamps/1", "duplicate_id")]
    assert "Two entries of this item" in items[2].errors[0].detail


def test_many_twins_are_counted_and_not_listed() -> None:
    items = read(PARCELS, [parcel("A")] * 8)
    assert items[7].errors[0].detail.startswith("Parcels 0, 1, 2, 3 and 4 and 3 more (counted from 0)")


def test_a_refused_item_says_where_it_stood() -> None:
    (item,) = read(PARCELS, [parcel("A", weight="much")])
    found = refused(PARCELS, item)
    assert (found["index"], found["parcel_id"], found["reason"]) == (0, "A", "invalid")
    assert found["errors"][0]["pointer"] == "/body/parcels/0/weight"
