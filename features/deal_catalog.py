"""The signals of deals, in the order of the matrix."""

from typing import Final

from features.signal import Signal

_CHANGES: Final = ("deals", "deal_changes")
_ACTIVITIES: Final = ("deals", "activities")

DEAL_SIGNALS: Final = (
    Signal("stage", "pace", "category", "Stage now", "Текущий этап"),
    Signal("days_in_stage", "pace", "days", "Days in this stage", "Дней на этом этапе", _CHANGES, actionable=True),
    Signal("n_stage_changes", "pace", "count", "Stage changes so far", "Смен этапа до сих пор", _CHANGES),
    Signal("n_stage_revisits", "pace", "count", "Returns to an earlier stage", "Возвратов на прежний этап", _CHANGES),
    Signal(
        "n_changes_30d",
        "pace",
        "count",
        "Changes of stage, owner, amount or close date in 30 days",
        "Изменений этапа, ответственного, суммы или даты за 30 дней",
        _CHANGES,
    ),
    Signal(
        "days_since_change", "pace", "days", "Days since any change", "Дней с последнего изменения", _CHANGES, actionable=True
    ),
    Signal("age_days", "time", "days", "Days since the deal was created", "Дней с создания сделки"),
    Signal(
        "days_to_expected_close", "time", "days", "Days to the expected close", "Дней до ожидаемого закрытия", actionable=True
    ),
    Signal("n_pushes", "time", "count", "Times the close date moved later", "Переносов даты закрытия на позже", _CHANGES),
    Signal("pushed_days", "time", "days", "Days the close date moved in all", "На сколько дней сдвинута дата закрытия", _CHANGES),
    Signal("amount", "size", "money", "Amount", "Сумма"),
    Signal("amount_ratio", "size", "ratio", "Amount against the first one", "Сумма относительно первой", _CHANGES),
    Signal("n_activities", "contact", "count", "Activities so far", "Всего контактов и дел", _ACTIVITIES),
    Signal("n_activities_7d", "contact", "count", "Activities in 7 days", "Контактов за 7 дней", _ACTIVITIES, actionable=True),
    Signal("n_activities_30d", "contact", "count", "Activities in 30 days", "Контактов за 30 дней", _ACTIVITIES, actionable=True),
    Signal("n_meetings", "contact", "count", "Meetings and demos so far", "Встреч и показов", _ACTIVITIES, actionable=True),
    Signal("n_inbound_30d", "contact", "count", "Inbound contacts in 30 days", "Входящих контактов за 30 дней", _ACTIVITIES),
    Signal(
        "n_undone",
        "contact",
        "count",
        "Activities begun and not done",
        "Начатых и не завершённых дел",
        _ACTIVITIES,
        actionable=True,
    ),
    Signal("n_people", "contact", "count", "Own people involved", "Участников с нашей стороны", _ACTIVITIES),
    Signal(
        "days_since_activity",
        "contact",
        "days",
        "Days since the last activity",
        "Дней без контактов",
        _ACTIVITIES,
        actionable=True,
    ),
    Signal("days_since_inbound", "contact", "days", "Days since the client's last reply", "Дней без ответа клиента", _ACTIVITIES),
    Signal("owner_win_rate", "owner", "share", "Owner's win rate, shrunken", "Доля побед ответственного, сглаженная"),
    Signal("owner_n_open", "owner", "count", "Owner's open deals", "Открытых сделок у ответственного"),
    Signal("n_owner_changes", "owner", "count", "Hand-overs so far", "Передач между сотрудниками", _CHANGES),
    Signal("days_with_owner", "owner", "days", "Days with this owner", "Дней у этого ответственного", _CHANGES),
    Signal("client_n_won", "client", "count", "Client's deals won before", "Выигранных ранее сделок клиента"),
    Signal("client_n_lost", "client", "count", "Client's deals lost before", "Проигранных ранее сделок клиента"),
    Signal("client_n_open", "client", "count", "Client's other open deals", "Других открытых сделок клиента"),
    Signal("pipeline", "context", "category", "Pipeline", "Воронка"),
    Signal("product", "context", "category", "Product", "Продукт"),
    Signal("source", "context", "category", "Source", "Источник"),
    Signal("type", "context", "category", "Type of deal", "Тип сделки"),
    Signal("industry", "context", "category", "Client's industry", "Отрасль клиента", ("deals", "accounts")),
    Signal("region", "context", "category", "Client's region", "Регион клиента", ("deals", "accounts")),
)
