from dataclasses import replace
from typing import Any

import pytest

from features import clock
from features.dataset import Dataset
from features.snapshot import Snapshot
from features.synthetic import Dirt, Settings, generate
from features.vocabulary import accounts_known
from serving.posted.company import complaints, unknowns
from serving.posted.deals import PostedDeal
from tests.features.companies import AS_OF, sales
from tests.serving.posted.test_posted import CHANGE, OWN, deal
from tests.serving.scoring.test_score import as_sent

AT = clock.micros(AS_OF)


def with_own_columns() -> Dataset:
    return replace(sales(), custom=OWN, _cache={})


def codes(**changed: Any) -> list[tuple[tuple[str | int, ...], str]]:
    posted = PostedDeal.model_validate(deal(**changed))
    return [(place, code) for place, code, _ in complaints(with_own_columns(), posted)]


def change(at: str, old: str | None, new: str | None, field: str = "stage") -> dict[str, Any]:
    return {**CHANGE, "changed_at": f"2026-09-0{at}:00:00Z", "field": field, "old_value": old, "new_value": new}


@pytest.mark.parametrize(("currency", "found"), [("EUR", []), ("XXQ", ["not_a_currency"]), ("THB", ["no_rate"])])
def test_a_currency_is_one_that_can_be_converted(currency: str, found: list[str]) -> None:
    assert [code for _, code in codes(currency=currency)] == found


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("seats", 12, []),
        ("seats", "12", []),
        ("seats", "many", [(("custom", "seats"), "custom_value")]),
        ("pilot", "yes", []),
        ("pilot", 2, [(("custom", "pilot"), "custom_value")]),
        ("campaign", "spring", []),
        ("renewal", "2026-02-30", [(("custom", "renewal"), "custom_value")]),
        ("size", 1, [(("custom",), "undeclared_column")]),
    ],
)
def test_custom_columns_are_declared_and_of_their_kind(name: str, value: Any, found: list[Any]) -> None:
    assert codes(custom={name: value}) == found


@pytest.mark.parametrize(
    ("field", "value", "found"), [("seats", "5", []), ("seats", "few", ["change_value"]), ("pilot", "1", ["untracked_field"])]
)
def test_changes_of_custom_columns_are_those_of_declared_histories(field: str, value: str, found: list[str]) -> None:
    assert [code for _, code in codes(changes=[change("1T08", None, value, field)])] == found


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ([change("1T08", "A", "B"), change("2T08", "B", "Proposal")], []),
        ([change("2T08", "B", "Proposal"), change("1T08", "A", "B")], []),
        ([change("1T08", "A", "B")], [("stage",)]),
        ([change("1T08", "A", "B"), change("1T08", "A", "Proposal")], [("changes",)]),
        ([change("1T08", "A", "B"), change("1T08", "B", "A"), change("1T08", "A", "Proposal")], []),
        ([change("1T08", "1", "42000.00", "amount")], []),
        ([change("1T08", "1", "41000", "amount")], [("amount",)]),
        ([change("1T08", "1", "2", "crm_probability")], []),
    ],
)
def test_a_history_contradicts_itself_where_it_splits_or_ends_elsewhere(changes: list[Any], found: list[Any]) -> None:
    assert codes(changes=changes) == [(place, "contradictory_changes") for place in found]


def test_no_stored_deal_of_an_untidy_company_is_refused() -> None:
    untidy = generate(Settings(n_deals=120, seed=3, dirt=Dirt.all())).dataset()
    ids = untidy.deal_rows[Snapshot(untidy, untidy.ends_at).open_deals]
    sent = [PostedDeal.model_validate(as_sent(untidy, deal_id)) for deal_id in ids]
    assert sent
    assert [complaints(untidy, each) for each in sent] == [[]] * len(sent)


def warned(at: int = AT, **changed: Any) -> list[tuple[str, str]]:
    known = {"account_id": "A1", "stage": "Proposal", "owner_id": "U1"}
    posted = PostedDeal.model_validate(deal(**{**known, **changed}))
    return [(found["code"], found["field"]) for found in unknowns(with_own_columns(), posted, at)]


def test_what_the_data_does_not_know_is_a_warning() -> None:
    assert warned() == []
    assert warned(account_id="A77") == [("unknown_account", "account_id")]
    assert warned(stage="Haggling") == [("unknown_stage", "stage")]
    assert warned(owner_id="U77") == [("unknown_owner", "owner_id")]
    assert warned(product="Rocket") == []  # these deals have no column of products, so no product is known or unknown


def test_a_category_is_one_that_the_companys_deals_have_had(company: Dataset) -> None:
    posted = PostedDeal.model_validate(deal(product="Rocket", source=company.deals["source"].iloc[0]))
    found = unknowns(company, posted, clock.micros(company.ends_at))
    assert ("unknown_category", "product") in [(each["code"], each["field"]) for each in found]
    assert "source" not in [each["field"] for each in found]


def test_what_the_data_learns_later_is_not_known_yet() -> None:
    known = accounts_known(sales())["A1"]
    assert ("unknown_account", "account_id") in warned(known)
    assert ("unknown_account", "account_id") not in warned(known + 1)


def test_a_missing_change_is_a_warning() -> None:
    gap = [change("1T08", "A", "B"), change("2T08", "C", "Proposal")]
    assert warned(changes=gap) == [("history_gap", "changes")]


def test_every_warning_has_words_in_both_languages() -> None:
    posted = PostedDeal.model_validate(deal(account_id="A77", stage="Haggling"))
    for found in unknowns(with_own_columns(), posted, AT):
        assert found["en"].isascii()
        assert not found["ru"].isascii()
