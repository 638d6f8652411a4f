"""The signals of clients, in the order of the matrix.

One line a signal, `name unit [range] | English | Russian`; an exclamation mark behind the name says that somebody can do
something about it this week. Days, counts and ratios start at 0 and shares lie between 0 and 1; a line says so where it is
otherwise: `any`, or for instance `-1..1`. A trend is (now - before) / (now + before), -1 (nothing now) to 1 (nothing before).
"""

from typing import Final

from features.signal import Signal

_RANGES: Final[dict[str, tuple[float | None, float | None]]] = {
    "days": (0.0, None),
    "count": (0.0, None),
    "ratio": (0.0, None),
    "share": (0.0, 1.0),
}


def _range(unit: str, written: list[str]) -> tuple[float | None, float | None]:
    if not written:
        return _RANGES.get(unit, (None, None))
    low, _, high = written[0].partition("..")
    return (None, None) if low == "any" else (float(low) if low else None, float(high) if high else None)


def _signals(group: str, table: str, text: str) -> tuple[Signal, ...]:
    signals = []
    for line in filter(None, map(str.strip, text.splitlines())):
        head, en, ru = map(str.strip, line.split("|"))
        name, unit, *written = head.split()
        low, high = _range(unit, written)
        signals.append(Signal(name.rstrip("!"), group, unit, en, ru, (table,), actionable=name.endswith("!"), low=low, high=high))
    return tuple(signals)


CLIENT_SIGNALS: Final = (
    *_signals(
        "recency",
        "orders",
        """
        days_since_order! days | Days since the last order | Дней с последнего заказа
        client_age_days days | Days since the first order | Дней с первого заказа
        """,
    ),
    *_signals(
        "frequency",
        "orders",
        """
        n_orders count | Orders so far | Всего заказов
        n_order_days count | Days with an order so far | Дней с заказами, всего
        order_band category | How often it ordered, in bands | Частота заказов, группами
        n_orders_30d count | Orders in 30 days | Заказов за 30 дней
        n_orders_90d count | Orders in 90 days | Заказов за 90 дней
        n_orders_180d count | Orders in 180 days | Заказов за 180 дней
        n_orders_365d count | Orders in 365 days | Заказов за 365 дней
        n_active_months count 0..12 | Months of 30 days with an order, of 12 | Месяцев по 30 дней с заказами из 12
        """,
    ),
    *_signals(
        "money",
        "orders",
        """
        revenue_90d money | Revenue in 90 days | Выручка за 90 дней
        revenue_365d money | Revenue in 365 days | Выручка за 365 дней
        revenue_total money | Revenue so far | Выручка за всё время
        mean_order money | Mean order | Средний заказ
        median_order money | Median order | Медианный заказ
        largest_order money | Largest order | Самый крупный заказ
        last_order_ratio ratio any | Last order against the mean | Последний заказ относительно среднего
        margin_365d ratio any | Margin of the orders of 365 days | Маржа заказов за 365 дней
        n_returns_365d count | Returns in 365 days | Возвратов за 365 дней
        returned_ratio_365d ratio | Returned against ordered in 365 days | Возвраты относительно заказов за 365 дней
        """,
    ),
    *_signals(
        "rhythm",
        "orders",
        """
        mean_gap_days days | Mean days between orders | Среднее число дней между заказами
        median_gap_days days | Median days between orders | Медианное число дней между заказами
        gap_spread_days days | Standard deviation of the days between orders | Стандартное отклонение дней между заказами
        gap_ratio! ratio | Silence against the usual gap | Молчание относительно обычного
        longest_gap_ratio! ratio | Silence against the longest gap so far | Молчание относительно самого долгого
        last_gap_ratio ratio | Last gap against the usual one | Последний перерыв относительно обычного
        gap_variation ratio | Irregularity: spread of the gaps over their mean | Нерегулярность: разброс перерывов к среднему
        """,
    ),
    *_signals(
        "trend",
        "orders",
        """
        orders_trend_90d ratio -1..1 | Orders in 90 days against the 90 before | Заказы за 90 дней к прошлым 90
        revenue_trend_90d ratio -1..1 | Revenue in 90 days against the 90 before | Выручка за 90 дней к прошлым 90
        orders_trend_365d ratio -1..1 | Orders in 365 days against the 365 before | Заказы за год к прошлому году
        revenue_trend_365d ratio -1..1 | Revenue in 365 days against the 365 before | Выручка за год к прошлому году
        """,
    ),
    *_signals(
        "contract",
        "contracts",
        """
        contract_age_days days any | Days under contract | Дней по договору
        days_since_contract_start days | Days since the newest contract began | Дней с начала последнего договора
        contract_days_left! days any | Days to the contract's end | Дней до конца договора
        contract_term_days days | Length of the newest contract in days | Срок последнего договора в днях
        monthly_amount money | Monthly amount | Ежемесячная сумма
        monthly_ratio ratio any | Monthly amount against the contract before | Ежемесячная сумма к прошлому договору
        n_contracts count | Contracts so far | Всего договоров
        n_renewals count | Renewals so far | Продлений до сих пор
        n_running_contracts count | Contracts that run | Действующих договоров
        n_contracts_ahead! count | Contracts signed that have not begun | Подписанных, но не начавшихся договоров
        n_contracts_cancelled count | Contracts cancelled so far | Расторгнутых договоров
        """,
    ),
    *_signals(
        "service",
        "tickets",
        """
        n_tickets_30d! count | Tickets in 30 days | Обращений за 30 дней
        n_tickets_90d! count | Tickets in 90 days | Обращений за 90 дней
        n_tickets_365d count | Tickets in 365 days | Обращений за 365 дней
        tickets_trend_90d ratio -1..1 | Tickets in 90 days against the 90 before | Обращения за 90 дней к прошлым 90
        days_since_ticket days | Days since the last ticket | Дней с последнего обращения
        n_open_tickets! count | Tickets still open | Нерешённых обращений
        oldest_ticket_days! days | Days the oldest open ticket has waited | Сколько дней ждёт самое старое обращение
        mean_days_to_close days | Mean days to close a ticket | Среднее число дней до решения обращения
        n_high_tickets_90d! count | Pressing tickets in 90 days | Срочных обращений за 90 дней
        """,
    ),
    *_signals(
        "service",
        "surveys",
        """
        survey_score! share | Last survey, 0 to 1 | Последний опрос, от 0 до 1
        nps_score! share | Last recommendation score, 0 to 1 | Последняя готовность рекомендовать, от 0 до 1
        nps_change ratio -1..1 | Recommendation score against the one before | Готовность рекомендовать к прошлому ответу
        days_since_nps days | Days since the last recommendation score | Дней с последнего ответа о готовности рекомендовать
        n_nps count | Recommendation scores so far | Всего ответов о готовности рекомендовать
        csat_score! share | Last satisfaction score, 0 to 1 | Последняя оценка удовлетворённости, от 0 до 1
        csat_change ratio -1..1 | Satisfaction score against the one before | Удовлетворённость к прошлому ответу
        days_since_csat days | Days since the last satisfaction score | Дней с последней оценки удовлетворённости
        n_csat count | Satisfaction scores so far | Всего оценок удовлетворённости
        ces_score! share | Last effort score, 0 to 1 | Последняя оценка усилий, от 0 до 1
        ces_change ratio -1..1 | Effort score against the one before | Оценка усилий к прошлому ответу
        days_since_ces days | Days since the last effort score | Дней с последней оценки усилий
        n_ces count | Effort scores so far | Всего оценок усилий
        """,
    ),
    *_signals(
        "attention",
        "activities",
        """
        n_contacts_30d! count | Contacts in 30 days | Контактов за 30 дней
        n_contacts_90d! count | Contacts in 90 days | Контактов за 90 дней
        n_contacts_in_30d count | Contacts by the client in 30 days | Контактов от клиента за 30 дней
        n_contacts_in_90d count | Contacts by the client in 90 days | Контактов от клиента за 90 дней
        n_contacts_out_30d! count | Contacts by us in 30 days | Наших контактов за 30 дней
        n_contacts_out_90d! count | Contacts by us in 90 days | Наших контактов за 90 дней
        contacts_trend_90d ratio -1..1 | Contacts in 90 days against the 90 before | Контакты за 90 дней к прошлым 90
        days_since_contact! days | Days since a contact | Дней без контакта
        days_since_contact_in days | Days since the client got in touch | Дней с последнего контакта от клиента
        days_since_contact_out! days | Days since we got in touch | Дней с нашего последнего контакта
        n_own_people_90d count | Own people in touch in 90 days | Наших сотрудников в контакте за 90 дней
        n_client_people_90d count | Client's people in touch in 90 days | Людей клиента в контакте за 90 дней
        answered_share_90d share | Share of our contacts in 90 days that were answered | Доля наших контактов за 90 дней с ответом
        """,
    ),
    *_signals(
        "client",
        "deals",
        """
        n_open_deals! count | Open deals | Открытых сделок
        open_deal_amount! money | Amount of the open deals | Сумма открытых сделок
        n_won_deals_365d count | Deals won in 365 days | Выигранных сделок за 365 дней
        n_lost_deals_365d count | Deals lost in 365 days | Проигранных сделок за 365 дней
        days_since_won_deal days | Days since the last deal was won | Дней с последней выигранной сделки
        """,
    ),
    *_signals(
        "context",
        "accounts",
        """
        account_industry category | Industry | Отрасль
        account_region category | Region | Регион
        account_country category | Country | Страна
        account_employees count | Employees | Сотрудников у клиента
        account_annual_revenue money | Client's annual revenue | Годовая выручка клиента
        account_age_days days | Days since the account was created | Дней с создания карточки клиента
        """,
    ),
)
