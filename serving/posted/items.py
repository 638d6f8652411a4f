"""The items of a posted request, each read and checked by itself: one that does not fit gets its errors, the others their scores.

An item is read by its schema, then held against what the company declares (`company`), then against the other items of the
request: two with one id contradict each other, and both are refused.

Example: of three deals the second has the amount "12k". The answer has the scores of the first and third, and between them

    {"index": 1, "deal_id": "D-2", "reason": "invalid", "errors": [{"pointer": "/body/deals/1/amount", "code": "float_type", …}]}
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from serving.errors import FieldError, field_errors, pointer
from serving.posted.deals import Id

P = TypeVar("P", bound=BaseModel)
Complaint = tuple[tuple[str | int, ...], str, str]
"""What is wrong with an item: the place inside it, the rule for programs, the rule for people."""

SHOWN_TWINS: Final = 5
_ID: Final[TypeAdapter[str]] = TypeAdapter(Id)


@dataclass(frozen=True)
class Kind(Generic[P]):
    """A kind of item.

    name       where the items stand in the body, and what they are called: deals
    id_field   the field that tells items apart
    model      the schema
    own_ids    ids of what the item holds that have to be different in the whole request, with their places
    complaints what of the company an item contradicts
    """

    name: str
    id_field: str
    model: type[P]
    own_ids: Callable[[P], Iterable[tuple[str, tuple[str | int, ...]]]]
    complaints: Callable[[P], Sequence[Complaint]]


@dataclass(frozen=True)
class Item(Generic[P]):
    """One item of a request: `posted` is None where it was refused, for the `errors`; `id` where even that cannot be read."""

    index: int
    id: str | None
    posted: P | None
    errors: tuple[FieldError, ...] = ()


def read(kind: Kind[P], raw: Sequence[Any]) -> list[Item[P]]:
    """The items in the order of the request."""
    items = [_read(kind, index, each) for index, each in enumerate(raw)]
    twins = _twins(kind, items)
    return [
        replace(item, posted=None, errors=(*twins[item.index], *item.errors)) if item.index in twins else item for item in items
    ]


def refused(kind: Kind[Any], item: Item[Any]) -> dict[str, Any]:
    """The result that stands in the place of a refused item."""
    errors = [error.model_dump() for error in item.errors]
    return {"index": item.index, kind.id_field: item.id, "reason": "invalid", "errors": errors}


def _read(kind: Kind[P], index: int, raw: Any) -> Item[P]:
    try:
        posted = kind.model.model_validate(raw)
    except ValidationError as error:
        return Item(index, _id_of(kind, raw), None, tuple(_field_errors(kind, index, error)))
    errors = [_error(kind, index, complaint) for complaint in kind.complaints(posted)]
    return Item(index, getattr(posted, kind.id_field), None if errors else posted, tuple(errors))


def _field_errors(kind: Kind[P], index: int, error: ValidationError) -> list[FieldError]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return field_errors({**each, "loc": ("body", kind.name, index, *each["loc"])} for each in found)


def _id_of(kind: Kind[P], raw: Any) -> str | None:
    """The id of an item that is refused, where that much of it can be read."""
    try:
        return _ID.validate_python(raw[kind.id_field]) if isinstance(raw, dict) and kind.id_field in raw else None
    except ValidationError:
        return None


def _twins(kind: Kind[P], items: Sequence[Item[P]]) -> Mapping[int, list[FieldError]]:
    """The errors of items that have an id in common, of their own or of something they hold, by index."""
    own = [(item.id, item.index, (kind.id_field,)) for item in items if item.id is not None]
    held = [(id_, item.index, place) for item in items if item.posted for id_, place in kind.own_ids(item.posted)]
    found: dict[int, list[FieldError]] = {}
    for group in (*_repeated(own), *_repeated(held)):
        indices = list(dict.fromkeys(index for index, _ in group))
        said = _indices(kind, indices, str(group[0][1][-1]))
        for index, place in group:
            found.setdefault(index, []).append(_error(kind, index, (place, "duplicate_id", said)))
    return found


def _repeated(ids: Iterable[tuple[str, int, tuple[str | int, ...]]]) -> list[list[tuple[int, tuple[str | int, ...]]]]:
    """The places of each id that stands more than once."""
    places: dict[str, list[tuple[int, tuple[str | int, ...]]]] = {}
    for id_, index, place in ids:
        places.setdefault(id_, []).append((index, place))
    return [group for group in places.values() if len(group) > 1]


def _indices(kind: Kind[P], indices: Sequence[int], field: str) -> str:
    if len(indices) == 1:
        return f"Two entries of this item have the same {field}"
    listed = [str(index) for index in indices[:SHOWN_TWINS]]
    more = f" and {len(indices) - SHOWN_TWINS} more" if len(indices) > SHOWN_TWINS else ""
    return f"{kind.name.capitalize()} {', '.join(listed[:-1])} and {listed[-1]}{more} (counted from 0) have the same {field}"


def _error(kind: Kind[P], index: int, complaint: Complaint) -> FieldError:
    place, code, detail = complaint
    return FieldError(pointer=pointer(("body", kind.name, index, *place)), code=code, detail=detail)
