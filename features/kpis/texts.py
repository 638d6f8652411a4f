"""Every code that a KPI's answer may carry, in English and Russian. Codes are stable; texts may be reworded."""

from collections.abc import Mapping
from typing import Final

from features.kpis.value import Text

UNITS: Final[Mapping[str, Text]] = {
    "money": Text("money, in the organisation's currency", "деньги, в валюте организации"),
    "money_per_day": Text("money per day, in the organisation's currency", "деньги в день, в валюте организации"),
    "share": Text("a part of a whole; 1 is 100 %", "доля; 1 — это 100 %"),
    "ratio": Text("one number over another", "отношение двух чисел"),
    "count": Text("how many", "сколько"),
    "days": Text("days of 24 hours", "сутки по 24 часа"),
    "hours": Text("hours", "часы"),
    "months": Text("months of 30.4375 days", "месяцы по 30,4375 суток"),
    "points": Text("points from -100 to 100", "баллы от −100 до 100"),
    "score": Text("the score of the scale", "оценка по шкале"),
    "given": Text("as it was given", "как указано"),
}

PERSPECTIVES: Final[Mapping[str, Text]] = {
    "finance": Text("finance", "финансы"),
    "client": Text("clients", "клиенты"),
    "process": Text("internal processes", "внутренние процессы"),
    "people": Text("people and growth", "персонал и развитие"),
}

DIRECTIONS: Final[Mapping[str, Text]] = {
    "more is better": Text("more is better", "чем больше, тем лучше"),
    "less is better": Text("less is better", "чем меньше, тем лучше"),
    "neither": Text("neither more nor less is better by itself", "само по себе ни больше, ни меньше не лучше"),
}

REASONS: Final[Mapping[str, Text]] = {
    "no_table": Text("the source does not have the table that this needs", "в источнике нет нужной таблицы"),
    "not_sliced": Text("this is not known in this slice", "в этом разрезе показатель не определён"),
    "not_begun": Text("the window has not begun", "период ещё не начался"),
    "before_data": Text("the window ends before the data begin", "период заканчивается раньше, чем начинаются данные"),
    "nothing_counted": Text("there is nothing to divide by in this window", "в этом периоде не на что делить"),
    "no_amounts": Text("none of the deals has an amount", "ни у одной из сделок не указана сумма"),
    "no_plan": Text("there is no plan for this window", "на этот период нет плана"),
    "plan_zero": Text("the plan is zero", "план равен нулю"),
    "plan_met": Text("the plan is met already", "план уже выполнен"),
    "window_over": Text("the window is over", "период уже закончился"),
    "previous_not_positive": Text("what it is compared with is not above zero", "база сравнения не больше нуля"),
    "no_previous": Text("the data do not reach back to the window compared with", "данных за период сравнения нет"),
    "no_costs": Text("no costs of a finished period lie in this window", "в этом периоде нет расходов завершённых периодов"),
    "unattributed": Text(
        "costs without a channel and clients without a source have nothing to do with each other",
        "расходы без канала и клиенты без источника не связаны друг с другом",
    ),
    "no_order_costs": Text("none of the orders has a cost", "ни у одного заказа нет себестоимости"),
    "no_audience": Text("no finished audience period lies in this window", "в этом периоде нет завершённых замеров охвата"),
    "no_new_clients": Text("there are no new clients in this window", "в этом периоде нет новых клиентов"),
    "no_clients": Text("there are no clients at the start of the window", "на начало периода клиентов нет"),
    "revenue_not_positive": Text("revenue is not above zero", "выручка не больше нуля"),
    "other_scale": Text(
        "all answers are on another scale than this KPI is defined for",
        "все ответы даны по шкале, для которой показатель не определён",
    ),
    "no_probability": Text("the open deals have no probability in the CRM", "у открытых сделок в CRM нет вероятности"),
    "no_close_date": Text("the open deals have no expected close date", "у открытых сделок нет ожидаемой даты закрытия"),
    "no_offer_stage": Text("no stage is declared as an offer", "ни один этап не объявлен предложением"),
    "no_qualified_stage": Text("no stage is declared as qualified", "ни один этап не объявлен квалифицированным"),
    "no_forecasts": Text("no forecast of this window was given", "прогнозов на этот период не передано"),
    "no_response_times": Text(
        "the leads do not say when they were first answered: map first_response_at",
        "в лидах нет времени первого ответа: укажите его столбец в файле соответствий",
    ),
    "no_position": Text(
        "the stages have no place in their pipeline: list them as stage_order in the mapping, or give them a position",
        "у этапов нет места в воронке: перечислите их по порядку в файле соответствий или задайте порядок в таблице этапов",
    ),
    "median_not_reached": Text("fewer than half have come so far", "до этого пока дошло меньше половины"),
    "not_known_then": Text("the hierarchy of that moment is not on record", "иерархия на тот момент неизвестна"),
    "no_actual": Text("no finished measurement lies in this window", "в этом периоде нет завершённых измерений"),
}
"""Why a value is null."""

EXCLUSIONS: Final[Mapping[str, Text]] = {
    "null_amount": Text("without an amount", "без суммы"),
    "no_rate": Text("in a currency that had no rate", "в валюте без курса"),
    "negative_cycle": Text("closed before they were created: a data error", "закрыты раньше, чем созданы: ошибка данных"),
    "null_cost": Text("without a cost", "без себестоимости"),
    "other_scale": Text("answers on another scale", "ответы по другой шкале"),
    "entry_unknown": Text("whose entry into the stage is not on record", "с неизвестной датой входа на этап"),
    "overdue_close": Text("expected to close before today", "с просроченной ожидаемой датой закрытия"),
    "no_close_date": Text("without an expected close date", "без ожидаемой даты закрытия"),
    "no_probability": Text("without a probability", "без вероятности"),
    "no_plan": Text("without a plan", "без плана"),
    "no_position": Text("entries into stages without a place in the pipeline", "входы на этапы без места в воронке"),
    "hired_before_plans": Text("people hired before the first plan", "сотрудники, нанятые до первого плана"),
}
"""What could not be counted, and how many of them there were."""

FLAGS: Final[Mapping[str, Text]] = {
    "running": Text("the window is not over", "период ещё не закончился"),
    "partly_before_data": Text("the window begins before the data", "период начинается раньше данных"),
    "to_date": Text("compared with the same part of the other window", "сравнение с такой же частью другого периода"),
    "prorated": Text("given for other periods, and taken by days", "задано на другие периоды и пересчитано по дням"),
    "partly_covered": Text("the periods given do not cover the whole window", "заданные периоды покрывают не всё окно"),
    "plan_of_members": Text("no plan of its own: the sum of the members' plans", "своего плана нет: сумма планов участников"),
    "lifetime_capped": Text("the lifetime is cut at the horizon", "срок жизни ограничен горизонтом"),
    "margin_unknown": Text("no margin is known: revenue, not profit", "маржа неизвестна: выручка, а не прибыль"),
    "own_costs_alone": Text("costs of this channel alone, without those of no channel", "только расходы этого канала, без общих"),
    "latest_period": Text("of the last period measured in the window", "за последний измеренный период окна"),
}
"""What the reader of a value has to know."""

BESIDE: Final[Mapping[str, Text]] = {
    "elapsed": Text("share of the window that has gone by", "прошедшая доля периода"),
    "life_table": Text("win rate by the life table, open deals counted", "доля выигранных по таблице дожития, с открытыми"),
    "mean": Text("mean", "среднее"),
    "median": Text("median", "медиана"),
    "median_with_open": Text("median days to the win, open deals counted", "медиана дней до выигрыша с учётом открытых"),
    "covered": Text("share of the window that the periods given cover", "доля периода, покрытая данными"),
    "returned": Text("clients that came back", "вернувшиеся клиенты"),
    "expansion": Text("paid more by the same clients", "прирост платежей тех же клиентов"),
    "contraction": Text("paid less by clients that stayed", "сокращение платежей оставшихся"),
    "churned": Text("no longer paid by those that left", "платежи ушедших клиентов"),
    "monthly": Text("share lost a month", "доля ухода за месяц"),
    "monthly_revenue": Text("monthly revenue per client", "месячная выручка на клиента"),
    "margin": Text("gross margin", "валовая маржа"),
    "monthly_churn": Text("share lost a month", "доля ухода за месяц"),
    "lifetime_months": Text("lifetime in months", "срок жизни, месяцев"),
    "promoters": Text("share of 9 and 10", "доля оценок 9 и 10"),
    "detractors": Text("share of 0 to 6", "доля оценок от 0 до 6"),
    "plan": Text("plan", "план"),
    "open_qualified": Text("open qualified deals", "открытые квалифицированные сделки"),
    "win_rate": Text("win rate", "доля выигранных"),
    "average_deal": Text("average deal", "средний чек"),
    "cycle_days": Text("mean cycle in days", "средний цикл, суток"),
    "now": Text("in this window", "за этот период"),
    "before": Text("in the window compared with", "за период сравнения"),
    "bias": Text("forecast less actual, as a share", "прогноз минус факт, доля"),
    "never_answered": Text("share never answered", "доля оставшихся без ответа"),
    "eventual": Text("where those under way split as the others did", "если оставшиеся разделятся так же, как остальные"),
    "unusual": Text("managers with fewer than 5 or more than 15", "руководители, у которых меньше 5 или больше 15"),
    "lead_days": Text("days from the forecast to the end of its period", "дней от прогноза до конца его периода"),
}
"""Figures that stand beside a value."""
