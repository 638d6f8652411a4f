"""The scorecard as a person sees and hears it."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_page import PHONE, Open, keep, open_page

__all__ = ["open_page"]

pytestmark = pytest.mark.browser


def test_a_manager_looks_at_the_company_a_team_and_a_person(open_page: Open, demo_address: str) -> None:
    page = open_page(demo_address, "/scorecard?period=2026Q3", locale="en-GB")
    keep(page, "scorecard-en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Company · Q3\u00a02026")
    expect(page.get_by_role("table", name="Finance")).to_contain_text("Total sales (bookings)")
    expect(page.get_by_role("img", name="From").first).to_be_visible()
    page.get_by_label("Whose figures").select_option(index=1)
    page.get_by_role("button", name="Apply").click()
    team = page.get_by_role("heading", level=1).inner_text()
    assert not team.startswith("Company")
    page.get_by_role("table", name="The people").locator("tbody th a").first.click()
    assert page.get_by_role("heading", level=1).inner_text() != team
    keep(page, "scorecard-person-en")


def test_the_scorecard_speaks_russian(open_page: Open, demo_address: str) -> None:
    page = open_page(demo_address, "/scorecard?period=2026Q3&compare=last_year", locale="ru-RU")
    keep(page, "scorecard-ru")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Компания")
    expect(page.get_by_role("columnheader", name="Год назад").first).to_be_visible()
    expect(page.get_by_role("table", name="Люди")).to_contain_text("Данные не позволяют различить")


def test_the_form_and_the_links_are_reached_by_keyboard(open_page: Open, demo_address: str) -> None:
    page = open_page(demo_address, "/scorecard", locale="en-GB")
    reached = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()"))
    assert {"who", "period", "compare", "Apply", "Download as CSV"} <= reached


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_scorecard_does_not_overflow_on_a_phone(open_page: Open, demo_address: str, language: str) -> None:
    page = open_page(demo_address, f"/scorecard?lang={language}", PHONE)
    keep(page, f"phone-scorecard-{language}")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    captions = page.evaluate("[...document.querySelectorAll('caption')].map(each => each.offsetWidth)")
    assert min(captions) > PHONE["width"] * 0.8


def test_a_table_can_be_downloaded(open_page: Open, demo_address: str) -> None:
    page = open_page(demo_address, "/scorecard", locale="en-GB")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "scorecard.csv"
