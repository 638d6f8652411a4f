"""The catalog says what everything means, and the card of a model that no gate has seen says so."""

from starlette.testclient import TestClient

from features.catalog import CLIENT_SIGNALS, DEAL_SIGNALS, GROUPS
from features.kpis.catalog import KPIS
from features.tables import TABLES
from serving.served.runtime import Runtime


def test_a_model_that_no_gate_has_seen_says_so(client: TestClient, runtime: Runtime) -> None:
    cards = client.get("/v1/models/current").json()["models"]
    bundles = runtime.served().bundles
    assert [(card["target"], card["gate"]) for card in cards] == [(target, None) for target in bundles]
    assert [card["data_fingerprint"] for card in cards] == [bundle.meta["fingerprint"] for bundle in bundles.values()]
    regimes = [regime for card in cards for regime in card["regimes"]]
    assert all(regime["unjudged"] and not regime["questions"] for regime in regimes)
    assert {regime["regime"] for regime in regimes} == {"deals", "contracts", "orders"}


def test_the_catalog_holds_every_signal_kpi_and_table_in_both_languages(client: TestClient) -> None:
    catalog = client.get("/v1/catalog").json()
    assert [each["name"] for each in catalog["signals"]] == [each.name for each in (*DEAL_SIGNALS, *CLIENT_SIGNALS)]
    assert {each["name"] for each in catalog["kpis"]} == set(KPIS)
    assert {each["name"] for each in catalog["groups"]} == set(GROUPS)
    amount = next(each for each in TABLES["deals"].columns if each.name == "amount")
    (table,) = [each for each in catalog["tables"] if each["name"] == "deals"]
    shown = next(each for each in table["columns"] if each["name"] == "amount")
    assert (shown["kind"], shown["known_from"]) == (amount.kind.value, amount.revealed_by)
    assert all(each["en"] and each["ru"] and each["en"] != each["ru"] for each in (*catalog["signals"], *catalog["kpis"]))
