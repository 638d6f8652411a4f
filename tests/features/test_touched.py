from features.touched import touched
from tests.features.companies import rows, sales


def test_a_posted_deal_touches_its_own_account_and_the_one_it_is_stored_under() -> None:
    stored = dict(zip(sales().deals["deal_id"], sales().deals["account_id"], strict=True))
    assert (stored["D1"], stored["D8"]) == ("A1", "A2")
    assert touched(sales(), ["D1", "D8", "D99", "D98"], ["A1", "A1", "A7", None]) == [{"A1"}, {"A1", "A2"}, {"A7"}, set()]


def test_and_the_accounts_that_its_stored_activities_name() -> None:
    activities = "activity_id | deal_id | account_id | kind | logged_at\nX1 | D1 | A9 | call | 2026-02-01"
    company = sales().with_tables({**sales().tables, "activities": rows(activities)})
    assert touched(company, ["D1"], ["A1"]) == [{"A1", "A9"}]


def test_a_company_without_activities_has_none_elsewhere() -> None:
    tables = {name: frame for name, frame in sales().tables.items() if name != "activities"}
    assert touched(sales().with_tables(tables), ["D1"], [None]) == [{"A1"}]
