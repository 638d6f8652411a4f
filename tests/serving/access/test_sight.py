"""What a person sees: their own subtree, and nothing of anybody else in any answer of any route."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from features.dataset import Dataset
from serving.access.auth import Scope
from serving.access.sight import below
from serving.api import create_app
from serving.registry.champions import Champions
from serving.served.runtime import Runtime, build
from serving.served.state import Served
from serving.settings import Settings
from tests.serving.conftest import KEY, MemorySource, key_for, log_in, showing
from tests.serving.routes import routes

PLANTED = re.compile(r"[DA]-\d{6}|U-\d{4}|(?:Deal|Client|Person|Team)Name\d{6}")
LEFT = pd.Timestamp("2026-01-01", tz="UTC")


def users_of(managers: dict[str, str | None], left: tuple[str, ...] = ()) -> pd.DataFrame:
    ids = list(managers)
    return pd.DataFrame(
        {
            "user_id": ids,
            "name": [f"name of {each}" for each in ids],
            "manager_id": list(managers.values()),
            "left_at": pd.Series([LEFT if each in left else pd.NaT for each in ids], dtype="datetime64[us, UTC]"),
        }
    )


def reaches(managers: dict[str, str | None], person: str, above: str) -> bool:
    """Slowly: whether one comes to `above` by going from manager to manager."""
    seen: set[str | None] = set()
    at: str | None = person
    while at not in seen:
        if at == above:
            return True
        seen.add(at)
        at = managers.get(at or "")
    return False


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.none() | st.sampled_from("abcdefghxy"), min_size=1))
def test_a_subtree_is_whoever_comes_to_the_person_by_going_up(managers: dict[str, str | None]) -> None:
    for person in managers:
        expected = {each for each in managers if reaches(managers, each, person)}
        assert below(users_of(managers), person)[0] == expected


def test_who_left_sees_nothing_and_who_is_above_still_sees_their_people() -> None:
    users = users_of({"ann": None, "bob": "ann", "cas": "bob"}, left=("bob",))
    assert below(users, "bob")[0] == frozenset()
    assert below(users, "ann")[0] == {"ann", "bob", "cas"}


def test_who_is_not_known_sees_nothing_and_without_people_everybody_sees_their_own() -> None:
    assert below(users_of({"ann": None}), "eve")[0] == frozenset()
    assert below(None, "eve")[0] == {"eve"}


@dataclass(frozen=True)
class Reshuffled:
    """The trained company with names that tell whose they are, and another hierarchy: circles and unknown managers included."""

    client: TestClient
    served: Served

    def visible(self, user_id: str) -> set[str]:
        """Every planted word that a person may read."""
        seen, dataset = self.served.seen_by(user_id), self.served.dataset
        assert seen.sight is not None
        people, users = seen.sight.people, dataset.tables["users"]
        deals = dataset.deals[dataset.deals["owner_id"].isin(people)]
        clients = set(deals["account_id"].dropna())
        own = users[users["user_id"].isin(people)]
        teams = {team for team, members in self.served.teams.items() if members & people}
        named = {f"ClientName{each[2:]}" for each in clients} | set(deals["name"]) | set(own["name"])
        return {*people, *deals["deal_id"], *clients, *named, *teams}


def planted(company: Dataset, seed: int) -> Dataset:
    rng, tables = np.random.default_rng(seed), dict(company.tables)
    users, n = tables["users"], len(tables["users"])
    managers = rng.choice([*users["user_id"], "U-9999", None, None], n)
    tables["users"] = users.assign(
        name=[f"PersonName{row:06d}" for row in range(n)],
        manager_id=pd.Series(managers, dtype="str"),
        team=pd.Series([f"TeamName{row:06d}" for row in rng.integers(0, 4, n)], dtype="str"),
        left_at=pd.Series([LEFT, *[pd.NaT] * (n - 1)], dtype="datetime64[us, UTC]"),
    )
    deals, accounts = tables["deals"], tables["accounts"]
    tables["deals"] = deals.assign(name="DealName" + deals["deal_id"].str[2:])
    tables["accounts"] = accounts.assign(name="ClientName" + accounts["account_id"].str[2:])
    return company.with_tables(tables)


@pytest.fixture(scope="module", params=[1])
def reshuffled(
    request: pytest.FixtureRequest, company: Dataset, trained_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reshuffled]:
    dataset, home = planted(company, request.param), tmp_path_factory.mktemp("narrow")
    champions = Champions(trained_home)
    held = Runtime(MemorySource(dataset), champions)
    served = build(dataset, 1, {target: champions.champion(target) for target in ("deals", "clients")})
    held._held = served
    app = create_app(held, Settings(home=home, api_key=KEY, rate_limit=0), watching=False)
    with TestClient(app, base_url="http://sales.example", raise_server_exceptions=False) as client:
        yield Reshuffled(client, served)


def people(served: Served) -> list[str]:
    """A manager of some but not of all, a person without reports, and one more."""
    ids = [str(each) for each in served.dataset.tables["users"]["user_id"][1:]]
    sizes = {each: len(served.seen_by(each).owners or ()) for each in ids}
    leads = [each for each in ids if 1 < sizes[each] < len(ids)]
    alone = [each for each in ids if sizes[each] == 1 and len(served.seen_by(each).deals)]
    return [*leads[:1], *alone[:1]]


FEW = "kpi=bookings&kpi=win_rate"
QUERIES = {
    "/v1/kpis": [
        "by=owner",
        f"by=team&compare=plan&{FEW}",
        f"by=manager&{FEW}",
        f"by=product&{FEW}",
        f"by=office&{FEW}&format=csv",
    ],
    "/v1/funnel": ["", "team={team}", "owner_id={user}"],
    "/v1/team": ["", "team={team}"],
    "/v1/goals": ["over=true&language=ru", "scope=user", "scope=company&over=true"],
    "/v1/forecast": ["by=owner", "by=team", "by=manager", "by=product"],
    "/v1/bridge": [f"from=2026-09-30&by={by}" for by in ("owner", "team", "region")],
    "/v1/deals": ["limit=200", "owner_id={user}", "deal_id={deal}", "team={team}", "manager_id={user}", "search=Name"],
    "/v1/clients": ["limit=200&reasons=true", "account_id={client}", "owner_id={user}"],
    "/": ["", "owner_id={user}"],
    "/forecast": ["by=owner", "by=team"],
    "/scorecard": ["", "who=owner:{user}", "who=team:{team}"],
    "/scorecard.csv": ["who=owner:{user}"],
}
PARTS = ["", "parts=curve&parts=reasons&parts=similar&parts=data_gaps"]


def addresses(app: FastAPI, hidden: dict[str, str], shown: dict[str, str]) -> Iterator[str]:
    """Every GET route in many ways: of what is the person's own, and of what is not."""
    for route, need in routes(app):
        if "GET" not in (route.methods or ()) or need is None or need.scope is None:
            continue
        for values in (hidden, shown):
            path = route.path
            for name in route.param_convertors:
                path = path.replace(f"{{{name}:path}}", values.get(name, "1")).replace(f"{{{name}}}", values.get(name, "1"))
            for query in QUERIES.get(route.path, PARTS):
                yield f"{path}?{query.format(**values)}"


def ids_of(reshuffled: Reshuffled, words: set[str]) -> dict[str, str]:
    """An id of each kind among these words."""
    open_deals = [each for each in reshuffled.served.deals.ids.tolist() if each in words]
    found = {
        "deal_id": open_deals,
        "account_id": [w for w in words if w[:2] == "A-"],
        "user": [w for w in words if w[:2] == "U-"],
    }
    found["team"] = [word for word in words if word.startswith("Team")]
    first = {name: sorted(each)[0] if each else "none" for name, each in found.items()}
    return {**first, "deal": first["deal_id"], "client": first["account_id"]}


def leaked(reshuffled: Reshuffled, address: str, token: str, visible: set[str]) -> set[str]:
    """What an answer names that is not to be seen, but for what the address itself names."""
    programs = address.startswith(("/v1", "/metrics"))
    answer = reshuffled.client.get(address, headers=showing(token) if programs else {})
    assert answer.status_code < 500, (address, answer.text)
    return set(PLANTED.findall(answer.text)) - visible - set(PLANTED.findall(address))


def test_no_answer_of_any_route_names_what_a_person_does_not_see(reshuffled: Reshuffled) -> None:
    client, served = reshuffled.client, reshuffled.served
    dataset = served.dataset
    every = {*dataset.deals["deal_id"], *dataset.client_ids, *dataset.tables["users"]["user_id"], *served.teams}
    for person in people(served):
        _, token = key_for(client, Scope.READ, user_id=person)
        assert log_in(client, token).status_code == 303
        visible = reshuffled.visible(person)
        assert 0 < len(served.seen_by(person).deals) < len(served.deals)
        asked = list(addresses(client.app, ids_of(reshuffled, every - visible), ids_of(reshuffled, visible)))  # type: ignore[arg-type]
        assert {each: words for each in asked if (words := leaked(reshuffled, each, token, visible))} == {}
        assert len(asked) > 60
        assert leaked(reshuffled, "/v1/deals?limit=200", KEY, visible)


def found(reshuffled: Reshuffled, path: str, token: str, **query: Any) -> Any:
    answer = reshuffled.client.get(path, params=query, headers=showing(token))
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def narrow(reshuffled: Reshuffled) -> tuple[str, str]:
    """A manager of some, and the token of their key."""
    person = people(reshuffled.served)[0]
    return person, key_for(reshuffled.client, Scope.READ, Scope.SCORE, user_id=person)[1]


def test_the_lists_hold_the_whole_subtree(reshuffled: Reshuffled, narrow: tuple[str, str]) -> None:
    person, token = narrow
    mine = found(reshuffled, "/v1/deals", token, limit=200)
    filtered = found(reshuffled, "/v1/deals", KEY, limit=200, manager_id=person)
    assert mine["items"] == filtered["items"]
    assert mine["n_total"] > 0


def test_what_is_not_seen_is_as_if_it_were_not_there(reshuffled: Reshuffled, narrow: tuple[str, str]) -> None:
    person, token = narrow
    hidden = ids_of(reshuffled, set(reshuffled.served.deals.ids) - reshuffled.visible(person))
    answers = [reshuffled.client.get(f"/v1/deals/{each}", headers=showing(token)) for each in (hidden["deal"], "D-none")]
    assert answers[0].status_code == 404
    assert answers[0].json() == answers[1].json()


def test_figures_are_those_that_everybody_sees_of_the_node(reshuffled: Reshuffled, narrow: tuple[str, str]) -> None:
    person, token = narrow
    query = {"by": "manager", "kpi": ["bookings", "win_rate", "leads"], "compare": "plan", "period": "2026Q3"}
    whole = [each for each in found(reshuffled, "/v1/kpis", KEY, **query)["values"] if each["node"]["id"] == person]
    mine = [each for each in found(reshuffled, "/v1/kpis", token, **query)["values"] if each["node"]["id"] == person]
    assert mine == whole
    assert len(mine) == 3


def line(answer: Any, person: str) -> Any:
    return next(each for each in answer["lines"] if (each["dimension"], each["id"]) == ("manager", person))


def test_the_forecast_of_the_node_stands_in_the_companys_place(reshuffled: Reshuffled, narrow: tuple[str, str]) -> None:
    person, token = narrow
    whole, mine = (found(reshuffled, "/v1/forecast", key, by="manager") for key in (KEY, token))
    assert mine["lines"][0] == line(whole, person)
    assert all(each["dimension"] != "company" for each in mine["lines"])
    assert (mine["recurring"], mine["record"]) == (None, None)
    by_product = found(reshuffled, "/v1/forecast", token, by="product")["lines"]
    assert sum(each["mean"] for each in by_product[1:]) == pytest.approx(mine["lines"][0]["mean"], abs=0.05)


def test_the_bridge_of_the_node_is_that_of_everybody_and_adds_up(reshuffled: Reshuffled, narrow: tuple[str, str]) -> None:
    person, token = narrow
    query = {"from": "2026-10-01", "to": "2026-10-01T12:00+00:00", "by": "manager"}
    answers = [reshuffled.client.get("/v1/bridge", params=query, headers=showing(key)) for key in (KEY, token)]
    whole, mine = (answer.json() for answer in answers)
    assert mine["lines"][0]["steps"] == line(whole, person)["steps"]
    assert float(mine["end"]) - float(mine["start"]) == pytest.approx(float(mine["lines"][0]["change"]))


def test_posting_takes_a_key_that_sees_everything(reshuffled: Reshuffled, narrow: tuple[str, str]) -> None:
    answer = reshuffled.client.post("/v1/score", json={"deals": []}, headers=showing(narrow[1]))
    assert (answer.status_code, answer.json()["code"]) == (403, "key_narrowed")


def test_who_left_is_told_that_there_is_nothing(reshuffled: Reshuffled) -> None:
    left = str(reshuffled.served.dataset.tables["users"]["user_id"].iloc[0])
    _, token = key_for(reshuffled.client, Scope.READ, user_id=left)
    answers = [
        reshuffled.client.get(path, headers=showing(token)) for path in ("/v1/deals", "/v1/kpis", "/v1/forecast", "/v1/calls")
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "nothing_to_see")}


def test_the_page_says_whose_deals_are_shown(reshuffled: Reshuffled, narrow: tuple[str, str]) -> None:
    person, token = narrow
    log_in(reshuffled.client, token)
    sight = reshuffled.served.seen_by(person).sight
    assert sight is not None
    assert f">{sight.name}</span>" in reshuffled.client.get("/?lang=en").text
