"""The reasons of a page: what makes a difference stands line by line, what makes none in one sentence."""

from typing import Any

import pytest

from serving.language import Tongue
from serving.pages.reason_view import why_deal
from serving.served.runtime import Runtime

GROUPS = {"context": ("Context", "Контекст"), "time": ("Time", "Время"), "owner": ("Owner", "Ответственный")}


def reasons(**contributions: float) -> dict[str, Any]:
    items = [
        {"group": name, "contribution": points, "en": GROUPS[name][0], "ru": GROUPS[name][1], "signals": []}
        for name, points in contributions.items()
    ]
    reference = {"p": 0.4, "en": "Typical deal", "ru": "Типичная сделка"}
    return {"score": 0.4 + sum(contributions.values()), "reference": reference, "items": items}


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Make no difference here: Time, Owner."), ("ru", "Здесь ничего не меняют: Время, Ответственный.")],
)
def test_groups_without_a_difference_are_one_sentence(runtime: Runtime, language: Any, said: str) -> None:
    why = why_deal(runtime.served(), Tongue(language), "30", reasons(context=0.05, time=0.0, owner=0.0))
    assert (len(why.lines), why.idle) == (1, said)
    assert why_deal(runtime.served(), Tongue(language), "30", reasons(context=0.05, time=-0.0001)).idle is None


def test_an_answer_that_all_deals_share_says_so(runtime: Runtime) -> None:
    why = why_deal(runtime.served(), Tongue("en"), "30", reasons(context=0.0, time=0.0))
    assert (why.lines, why.idle) == ([], "No group of signals sets this answer apart from the typical one.")
