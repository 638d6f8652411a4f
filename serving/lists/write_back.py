"""Scores in the shape that a CRM takes them in: requests that a program sends on as they are.

Dealcast knows no password of a CRM and calls none. It says what to send, in batches as large as the CRM allows, and whoever has
the CRM's token sends it: a flow, a function, five lines of Python (docs/write-back.md).

    salesforce  one PATCH of sObject Collections for up to 200 records
    hubspot     one POST of batch/update for up to 100 deals; every value is text
    dynamics    one PATCH of msdyn_predictivescores for each opportunity: score 0 to 100, grade 0 (A) to 3 (D),
                trend 0 (improving) to 2 (declining), 3 where there is none

A deal without a score has its fields emptied, so that no old score outlives its reason; Dynamics knows no empty score, so such
deals are left out there and counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import quote

from serving.settings import WriteBack

Preset = Literal["salesforce", "dynamics", "hubspot"]
Scores = Sequence[Mapping[str, Any]]
"""For each deal its `deal_id` and the values, None where there is none."""

VALUES: Final = (
    "score",
    "grade",
    "p_won",
    "p_won_90d",
    "p_won_this_quarter",
    "expected_value",
    "predicted_close_on",
    "reasons",
    "warnings",
    "trend",
    "model_version",
    "as_of",
)
"""What can be written: `score` is 100 x p_won_90d, `reasons` and `warnings` are text in the language asked for."""
LETTERS: Final = ("A", "B", "C", "D")
TRENDS: Final = {"up": 0, "steady": 1, "down": 2, None: 3}
"""msdyn_scoretrend: improving, steady, declining, not enough info (Microsoft Learn, Dynamics 365 Sales, "Populate predictive
scores using custom scoring model")."""


@dataclass(frozen=True)
class Shape:
    """How one CRM takes scores.

    batch     records in one page
    object    the kind of record that is written to
    id_field  the field that tells records apart
    fields    value -> the field that takes it
    requests  what to send for some scores
    """

    batch: int
    object: str
    id_field: str
    fields: Mapping[str, str]
    requests: Callable[["Shape", Scores], list[dict[str, Any]]]

    def named(self, own: WriteBack | None) -> "Shape":
        """With the names that an installation gives."""
        if own is None:
            return self
        fields = {value: name for value, name in {**self.fields, **own.fields}.items() if name}
        return replace(self, object=own.object or self.object, id_field=own.id_field or self.id_field, fields=fields)

    def values(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of one record; a value that was not asked for is left as it is."""
        return {name: score[value] for value, name in self.fields.items() if value in score}


def _salesforce(shape: Shape, scores: Scores) -> list[dict[str, Any]]:
    records = [
        {"attributes": {"type": shape.object}, shape.id_field: score["deal_id"], **shape.values(score)} for score in scores
    ]
    body = {"allOrNone": False, "records": records}
    return [{"method": "PATCH", "path": "/services/data/v62.0/composite/sobjects", "body": body}] if records else []


def _hubspot(shape: Shape, scores: Scores) -> list[dict[str, Any]]:
    inputs = [{"id": score["deal_id"], "properties": _texts(shape.values(score))} for score in scores]
    if shape.id_field != "id":
        inputs = [{**each, "idProperty": shape.id_field} for each in inputs]
    path = f"/crm/v3/objects/{shape.object}/batch/update"
    return [{"method": "POST", "path": path, "body": {"inputs": inputs}}] if inputs else []


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """HubSpot's values are texts; an empty one empties the property."""
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _dynamics(shape: Shape, scores: Scores) -> list[dict[str, Any]]:
    scored = [score for score in scores if score["score"] is not None]
    return [{"method": "PATCH", "path": _record(shape, score), "body": _predictive_score(shape, score)} for score in scored]


def _record(shape: Shape, score: Mapping[str, Any]) -> str:
    """By the alternate key of a predictive score: it is made where there is none yet. A quote in an id is doubled."""
    key = quote(str(score["deal_id"]).replace("'", "''"), safe="")
    return f"/api/data/v9.2/msdyn_predictivescores({shape.id_field}='{key}',msdyn_entitytype='{shape.object}')"


def _predictive_score(shape: Shape, score: Mapping[str, Any]) -> dict[str, Any]:
    return shape.values({**score, "grade": LETTERS.index(score["grade"]), "trend": TRENDS[score["trend"]]})


SHAPES: Final[Mapping[Preset, Shape]] = {
    "salesforce": Shape(
        200,
        "Opportunity",
        "id",
        {
            "score": "Dealcast_Score__c",
            "grade": "Dealcast_Grade__c",
            "p_won_this_quarter": "Dealcast_Won_This_Quarter__c",
            "predicted_close_on": "Dealcast_Predicted_Close__c",
            "reasons": "Dealcast_Reasons__c",
            "model_version": "Dealcast_Model__c",
            "as_of": "Dealcast_As_Of__c",
        },
        _salesforce,
    ),
    "hubspot": Shape(
        100,
        "deals",
        "id",
        {
            "score": "dealcast_score",
            "grade": "dealcast_grade",
            "p_won_this_quarter": "dealcast_won_this_quarter",
            "predicted_close_on": "dealcast_predicted_close",
            "reasons": "dealcast_reasons",
            "model_version": "dealcast_model",
            "as_of": "dealcast_as_of",
        },
        _hubspot,
    ),
    "dynamics": Shape(
        100,
        "opportunity",
        "msdyn_entityid",
        {"score": "msdyn_score", "grade": "msdyn_grade", "trend": "msdyn_scoretrend"},
        _dynamics,
    ),
}
