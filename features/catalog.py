"""Every signal: name, group, unit, meaning in English and Russian. The reference in docs/signals.md is generated from it.

A signal is live when the tables it needs are there; otherwise it is absent, not zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Group:
    """Signals that answer one question of a manager; reasons are given by group."""

    name: str
    en: str
    ru: str


@dataclass(frozen=True)
class Signal:
    """One column of the matrix.

    unit         what the number counts: days, count, ratio, money, share, or category for text
    tables       the tables without which the signal is absent
    actionable   whether somebody can do something about it this week
    """

    name: str
    group: str
    unit: str
    en: str
    ru: str
    tables: tuple[str, ...] = ("deals",)
    actionable: bool = False

    @property
    def is_category(self) -> bool:
        return self.unit == "category"


GROUPS: Final[Mapping[str, Group]] = {
    group.name: group
    for group in (
        Group("pace", "Stage and pace", "Этап и темп"),
        Group("time", "Time", "Время"),
        Group("size", "Size", "Размер"),
        Group("contact", "Contact", "Контакты"),
        Group("owner", "Owner", "Ответственный"),
        Group("client", "Client", "Клиент"),
        Group("context", "Context", "Контекст"),
        Group("recency", "Recency", "Давность"),
        Group("frequency", "Frequency", "Частота"),
        Group("money", "Money", "Деньги"),
        Group("rhythm", "Rhythm", "Ритм"),
        Group("contract", "Contract", "Договор"),
        Group("service", "Service", "Обслуживание"),
        Group("attention", "Attention", "Внимание"),
    )
}

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

_ORDERS: Final = ("orders",)
_CONTRACTS: Final = ("contracts",)

CLIENT_SIGNALS: Final = (
    Signal(
        "days_since_order", "recency", "days", "Days since the last order", "Дней с последнего заказа", _ORDERS, actionable=True
    ),
    Signal("client_age_days", "recency", "days", "Days since the first order", "Дней с первого заказа", _ORDERS),
    Signal("n_orders", "frequency", "count", "Orders so far", "Всего заказов", _ORDERS),
    Signal("order_band", "frequency", "category", "How often it ordered, in bands", "Частота заказов, группами", _ORDERS),
    Signal("n_orders_90d", "frequency", "count", "Orders in 90 days", "Заказов за 90 дней", _ORDERS),
    Signal("n_orders_365d", "frequency", "count", "Orders in 365 days", "Заказов за 365 дней", _ORDERS),
    Signal("revenue_90d", "money", "money", "Revenue in 90 days", "Выручка за 90 дней", _ORDERS),
    Signal("revenue_365d", "money", "money", "Revenue in 365 days", "Выручка за 365 дней", _ORDERS),
    Signal("mean_order", "money", "money", "Mean order", "Средний заказ", _ORDERS),
    Signal("mean_gap_days", "rhythm", "days", "Mean days between orders", "Среднее число дней между заказами", _ORDERS),
    Signal(
        "gap_ratio",
        "rhythm",
        "ratio",
        "Silence against the usual gap",
        "Молчание относительно обычного",
        _ORDERS,
        actionable=True,
    ),
    Signal("contract_age_days", "contract", "days", "Days under contract", "Дней по договору", _CONTRACTS),
    Signal(
        "contract_days_left",
        "contract",
        "days",
        "Days to the contract's end",
        "Дней до конца договора",
        _CONTRACTS,
        actionable=True,
    ),
    Signal("monthly_amount", "contract", "money", "Monthly amount", "Ежемесячная сумма", _CONTRACTS),
    Signal("n_contracts", "contract", "count", "Contracts so far", "Всего договоров", _CONTRACTS),
    Signal("n_tickets_90d", "service", "count", "Tickets in 90 days", "Обращений за 90 дней", ("tickets",), actionable=True),
    Signal("n_open_tickets", "service", "count", "Tickets still open", "Нерешённых обращений", ("tickets",), actionable=True),
    Signal(
        "survey_score", "service", "share", "Last survey, 0 to 1", "Последний опрос, от 0 до 1", ("surveys",), actionable=True
    ),
    Signal(
        "n_contacts_90d", "attention", "count", "Contacts in 90 days", "Контактов за 90 дней", ("activities",), actionable=True
    ),
    Signal(
        "days_since_contact", "attention", "days", "Days since a contact", "Дней без контакта", ("activities",), actionable=True
    ),
    Signal("account_industry", "context", "category", "Industry", "Отрасль", ("accounts",)),
    Signal("account_region", "context", "category", "Region", "Регион", ("accounts",)),
)

SIGNALS: Final[Mapping[str, Signal]] = {signal.name: signal for signal in (*DEAL_SIGNALS, *CLIENT_SIGNALS)}


def live(signals: Iterable[Signal], tables: Iterable[str]) -> list[Signal]:
    """The signals whose tables are all there, in catalog order."""
    there = set(tables)
    return [signal for signal in signals if there.issuperset(signal.tables)]
