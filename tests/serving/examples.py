"""Asks every operation once of a small synthetic company and keeps question and answer as the examples of the OpenAPI document.

    python -m tests.serving.examples

Long lists are cut to their first items. The company, its models and so the answers follow from one seed.
"""

import json
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from starlette.testclient import TestClient

from features import clock
from features.dataset import Dataset
from features.synthetic import Settings as CompanySettings
from features.synthetic import generate
from serving.access.audit_log import Origin
from serving.api import create_app
from serving.database import Database
from serving.openapi import EXAMPLES
from serving.registry.champions import TARGETS, Champions, cache_below
from serving.registry.last_good import LastGood
from serving.registry.promotions import Promotions, Wish
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import KEY, MemorySource, showing
from tests.serving.posted.test_posted import DEAL
from tests.serving.stored import store_of
from training import bundle
from training.registry import FolderRegistry, RunRecord
from training.run import fit

SHOWN: Final = 3
_AT: Final = "2026-10-01T09:00:00Z"
CHANCE: Final[dict[str, Any]] = {
    "call_id": "12f29d61ab6347c098b02de503de0c57",
    "key_id": "k3q7m2xw5r",
    "token": "dc_k3q7m2xw5r_…",
    "request_id": "r-1",
    **dict.fromkeys(("made_at", "created_at", "expires_at", "revoked_at", "old_valid_until", "old_until", "last_used_at"), _AT),
    **dict.fromkeys(("at", "issued_at", "promoted_at"), _AT),
    "row_hash": "9f2c51d07e6ab384" * 4,
}
"""What differs from run to run, and what stands for it."""
SHOWN_OF_CURVES: Final = 6


CLIENT: Final = {
    "account_id": "A-new",
    "orders": [
        {"order_id": f"O-{month}", "ordered_at": f"2026-{month:02}-15T09:00:00Z", "amount": 800 + 50 * month}
        for month in (2, 4, 6, 8)
    ],
}


@dataclass(frozen=True)
class Asked:
    """One request. `{deal}` and `{client}` in the path stand for the first of each list, `{key}` for a key that was made."""

    path: str
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    method: str = ""


PUT: Final = {"deal_id": "D-9001", "created_at": "2026-09-01T09:00:00+02:00", "stage": "Discovery", "amount": 10000}
ASKED: Final = {
    "get_health": Asked("/healthz"),
    "get_readiness": Asked("/readyz"),
    "list_deals": Asked("/v1/deals", {"limit": 2, "p_won_min": 0.2}),
    "get_deal": Asked("/v1/deals/{deal}", {"horizons": [30, 60]}),
    "score_deals": Asked("/v1/score", body={"deals": [DEAL], "horizons": [30, 90]}),
    "score_clients": Asked("/v1/score-clients", body={"clients": [CLIENT]}),
    "list_clients": Asked("/v1/clients", {"limit": 2}),
    "get_client": Asked("/v1/clients/{client}"),
    "list_kpis": Asked("/v1/kpis", {"kpi": ["win_rate"], "by": "team"}),
    "get_funnel": Asked("/v1/funnel"),
    "get_team": Asked("/v1/team"),
    "list_goals": Asked("/v1/goals"),
    "get_forecast": Asked("/v1/forecast", {"by": "team"}),
    "ask_what_if": Asked("/v1/forecast/what-if", body={"close": ["{deal}"], "rate": {"Proposal": 10}}),
    "get_bridge": Asked("/v1/bridge", {"from": "2026-09-08"}),
    "make_call": Asked("/v1/calls", body={"scope": "deal", "scope_id": "{deal}", "measure": "p_won", "value": 0.7}),
    "list_calls": Asked("/v1/calls"),
    "get_call_record": Asked("/v1/calls/record"),
    "get_current_models": Asked("/v1/models/current"),
    "get_write_back": Asked("/v1/write-back/salesforce", {"limit": 2}),
    "get_catalog": Asked("/v1/catalog"),
    "create_key": Asked("/v1/keys", body={"name": "CRM production", "scopes": ["score", "write"], "expires_in_days": 365}),
    "rotate_key": Asked("/v1/keys/{key}/rotate", body={"overlap_days": 7}),
    "list_keys": Asked("/v1/keys"),
    "revoke_key": Asked("/v1/keys/{key}", method="DELETE"),
    "list_audit": Asked("/v1/audit", {"limit": 2}),
    "list_promotions": Asked("/v1/models/promotions"),
    "get_deal_history": Asked("/v1/history/deals", {"deal_id": "{deal}"}),
    "get_client_history": Asked("/v1/history/clients", {"account_id": "{client}"}),
}
PROMOTED: Final[dict[str, tuple[dict[str, Any], int]]] = {
    "promote_model": ({"target": "deals", "version": "2", "expected_revision": 1, "note": "better since July"}, 1),
    "roll_back_model": ({"target": "deals", "expected_revision": 2}, 0),
}
"""Requests that need MLflow, and which row of `list_promotions` answers each."""
HIDDEN: Final = re.compile(r"(dc_[a-z2-7]{10}_)[A-Za-z0-9_-]{43}")
"""The secret part of a key."""

WRITTEN: Final = {
    "put_records": Asked(
        "/v1/records/deals",
        body={"rows": [{"deal_id": "{deal}", "stage": "Proposal", "amount": 42000, "expected_close_on": "2026-12-15"}]},
        method="PUT",
    ),
    "merge_records": Asked("/v1/records/accounts/merge", body={"from": "{client}", "into": "{other}"}, method="POST"),
    "delete_records": Asked("/v1/records/deals/delete", body={"keys": ["{deal}", "D-unknown"]}, method="POST"),
    "delete_record": Asked("/v1/records/accounts/{other}", method="DELETE"),
}
"""Requests that change what is stored, in their order."""


def shortened(answer: Any, name: str = "") -> Any:
    """The answer with long lists cut."""
    if name in CHANCE and answer is not None:
        return CHANCE[name]
    if isinstance(answer, list):
        most = SHOWN_OF_CURVES if name == "curve" else len(answer) if name == "items" and "group" in str(answer[:1]) else SHOWN
        return [shortened(each) for each in answer[:most]]
    return {key: shortened(value, key) for key, value in answer.items()} if isinstance(answer, dict) else answer


def ask(client: TestClient, asked: Asked, names: dict[str, str]) -> dict[str, Any]:
    """The example of one request. Raises AssertionError where it fails."""
    path, query = asked.path.format(**names), {name: _named(value, names) for name, value in asked.query.items()}
    text = json.dumps(asked.body)
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    body = json.loads(text)
    answer = client.request(asked.method or ("GET" if body is None else "POST"), path, params=query, json=body)
    assert answer.is_success, (path, answer.text)
    if "token" in answer.text:
        names["key"] = answer.json()["key_id"]
    found: dict[str, Any] = {"parameters": query} if query else {}
    found |= {} if body is None else {"request": body}
    told = json.dumps(shortened(answer.json())).replace(names.get("key", CHANCE["key_id"]), CHANCE["key_id"])
    return {**found, "response": json.loads(told)}


def _named(value: Any, names: dict[str, str]) -> Any:
    return value.format(**names) if isinstance(value, str) else value


def keep(operation: str, example: dict[str, Any]) -> None:
    text = HIDDEN.sub(rf"\1{'x' * 43}", json.dumps(example, indent=1, ensure_ascii=False))
    (EXAMPLES / f"{operation}.json").write_text(text + "\n", encoding="utf-8")


def promote(database: Database, folder: Path, bundles: Path) -> None:
    """Three promotions by hand, of a registry on a folder."""
    registry = FolderRegistry(folder)
    promotions = Promotions(database, registry)
    for _ in range(2):
        registry.register("deals", bundles, RunRecord({}, {}, {"gate": "promoted"}))
    for version, note in (("1", None), ("2", "better since July"), (None, None)):
        promotions.make(Wish("deals", version, note=note), Origin("k3q7m2xw5r"))


def main() -> None:
    warnings.simplefilter("ignore")
    company = generate(CompanySettings(n_deals=300)).dataset()
    trained = clock.instant(clock.after_days(clock.micros(company.ends_at), -30.0))  # before the bridge's first date
    EXAMPLES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        home = Path(folder)
        for target in TARGETS:
            bundle.save(fit(company, target, trained, threads=1), cache_below(home) / target / "1")
            (cache_below(home) / target / "current").write_text("1", encoding="utf-8")
        held = Runtime(MemorySource(company), Champions(home))
        held.refresh()
        served = held.served()
        assert served.clients is not None
        names = {"deal": str(served.deals.ids[0]), "client": str(served.clients.ids[0])}
        app = create_app(held, Settings(home=home, api_key=KEY), watching=False)
        with TestClient(app, headers=showing(KEY)) as client:
            promote(app.state.database, home / "registry", cache_below(home) / "deals" / "1")
            app.state.recorder.record(served)  # as the server does when it takes up data
            for operation, asked in ASKED.items():
                keep(operation, ask(client, asked, names))
            rows = ask(client, ASKED["list_promotions"], names)["response"]["items"]
            for operation, (body, row) in PROMOTED.items():
                keep(operation, {"request": body, "response": rows[row]})
        write(company, home, names)


def write(company: Dataset, home: Path, names: dict[str, str]) -> None:
    """The examples of requests that write, over a store of the company."""
    url = f"sqlite:///{home / 'written.db'}"
    store_of(company, url).close()
    source = LastGood(url, home / "copies")
    app = create_app(Runtime(source, Champions(home)), Settings(home=home, store_url=url, demo=True), watching=False)
    other = next(each for each in company.tables["accounts"]["account_id"] if each != names["client"])
    with TestClient(app, base_url="http://127.0.0.1") as client:
        for operation, asked in WRITTEN.items():
            keep(operation, ask(client, asked, {**names, "other": str(other)}))
    source.close()


if __name__ == "__main__":
    main()
