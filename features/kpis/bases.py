"""What a record counts by: which date puts it into a window, and which dimensions it can be cut by."""

from collections.abc import Mapping
from typing import Final

from features.kpis.slices import OF_CLIENTS, OF_DEALS, PEOPLE, SOURCE, STAGE
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
    "lead": (*PEOPLE, SOURCE),
    "client": (*PEOPLE, SOURCE, *OF_CLIENTS),
    "person": PEOPLE,
    "visit": (STAGE, *PEOPLE, *OF_DEALS, *OF_CLIENTS),
    "channel": (SOURCE,),
    "company": (),
}
"""By what a KPI can be cut, by the kind of its records."""

WHOSE: Final[Mapping[str, Text]] = {
    "deal": Text(
        "A deal counts for whoever owned it when it closed, an open one for its owner of now, and for its client's region and "
        "industry.",
        "Сделка относится к тому, кто вёл её при закрытии, открытая — к нынешнему ответственному; регион и отрасль — клиента.",
    ),
    "lead": Text("A lead counts for its owner and its source.", "Лид относится к своему ответственному и источнику."),
    "client": Text(
        "A client counts for whoever owned the deal it was last won with, and for the source of the deal it was first won with, "
        "or else of its first lead that converted.",
        "Клиент относится к тому, кто вёл последнюю выигранную с ним сделку, и к источнику первой выигранной сделки, а если он "
        "не указан — первого лида, ставшего этим клиентом.",
    ),
    "person": Text(
        "A person counts for every team and manager above.", "Сотрудник относится ко всем командам и руководителям над ним."
    ),
    "visit": Text(
        "A visit counts for its stage, or else as its deal.", "Пребывание относится к этапу, в других разрезах — как сделка."
    ),
    "channel": Text(
        "By source: what was booked to the channel of that name, against the clients that came from it. What has no channel "
        "counts for no source.",
        "По источникам: то, что записано на канал с тем же названием, к клиентам из этого источника. Записи без канала не "
        "относятся ни к одному источнику.",
    ),
    "company": Text("It is the company's alone.", "Только по компании в целом."),
}
"""For whom a record counts, by the same kinds."""
