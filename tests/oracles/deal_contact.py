"""The contact signals of a deal by plain loops."""

from datetime import datetime
from itertools import pairwise
from math import nan
from typing import Any

from tests.oracles import Records, Row, days, known
from tests.oracles.deal_company import ago, over

KINDS = {"calls": "call", "emails": "email", "meetings": "meeting", "demos": "demo", "proposals": "proposal"}
TOLD_BY = {
    "n_inbound": "direction",
    "n_outbound": "direction",
    "n_unanswered": "direction",
    "n_contacts_replied": "direction",
    "n_people": "user_id",
    "n_contacts": "contact_id",
    "n_undone": "done_at",
    "n_next_steps": "due_at",
    "n_overdue_steps": "due_at",
    "n_overdue": "done_at",
    "overdue_step_days": "done_at",
}
"""What a source without such a column cannot tell is unknown, and not none."""


def _activities(records: Records, deal: Row, as_of: datetime) -> list[Row]:
    own = [row for row in records.rows("activities") if row.get("deal_id") == deal["deal_id"] and known("activities", row, as_of)]
    return sorted(
        own,
        key=lambda row: (row["logged_at"], max(row["logged_at"], row.get("recorded_at") or row["logged_at"]), row["activity_id"]),
    )


def contact(records: Records, deal: Row, as_of: datetime) -> dict[str, Any]:
    own = _activities(records, deal, as_of)
    chosen = {"activities": own, "inbound": [row for row in own if row.get("direction") == "in"]}
    chosen["outbound"] = [row for row in own if row.get("direction") == "out"]
    chosen |= {name: [row for row in own if row["kind"] == kind] for name, kind in KINDS.items()}
    logged = {name: [row["logged_at"] for row in rows] for name, rows in chosen.items()}
    signals: dict[str, Any] = {f"n_{name}": len(rows) for name, rows in chosen.items()}
    for window in (7, 30, 90):
        signals |= {f"n_{name}_{window}d": records.recent("activities", at, as_of, window) for name, at in logged.items()}
    signals["activity_pace_ratio"] = over(signals["n_activities_7d"] / 7, signals["n_activities_30d"] / 30)
    signals |= {
        f"days_since_{one}": ago(as_of, logged[name])
        for one, name in (("activity", "activities"), ("inbound", "inbound"), ("outbound", "outbound"))
    }
    signals["days_since_meeting"] = ago(as_of, logged["meetings"] + logged["demos"])
    moments = [max(moment, deal["created_at"]) for moment in logged["activities"]]
    signals["longest_silence_days"] = max(days(b - a) for a, b in pairwise([deal["created_at"], *moments, as_of]))
    signals |= {**_talk(own, as_of), **_planned(own, as_of)}
    columns = {column for row in records.rows("activities") for column in row}
    untold = [name for name in signals if any(name.startswith(told) for told, column in TOLD_BY.items() if column not in columns)]
    return signals | dict.fromkeys(untold, nan)


def _talk(own: list[Row], as_of: datetime) -> dict[str, Any]:
    said = {side: [row["logged_at"] for row in own if row.get("direction") == side] for side in ("in", "out")}
    unanswered = [moment for moment in said["out"] if not said["in"] or moment > max(said["in"])]
    waiting = [moment for moment in said["in"] if not said["out"] or moment > max(said["out"])]
    return {
        "n_people": len({row["user_id"] for row in own if row.get("user_id")}),
        "n_contacts": len({row["contact_id"] for row in own if row.get("contact_id")}),
        "n_contacts_replied": len({row["contact_id"] for row in own if row.get("contact_id") and row.get("direction") == "in"}),
        "n_unanswered_outbound": len(unanswered),
        "client_waiting_days": days(as_of - min(waiting)) if waiting else nan,
        "client_reply_days": _mean_answer(own, "out", "in"),
        "own_reply_days": _mean_answer(own, "in", "out"),
    }


def _mean_answer(own: list[Row], asked: str, answered: str) -> float:
    directed = [row for row in own if row.get("direction")]
    gaps = [
        days(after["logged_at"] - before["logged_at"])
        for before, after in pairwise(directed)
        if before["direction"] == asked and after["direction"] == answered
    ]
    return sum(gaps) / len(gaps) if gaps else nan


def _planned(own: list[Row], as_of: datetime) -> dict[str, Any]:
    undone = [row for row in own if row.get("done_at") is None or row["done_at"] >= as_of]
    due = [row["due_at"] for row in undone if row.get("due_at")]
    ahead, overdue = [moment for moment in due if moment >= as_of], [moment for moment in due if moment < as_of]
    return {
        "n_undone": len(undone),
        "n_next_steps": len(ahead),
        "days_to_next_step": days(min(ahead) - as_of) if ahead else nan,
        "n_overdue_steps": len(overdue),
        "overdue_step_days": days(as_of - min(overdue)) if overdue else nan,
    }
