"""What a record counts by: which date puts it into a window, and which dimensions it can be cut by."""

from collections.abc import Mapping
from typing import Final

from features.kpis.slices import OF_CLIENTS, OF_DEALS, PEOPLE, STAGE
from features.kpis.value import Text

BASES: Final[Mapping[str, Text]] = {
    "closed": Text("when the deal closed", "дата закрытия сделки"),
    "plan": Text("the plan's period", "период плана"),
    "grows": Text("as what grows: closed or ordered", "как у показателя: закрытие или заказ"),
    "audience": Text("the audience period", "период замера охвата"),
    "created": Text("when the lead was created", "дата создания лида"),
    "qualified": Text("when the lead was qualified", "дата квалификации лида"),
    "offered": Text("first entry into an offer stage", "первый вход на этап предложения"),
    "trailing": Text("the end of the window, and the trailing year", "конец периода и предшествующий год"),
    "expected": Text("expected close date", "ожидаемая дата закрытия"),
    "forecast": Text("the forecast's period", "период прогноза"),
    "first": Text("first order, contract or won deal", "первый заказ, договор или выигранная сделка"),
    "churned": Text("churn date", "дата ухода"),
    "end": Text("the end of the window", "конец периода"),
    "window": Text("the window: its start and its end", "период: его начало и конец"),
    "ordered": Text("when it was ordered", "дата заказа"),
    "costs": Text("the cost period, earlier by the lag", "период расходов с учётом сдвига"),
    "answered": Text("when it was answered", "дата ответа"),
    "entered": Text("entry into the stage", "вход на этап"),
    "hired": Text(
        "hired since the first plan, up to the end of the window", "приём на работу после первого плана, до конца периода"
    ),
}
"""Which date puts a record into the window."""

SLICES: Final[Mapping[str, tuple[str, ...]]] = {
    "deal": (*PEOPLE, *OF_DEALS, *OF_CLIENTS),
    "lead": (*PEOPLE, "source"),
    "client": (*PEOPLE, *OF_CLIENTS),
    "person": PEOPLE,
    "visit": (STAGE, *PEOPLE, *OF_DEALS, *OF_CLIENTS),
    "company": (),
}
"""By what a KPI can be cut, by the kind of its records."""
