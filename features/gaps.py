"""What a CRM may leave empty about a deal, and which signals are unknown for it.

A signal that is missing is not always a gap: that nobody ever pushed the close date leaves `days_since_push` empty, and nobody
can fill it in. So the gaps are listed: fields that a person could enter, with the signals that hang on each. The first signal of
a gap tells whether it is there. A text such as the product is listed with its win rate alone.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Gap:
    """One field that may be empty.

    field    as in the tables, such as deals.amount
    signals  those that are unknown while it is empty; the first decides
    flags    those that are 1 while it is empty
    """

    field: str
    en: str
    ru: str
    signals: tuple[str, ...]
    flags: tuple[str, ...] = ()


GAPS: Final = (
    Gap(
        "deals.amount",
        "Amount",
        "Сумма",
        ("amount", "amount_ratio", "amount_to_owner_ratio", "amount_to_product_ratio", "amount_to_company_ratio"),
        ("amount_missing",),
    ),
    Gap(
        "deals.expected_close_on",
        "Expected close",
        "Ожидаемая дата закрытия",
        ("days_to_expected_close", "overdue_days", "days_past_quarter", "n_pushes", "n_pulls", "pushed_days"),
        ("expected_close_missing",),
    ),
    Gap(
        "deals.owner_id",
        "Owner",
        "Ответственный",
        ("owner_win_rate", "owner_win_hazard", "owner_loss_hazard", "owner_n_open", "owner_open_amount"),
    ),
    Gap("deals.product", "Product", "Продукт", ("product_win_rate",)),
    Gap("deals.source", "Source", "Источник", ("source_win_rate",)),
    Gap("deals.type", "Type of deal", "Тип сделки", ("type_win_rate",)),
    Gap("deals.crm_probability", "CRM's own probability", "Вероятность в CRM", ("crm_probability", "crm_probability_ratio")),
    Gap("deals.account_id", "Client", "Клиент", ("client_n_won", "client_n_lost", "client_n_open", "client_won_amount_365d")),
    Gap("accounts.industry", "Client's industry", "Отрасль клиента", ("industry_win_rate",)),
    Gap("accounts.region", "Client's region", "Регион клиента", ("region_win_rate",)),
    Gap("accounts.employees", "Client's employees", "Сотрудников у клиента", ("employees",)),
    Gap("accounts.annual_revenue", "Client's annual revenue", "Годовая выручка клиента", ("annual_revenue",)),
    Gap("activities.contact_id", "Who was contacted", "С кем был контакт", ("n_contacts", "n_contacts_replied")),
    Gap(
        "activities.direction",
        "Direction of contacts",
        "Направление контактов",
        ("n_inbound", "n_outbound", "n_inbound_30d", "n_outbound_30d"),
    ),
    Gap("users.hired_at", "When the owner was hired", "Дата найма ответственного", ("owner_tenure_days",)),
    Gap("surveys.score", "A survey of the client", "Опрос клиента", ("client_survey_score", "client_days_since_survey")),
)
