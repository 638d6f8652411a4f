"""The page as HTML: what it says, in both languages, and what it never does."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from features.catalog import SIGNALS
from features.dataset import Dataset
from serving.api import create_app
from serving.language import Tongue, texts
from serving.lists.filters import AnyBit, OneOf
from serving.registry.champions import Champions
from serving.served.runtime import Runtime
from serving.settings import Settings
from tests.serving.conftest import MemorySource

SPOKEN = {"title", "aria-label", "data-label", "alt", "placeholder"}


class Words(HTMLParser):
    """Collects what a reader sees or hears: text, and the attributes that are spoken."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found += [value for name, value in attrs if name in SPOKEN and value]

    def handle_data(self, data: str) -> None:
        self.found += [data.strip()] if data.strip() else []


@pytest.fixture
def addresses(runtime: Runtime) -> list[str]:
    served = runtime.served()
    assert served.clients is not None
    singles = [f"/deals/{served.deals.ids[0]}", f"/clients/{served.clients.ids[0]}"]
    return ["/", "/forecast", "/forecast?by=product", "/clients", *singles, "/deals/none", "/login", "/?stage=none", "/scorecard"]


def test_the_pipeline_shows_the_ranked_deals_and_their_sums(client: TestClient, runtime: Runtime) -> None:
    words, served = Words(client.get("/?lang=en").text).found, runtime.served()
    value = sum(each for each in served.deals.columns["value"] if each is not None)
    assert Tongue("en").money(value, "EUR") in words
    names = [name for name in served.deals.columns["name"][:50] if name]
    assert [word for word in words if word in set(names)] == names


@pytest.mark.parametrize(("period", "said"), [("2026Q9", True), ("2099Q1", True), ("2026Q3", False), ("", False)])
def test_the_forecast_page_says_when_it_shows_another_period(client: TestClient, period: str, said: bool) -> None:
    page = client.get("/forecast", params={"period": period, "lang": "en"})
    assert page.status_code == 200
    assert (texts()["outlook.no_such_period"]["en"] in page.text) == said


def test_the_russian_pages_have_no_english_left(client: TestClient, addresses: list[str]) -> None:
    english = {part for text in texts().values() if text["en"] != text["ru"] for part in text["en"].split("|") if "{" not in part}
    meanings = {signal.en for signal in SIGNALS.values()}
    for address in addresses:
        page = client.get(address, params={"lang": "ru"})
        assert '<html lang="ru">' in page.text
        assert set(Words(page.text).found) & (english | meanings) == set(), address


def test_the_language_is_remembered_and_else_asked_of_the_browser(client: TestClient) -> None:
    assert 'lang="ru"' in client.get("/", headers={"accept-language": "ru-RU,ru;q=0.9"}).text[:60]
    assert 'lang="en"' in client.get("/", headers={"accept-language": "de"}).text[:60]
    client.get("/?lang=ru")
    assert 'lang="ru"' in client.get("/clients").text[:60]


def test_switching_the_language_keeps_the_filter(client: TestClient, runtime: Runtime) -> None:
    stage = runtime.served().deals.options("stage")[0]
    assert f"?stage={stage}&amp;lang=ru" in client.get("/", params={"stage": stage}).text


def test_a_filter_narrows_list_and_sums(client: TestClient, runtime: Runtime) -> None:
    ranking = runtime.served().deals
    owner = ranking.columns["owner_id"][0]
    page = client.get("/", params={"owner_id": owner, "team": "", "lang": "en"})
    expected = Tongue("en").count("deals.shown", len(ranking.matching([OneOf("owner_id", frozenset([owner]))])))
    assert expected in Words(page.text).found
    assert f'<option value="{owner}" selected>' in page.text


@pytest.mark.parametrize(
    "query", ["?cursor=broken", "?cursor=%00", "?team=a%00b", "?lang=xx", "?lang=%3Cscript%3E", "?unknown=1"]
)
def test_a_strange_address_still_gives_a_page(client: TestClient, query: str) -> None:
    assert client.get(f"/{query}").status_code == 200


def test_pages_follow_each_other(client: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.pages.routes.PAGE_ROWS", 10)
    shown: list[str] = []
    address: str | None = "/"
    while address:
        html = client.get(address).text
        shown += re.findall(r'<a href="/deals/([^"]+)">', html)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        address = following.group(1) if following else None
    assert shown == runtime.served().deals.ids.tolist()


def test_a_deal_shows_its_curve_its_numbers_and_its_signals(client: TestClient, runtime: Runtime) -> None:
    deal = runtime.served().deals.row(0)
    html = client.get(f"/deals/{deal['deal_id']}?lang=en").text
    assert html.count('<svg class="curve') == 2
    assert html.count('<path class="band') == 6
    assert len(re.findall(r'<tr><th scope="row" class="number">', html)) == len(runtime.served().curve(deal["deal_id"]))
    assert Tongue("en").percent(deal["p_won"]) in Words(html).found


def test_a_deal_shows_what_makes_up_its_answer(client: TestClient, runtime: Runtime) -> None:
    deal = runtime.served().deals.row(0)
    words = Words(client.get(f"/deals/{deal['deal_id']}?lang=en").text).found
    first, last = words.index("Typical deal at this stage"), words.index("Won in Q4\u00a02026")
    shown = [float(word.split()[0].replace("−", "-")) for word in words[first:last] if word.endswith(" points")]
    reference, answer = (float(words[at + 1].rstrip("%")) for at in (first, last))
    assert answer == pytest.approx(100 * deal["p_won_this_quarter"], abs=0.06)
    assert reference + sum(shown) == pytest.approx(answer, abs=0.05 * (len(shown) + 2))


@pytest.mark.parametrize(
    ("horizon", "question"), [("30", "Won within 30 days"), ("ever", "Won at all"), ("x", "Won in Q4\u00a02026")]
)
def test_the_page_explains_the_horizon_that_is_asked_for(
    client: TestClient, runtime: Runtime, horizon: str, question: str
) -> None:
    words = Words(client.get(f"/deals/{runtime.served().deals.ids[0]}", params={"horizon": horizon, "lang": "en"}).text).found
    assert question in words[words.index("What makes up this answer") :]


def test_a_deal_shows_its_warnings_and_similar_deals(client: TestClient, runtime: Runtime) -> None:
    ranking = runtime.served().deals
    deal_id = ranking.ids[ranking.matching([AnyBit("warning_bits", 0b10000)])[0]]
    words = Words(client.get(f"/deals/{deal_id}?lang=ru").text).found
    assert "следующий шаг не запланирован" in words
    assert {"выиграна", "проиграна"} & set(words[words.index("Похожие прошлые сделки") :])


def test_a_client_shows_what_makes_up_its_risk(client: TestClient, runtime: Runtime) -> None:
    ranked = runtime.served().clients
    assert ranked is not None
    account = ranked.row(0)
    words = Words(client.get(f"/clients/{account['account_id']}?lang=en").text).found
    last = len(words) - 1 - words[::-1].index("Leaves within 90 days")
    assert float(words[last + 1].rstrip("%")) == pytest.approx(100 * account["p_leaves"], abs=0.06)
    assert client.get("/clients/none").status_code == 404


@pytest.mark.parametrize(("path", "status"), [("/deals/none", 404), ("/deals/..%2F..%2Fetc", 404), ("/deals/%00", 404)])
def test_a_deal_that_is_not_there_has_a_page_that_says_so(client: TestClient, path: str, status: int) -> None:
    page = client.get(path)
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")


def test_before_there_is_data_every_page_says_what_to_do(empty: TestClient) -> None:
    for path in ("/", "/clients", "/deals/D-1"):
        page = empty.get(f"{path}?lang=en")
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert texts()["missing.no_data"]["en"] in Words(page.text).found


@pytest.fixture
def hostile(company: Dataset, trained_home: Path) -> Iterator[TestClient]:
    """A company whose names try to break out of the page."""
    deals = company.deals.assign(name="<script>alert(1)</script>\"'", deal_id='"/><img src=x>' + company.deals["deal_id"])
    changes = company.tables["deal_changes"].assign(deal_id='"/><img src=x>' + company.tables["deal_changes"]["deal_id"])
    accounts = company.tables["accounts"].assign(name="{{ 7 * 7 }}</table>")
    tables = {**company.tables, "deals": deals, "deal_changes": changes, "accounts": accounts}
    data = Dataset.of(tables, company.organisation, static=company.static, extracted_at=company.extracted_at)
    held = Runtime(MemorySource(data), Champions(trained_home))
    held.refresh()
    app = create_app(held, Settings(demo=True), watching=False)
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        yield opened


def test_names_from_outside_stay_text(hostile: TestClient) -> None:
    html = hostile.get("/").text
    address = re.findall(r'<a href="(/deals/[^"]+)">', html)[0]
    for page in (html, hostile.get(address).text, hostile.get("/clients").text):
        assert "<script" not in page
        assert "<img" not in page
        assert "49" not in re.findall(r"<small>(.*?)</small>", page)
    assert hostile.get(address).status_code == 200


def test_the_pages_run_no_script_and_ask_nobody_else(client: TestClient, addresses: list[str]) -> None:
    for address in addresses:
        page = client.get(address)
        assert "script-src" not in page.headers["content-security-policy"]
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert not re.search(r"<script|\son[a-z]+=|\sstyle=|https?://", page.text)


def test_static_files_are_kept_by_browsers_and_their_addresses_change_with_them(client: TestClient) -> None:
    address = re.findall(r'href="(/static/page.css\?v=[0-9a-f]{12})"', client.get("/").text)[0]
    answer = client.get(address)
    assert "immutable" in answer.headers["cache-control"]
    assert "url(" not in answer.text


def test_a_grade_stands_beside_each_score_and_says_what_to_do(client: TestClient) -> None:
    deal = client.get("/v1/deals?limit=1").json()["items"][0]
    assert 'class="grade" title="' in client.get("/?lang=ru").text
    page = client.get(f"/deals/{deal['deal_id']}?lang=ru").text
    assert f">{deal['grade']}</abbr>" in page
    assert {"A": "можно планировать", "B": "стоит работать", "C": "маловероятно", "D": "не в ближайшие"}[deal["grade"]] in page
