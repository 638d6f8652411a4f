"""The page as a person sees it. `SCREENSHOTS` names a folder in which to keep what was seen."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
WIDE = {"width": 1360, "height": 900}
PHONE = {"width": 400, "height": 900}


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens pages, and afterwards checks that nothing was logged, and that no other host was asked."""
    complaints: list[str] = []
    hosts: set[str] = set()
    asked: set[str] = set()

    def open_(address: str, path: str = "/", size: dict[str, int] = WIDE, **options: str) -> Page:
        page = browser.new_context(viewport=size, **options).new_page()  # type: ignore[arg-type]
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        hosts.add(address.split("/")[2])
        page.goto(address + path)
        return page

    yield open_
    assert complaints == []
    assert asked <= hosts
    for context in browser.contexts:
        context.close()


def keep(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_manager_filters_opens_a_deal_and_comes_back(open_page: Open, demo_address: str) -> None:
    page = open_page(demo_address, locale="en-GB")
    keep(page, "pipeline-en")
    page.get_by_label("Stage").select_option(index=1)
    page.get_by_role("button", name="Apply").click()
    name = page.locator("tbody th a").first.inner_text()
    page.locator("tbody th a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("img", name="won")).to_be_visible()
    page.get_by_text("The numbers behind the curve").click()
    expect(page.locator("details table")).to_be_visible()
    page.get_by_role("link", name="90 days").click()
    expect(page.get_by_text("Won within 90 days")).to_be_visible()
    expect(page.get_by_role("heading", name="Similar past deals")).to_be_visible()
    keep(page, "deal-en")
    page.get_by_role("link", name="All open deals").click()
    expect(page.get_by_role("table")).to_be_visible()


def test_the_page_speaks_russian(open_page: Open, demo_address: str) -> None:
    page = open_page(demo_address, locale="ru-RU")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page.get_by_text("Открытые сделки").first).to_be_visible()
    keep(page, "pipeline-ru")
    page.get_by_role("link", name="Клиенты под угрозой").click()
    expect(page.get_by_role("table")).to_contain_text("договор")
    keep(page, "clients-ru")
    page.locator("tbody th a").first.click()
    expect(page.get_by_text("Из чего складывается ответ")).to_be_visible()
    keep(page, "client-ru")
    page.get_by_role("link", name="EN", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize(("language", "heading"), [("en", "What it is made of"), ("ru", "Из чего складывается")])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_forecast_fits_its_screen(
    open_page: Open, demo_address: str, language: str, heading: str, size: dict[str, int]
) -> None:
    page = open_page(demo_address, f"/forecast?lang={language}", size)
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator("svg.range.large")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.locator("select[name=by]").select_option("product")
    page.locator(".filters button").click()
    assert "by=product" in page.url
    keep(page, f"forecast-{language}-{size['width']}")


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("path", ["/", "/clients", "deal", "client"])
def test_nothing_overflows_on_a_phone(open_page: Open, demo_address: str, path: str, language: str) -> None:
    page = open_page(demo_address, f"/?lang={language}", PHONE)
    if path in {"deal", "client"}:
        page.goto(f"{demo_address}/{'clients' if path == 'client' else ''}")
        path = str(page.locator("tbody th a").first.get_attribute("href"))
    page.goto(f"{demo_address}{path}")
    keep(page, f"phone{path.replace('/', '-')}-{language}")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_dark_theme_is_dark(open_page: Open, demo_address: str) -> None:
    page = open_page(demo_address, color_scheme="dark")
    keep(page, "pipeline-dark")
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(red, green, blue) < 40


def test_a_person_logs_in_and_out(open_page: Open, keyed_address: str) -> None:
    page = open_page(keyed_address, locale="en-GB")
    page.get_by_label("Key").fill("3u7Yw0Qm9sB2-kXc")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("table")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    keep(page, "login-en")
    expect(page.get_by_label("Key")).to_be_visible()
    page.goto(keyed_address)
    expect(page.get_by_role("table")).to_have_count(0)
