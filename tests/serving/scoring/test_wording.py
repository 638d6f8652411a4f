"""Reasons in words: every signal in both languages, numbers in the forms that each language asks for, and no word of cause."""

import re
from dataclasses import replace

import pytest

from features.catalog import GROUPS, SIGNALS
from features.deal_warnings import WARNINGS
from features.gaps import GAPS
from serving.language import Tongue, texts
from serving.scoring.reasons import NamedSignal, Reason, Reasons
from serving.scoring.wording import Wording

EN, RU = Wording(Tongue("en"), "EUR"), Wording(Tongue("ru"), "EUR")
SPACE = "\u00a0"
VALUES: dict[str, float | str] = {"category": "Proposal", "flag": 1.0, "share": 0.25}
CAUSES = re.compile(
    r"\b(because|due to|caus\w*|leads? to|led to|thanks to|results? in|makes? it|drives?|driv\w+ by|effects?|impacts?|why|"
    r"потому|из-за|благодаря|вызва\w*|вызыва\w*|привод\w*|привел\w*|привёл\w*|влия\w*|причин\w*|следстви\w*|поэтому|почему)\b",
    re.IGNORECASE,
)


def said(name: str, value: float | str | None, usual: float | str | None = None) -> tuple[str, str]:
    named = NamedSignal(name, value, usual)
    return EN.signal(named, "deals", own_peers=True), RU.signal(named, "deals", own_peers=True)


@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_every_signal_has_words_in_both_languages(name: str) -> None:
    value = VALUES.get(SIGNALS[name].unit, 23.0)
    for english, russian in (said(name, value, value), said(name, None), said(name, 0.0 if value == 23.0 else value)):
        assert english != russian
        assert not re.search("[а-яё]", english, re.IGNORECASE)
        assert re.search("[а-яё]", russian)
        assert "{" not in english + russian
        assert CAUSES.search(english + " " + russian) is None


def test_the_words_of_the_pages_never_speak_of_causes() -> None:
    # What people entered in the CRM as the reason of a loss is quoted, not claimed; why the forecast leaves something out, or a
    # page does not come, is a fact about method and server, and no claim about a deal.
    allowed = {"deal.curve_text", "scorecard.no_reason"}
    of_method = ("note.", "outlook.", "error.")
    shown = {key: text for key, text in texts().items() if key not in allowed and not key.startswith(of_method)}
    spoken = {key: " ".join(text.values()) for key, text in shown.items()}
    spoken |= {each.name: f"{each.en} {each.ru}" for each in WARNINGS}
    spoken |= {name: f"{group.en} {group.ru}" for name, group in GROUPS.items()}
    spoken |= {gap.field: f"{gap.en} {gap.ru}" for gap in GAPS}
    assert {key: text for key, text in spoken.items() if CAUSES.search(text)} == {}


def test_a_word_of_cause_would_be_found() -> None:
    assert CAUSES.search("lost because of a long silence")
    assert CAUSES.search("проиграна из-за молчания")


@pytest.mark.parametrize(
    ("n", "english", "russian"),
    [
        (1.0, "no reply for 1 day", "нет ответа 1 день"),
        (22.6, "no reply for 23 days", "нет ответа 23 дня"),
        (11.0, "no reply for 11 days", "нет ответа 11 дней"),
        (0.3, "Days since the client's last word: 0.3", "Дней с последнего слова клиента: 0,3"),
    ],
)
def test_phrases_take_the_form_of_their_number(n: float, english: str, russian: str) -> None:
    assert said("days_since_inbound", n) == (english, russian)


def test_what_is_usual_stands_beside_the_value() -> None:
    assert said("days_since_inbound", 23.0, 6.2) == (
        f"no reply for 23 days; won deals at this stage:{SPACE}6.2",
        f"нет ответа 23 дня; выигранные сделки на этом этапе:{SPACE}6,2",
    )
    assert EN.signal(NamedSignal("n_meetings", 2.0, 4.0), "deals", own_peers=False).endswith(f"won deals:{SPACE}4")


@pytest.mark.parametrize(
    ("name", "value", "english", "russian"),
    [
        ("amount", 42000.0, "Amount: €42,000", f"Сумма: 42{SPACE}000{SPACE}€"),
        ("owner_win_rate", 0.31, "Owner's win rate in a year: 31%", f"Доля побед ответственного за год: 31{SPACE}%"),
        ("n_emails_30d", 1234.0, "Emails in 30 days: 1,234", f"Писем за 30 дней: 1{SPACE}234"),
        ("amount_missing", 1.0, "No amount: yes", "Сумма не указана: да"),
        ("amount_missing", 0.0, "No amount: no", "Сумма не указана: нет"),
        ("product", "Kiln 200", "Product: Kiln 200", "Продукт: Kiln 200"),
        ("product", None, "Product: none on record", "Продукт: нет данных"),
        ("owner_loss_hazard", 0.00634, "Owner's losses per open deal-day: 0.0063", None),
        ("stage_days_ratio", 1.5, "Days in this stage against won deals: 1.5", None),
        ("age_days", 384.4, "Days since the deal was created: 384", None),
        ("days_to_expected_close", -12.0, "Days to the expected close: −12", "Дней до ожидаемого закрытия: −12"),
    ],
)
def test_each_unit_is_written_as_it_should_be(name: str, value: float | str | None, english: str, russian: str | None) -> None:
    assert said(name, value)[0] == english
    assert russian is None or said(name, value)[1] == russian


@pytest.mark.parametrize(
    ("contribution", "english"), [(-0.0812, "−8.1 points"), (0.25, "+25.0 points"), (-0.0004, "0.0 points"), (0.0, "0.0 points")]
)
def test_points_carry_their_sign_and_nought_none(contribution: float, english: str) -> None:
    assert EN.points(contribution) == english


def test_warnings_take_the_form_of_their_number_and_name_the_usual() -> None:
    assert EN.warning("stalled", 61.7, 14.0, own_peers=True) == (
        f"stalled: 62 days in this stage; won deals at this stage:{SPACE}14"
    )
    assert RU.warning("stalled", 61.7, None, own_peers=True) == "застой: 62 дня на этом этапе"
    assert RU.warning("pushed", 3.0, 1.0, own_peers=False).startswith("дата закрытия перенесена на позже 3 раза; выигранные")
    assert EN.warning("no_next_step", 0.0, 0.0, own_peers=True) == "no next step is scheduled"


def test_a_summary_names_the_reference_and_the_largest_groups() -> None:
    silence = NamedSignal("days_since_inbound", 23.0, 6.0)
    items = (Reason("contact", -0.1116, (silence,)), Reason("size", 0.05, ()), Reason("pace", 0.0, ()))
    reasons = Reasons("deals", 30.0, 0.14, 0.2, own_reference=True, own_peers=True, items=items)
    assert EN.summary(reasons, most=2) == (
        f"Typical deal at this stage 20%: Contact −11.2 points (no reply for 23 days; won deals at this stage:{SPACE}6), "
        "Size +5.0 points"
    )
    assert RU.summary(reasons, most=1).startswith(f"Типичная сделка этого этапа 20{SPACE}%: Контакты −11,2 п. п.")


def test_a_summary_leaves_out_groups_that_make_no_difference() -> None:
    alike = Reasons("deals", 30.0, 0.2, 0.2, own_reference=True, own_peers=True, items=(Reason("pace", 0.0, ()),))
    assert EN.summary(alike) == (
        "Typical deal at this stage 20%: No group of signals sets this answer apart from the typical one."
    )
    assert "0.0 points" not in EN.summary(replace(alike, items=(Reason("size", 0.05, ()), *alike.items)))


@pytest.mark.parametrize("regime", ["deals", "contracts", "orders"])
def test_references_and_peers_are_named_for_every_regime(regime: str) -> None:
    for own in (True, False):
        reasons = Reasons(regime, 90.0, 0.1, 0.1, own_reference=own, own_peers=own, items=())
        assert EN.reference(reasons) != RU.reference(reasons)
        assert "; " in EN.signal(NamedSignal("days_since_order", 40.0, 12.0), regime, own)
