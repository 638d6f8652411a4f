"""The signals of clients, in the order of the matrix."""

from typing import Final

from features.signal import Signal

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
