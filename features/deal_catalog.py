"""The signals of deals, in the order of the matrix.

One line a signal: `name | unit and range | tables beside deals, ! if somebody can act on it | English | Russian`. A range such as
`0..` is open above, `..` on both sides; a category has none.
"""

from typing import Final

from features.signal import Signal


def _signals(group: str, lines: str) -> tuple[Signal, ...]:
    return tuple(_signal(group, *map(str.strip, line.split("|"))) for line in lines.strip().splitlines())


def _signal(group: str, name: str, measure: str, tables: str, en: str, ru: str) -> Signal:
    unit, _, valid = measure.partition(" ")
    low, high = (float(end) if end else None for end in (valid or "..").split(".."))
    needed = ("deals", *(table for table in tables.split() if table != "!"))
    return Signal(name, group, unit, en, ru, needed, "!" in tables, low, high)


_PACE: Final = _signals(
    "pace",
    """
    stage | category |  | Stage now | Текущий этап
    days_in_stage | days 0.. | deal_changes ! | Days in this stage | Дней на этом этапе
    stage_days_ratio | ratio 0.. | deal_changes ! | Days in this stage against won deals | Время на этапе относительно выигранных
    stage_position | count 1.. | stages | Place of the stage in its pipeline | Место этапа в воронке
    n_stages_ahead | count 0.. | stages | Open stages ahead | Сколько этапов впереди
    furthest_position | count 1.. | stages deal_changes | Furthest place reached | Самый дальний достигнутый этап
    days_since_furthest | days 0.. | stages deal_changes | Days since that place was reached | Дней с достижения дальнего этапа
    n_stage_changes | count 0.. | deal_changes | Stage changes so far | Смен этапа до сих пор
    n_stage_skips | count 0.. | stages deal_changes | Stages skipped | Пропущено этапов
    n_stage_backs | count 0.. | stages deal_changes | Moves back in the pipeline | Шагов назад по воронке
    n_stage_revisits | count 0.. | deal_changes | Returns to an earlier stage | Возвратов на прежний этап
    n_changes_30d | count 0.. | deal_changes | Changes of stage, owner, amount or date in 30 days | Изменений сделки за 30 дней
    days_since_change | days 0.. | deal_changes ! | Days since any change | Дней с последнего изменения
    days_since_forward | days 0.. | stages deal_changes ! | Days since the last move forward | Дней с последнего шага вперёд
    """,
)
_TIME: Final = _signals(
    "time",
    """
    age_days | days 0.. |  | Days since the deal was created | Дней с создания сделки
    age_ratio | ratio 0.. |  | Age against the won cycle | Возраст относительно цикла выигранных
    days_to_expected_close | days .. | ! | Days to the expected close | Дней до ожидаемого закрытия
    overdue_days | days 0.. | ! | Days overdue | Дней просрочки закрытия
    days_past_quarter | days .. |  | Days from the quarter's end to the close | Дней от конца квартала до закрытия
    expected_close_missing | flag 0..1 | ! | No expected close | Дата закрытия не указана
    n_pushes | count 0.. | deal_changes | Times the close date moved later | Переносов даты закрытия на позже
    n_pulls | count 0.. | deal_changes | Times the close date moved earlier | Переносов даты закрытия на раньше
    pushed_days | days .. | deal_changes | Days the close date moved in all | На сколько дней сдвинута дата закрытия
    days_since_push | days 0.. | deal_changes | Days since the close date last moved later | Дней с последнего переноса на позже
    """,
)
_SIZE: Final = _signals(
    "size",
    """
    amount | money .. |  | Amount | Сумма
    amount_ratio | ratio .. | deal_changes | Amount against the first one | Сумма относительно первой
    amount_to_owner_ratio | ratio .. |  | Amount against the owner's usual one | Сумма относительно обычной у ответственного
    amount_to_product_ratio | ratio .. |  | Amount against the product's usual one | Сумма относительно обычной для продукта
    amount_to_company_ratio | ratio .. |  | Amount against the company's usual one | Сумма относительно обычной в компании
    amount_missing | flag 0..1 | ! | No amount | Сумма не указана
    n_amount_changes | count 0.. | deal_changes | Amount changes so far | Изменений суммы до сих пор
    days_since_amount_change | days 0.. | deal_changes | Days since the amount changed | Дней с изменения суммы
    """,
)
_KINDS: Final = {
    "n_activities": ("Activities", "Контактов и дел", True),
    "n_calls": ("Calls", "Звонков", True),
    "n_emails": ("Emails", "Писем", True),
    "n_meetings": ("Meetings", "Встреч", True),
    "n_demos": ("Demos", "Показов", True),
    "n_proposals": ("Proposals", "Предложений", True),
    "n_inbound": ("Inbound contacts", "Входящих контактов", False),
    "n_outbound": ("Outbound contacts", "Исходящих контактов", True),
}
_WINDOWS: Final = {
    "": ("so far", "всего"),
    "_7d": ("in 7 days", "за 7 дней"),
    "_30d": ("in 30 days", "за 30 дней"),
    "_90d": ("in 90 days", "за 90 дней"),
}
_ACTIVITIES: Final = ("deals", "activities")
_COUNTS: Final = tuple(
    Signal(f"{name}{suffix}", "contact", "count", f"{en} {when}", f"{ru} {period}", _ACTIVITIES, act and bool(suffix), 0.0)
    for name, (en, ru, act) in _KINDS.items()
    for suffix, (when, period) in _WINDOWS.items()
)
_CONTACT: Final = _signals(
    "contact",
    """
    activity_pace_ratio | ratio 0.. | activities ! | Pace of 7 days against that of 30 | Темп за 7 дней относительно 30 дней
    days_since_activity | days 0.. | activities ! | Days since the last activity | Дней без контактов
    days_since_inbound | days 0.. | activities | Days since the client's last word | Дней с последнего слова клиента
    days_since_outbound | days 0.. | activities ! | Days since our last word | Дней с нашего последнего слова
    days_since_meeting | days 0.. | activities ! | Days since a meeting or demo | Дней со встречи или показа
    longest_silence_days | days 0.. | activities | Longest silence, in days | Самое долгое молчание, дней
    n_people | count 0.. | activities | Own people involved | Участников с нашей стороны
    n_contacts | count 0.. | activities ! | Client's people involved | Участников со стороны клиента
    n_contacts_replied | count 0.. | activities | Client's people who wrote or called | Участников клиента, выходивших на связь
    n_unanswered_outbound | count 0.. | activities | Outbound contacts without an answer | Исходящих контактов без ответа
    client_waiting_days | days 0.. | activities ! | Days the client waits for us | Сколько дней клиент ждёт ответа
    client_reply_days | days 0.. | activities | Mean days to the client's answer | За сколько дней клиент отвечает
    own_reply_days | days 0.. | activities ! | Mean days to our answer | За сколько дней отвечаем мы
    n_undone | count 0.. | activities ! | Activities begun and not done | Начатых и не завершённых дел
    n_next_steps | count 0.. | activities ! | Next steps scheduled | Запланировано следующих шагов
    days_to_next_step | days 0.. | activities ! | Days to the next step | Дней до следующего шага
    n_overdue_steps | count 0.. | activities ! | Steps overdue | Просроченных шагов
    overdue_step_days | days 0.. | activities ! | Days the oldest step is overdue | Дней просрочки старейшего шага
    """,
)
_OWNER: Final = _signals(
    "owner",
    """
    owner_win_rate | share 0..1 |  | Owner's win rate in a year | Доля побед ответственного за год
    owner_win_hazard | ratio 0.. |  | Owner's wins per open deal-day | Побед ответственного на день открытой сделки
    owner_loss_hazard | ratio 0.. |  | Owner's losses per open deal-day | Поражений ответственного на день открытой сделки
    owner_n_open | count 0.. |  | Owner's open deals | Открытых сделок у ответственного
    owner_open_amount | money .. |  | Amount of the owner's open deals | Сумма открытых сделок ответственного
    n_owner_changes | count 0.. | deal_changes | Hand-overs so far | Передач между сотрудниками
    days_with_owner | days 0.. | deal_changes | Days with this owner | Дней у этого ответственного
    days_without_owner | days 0.. | deal_changes | Days without an owner | Дней без ответственного
    owner_tenure_days | days 0.. | users | Days since the owner was hired | Дней с найма ответственного
    days_since_owner_left | days 0.. | users ! | Days since the owner left | Дней с ухода ответственного
    owner_team | category | users | Owner's team | Команда ответственного
    """,
)
_CLIENT: Final = _signals(
    "client",
    """
    client_n_won | count 0.. |  | Client's deals won before | Выигранных ранее сделок клиента
    client_n_lost | count 0.. |  | Client's deals lost before | Проигранных ранее сделок клиента
    client_n_open | count 0.. |  | Client's other open deals | Других открытых сделок клиента
    client_days_since_won | days 0.. |  | Days since a deal of the client was won | Дней с выигранной сделки клиента
    client_days_since_lost | days 0.. |  | Days since a deal of the client was lost | Дней с проигранной сделки клиента
    client_won_amount_365d | money .. |  | Amount won from the client in a year | Выиграно у клиента за год
    client_n_orders | count 0.. | orders | Client's orders so far | Всего заказов клиента
    client_n_orders_365d | count 0.. | orders | Client's orders in a year | Заказов клиента за год
    client_order_amount_365d | money .. | orders | Client's order value in a year | Сумма заказов клиента за год
    client_days_since_order | days 0.. | orders | Days since the client's last order | Дней с последнего заказа клиента
    client_n_contracts | count 0.. | contracts | Client's contracts in force | Действующих договоров клиента
    client_monthly_amount | money .. | contracts | Client's monthly amount | Ежемесячная сумма договоров клиента
    client_contract_days | days .. | contracts | Days since the client's first contract began | Дней с начала первого договора
    client_contract_days_left | days 0.. | contracts ! | Days to the end of a contract | Дней до конца ближайшего договора
    client_n_open_tickets | count 0.. | tickets ! | Client's open tickets | Нерешённых обращений клиента
    client_n_tickets_90d | count 0.. | tickets | Client's tickets in 90 days | Обращений клиента за 90 дней
    client_survey_score | share 0..1 | surveys ! | Client's last survey, 0 to 1 | Последний опрос клиента, от 0 до 1
    client_days_since_survey | days 0.. | surveys | Days since the client's last survey | Дней с последнего опроса клиента
    client_n_activities_90d | count 0.. | activities ! | Activities with the client in 90 days | Контактов с клиентом за 90 дней
    client_days_since_activity | days 0.. | activities ! | Days since any activity with the client | Дней без контактов с клиентом
    client_known_days | days 0.. | accounts | Days the client is on record | Сколько дней клиент в базе
    """,
)
_CONTEXT: Final = _signals(
    "context",
    """
    pipeline | category |  | Pipeline | Воронка
    product | category |  | Product | Продукт
    source | category |  | Source | Источник
    type | category |  | Type of deal | Тип сделки
    currency | category |  | Currency | Валюта
    forecast_category | category |  | CRM's own forecast category | Категория прогноза в CRM
    crm_probability | share 0..1 |  | CRM's own probability | Вероятность в CRM
    crm_probability_ratio | ratio 0.. | deal_changes | CRM probability against the first | Вероятность в CRM относительно первой
    product_win_rate | share 0..1 |  | Product's win rate in a year | Доля побед по продукту за год
    source_win_rate | share 0..1 |  | Source's win rate in a year | Доля побед по источнику за год
    type_win_rate | share 0..1 |  | Deal type's win rate in a year | Доля побед по типу сделки за год
    industry | category | accounts | Client's industry | Отрасль клиента
    region | category | accounts | Client's region | Регион клиента
    country | category | accounts | Client's country | Страна клиента
    employees | count 0.. | accounts | Client's employees | Сотрудников у клиента
    annual_revenue | money .. | accounts | Client's annual revenue | Годовая выручка клиента
    industry_win_rate | share 0..1 | accounts | Industry's win rate in a year | Доля побед в отрасли за год
    region_win_rate | share 0..1 | accounts | Region's win rate in a year | Доля побед в регионе за год
    lead_source | category | leads | Source of the lead | Источник обращения
    lead_response_days | days .. | leads | Days until the lead was answered | За сколько дней ответили на обращение
    lead_conversion_days | days .. | leads | Days until the lead became a deal | За сколько дней обращение стало сделкой
    """,
)

DEAL_SIGNALS: Final = (*_PACE, *_TIME, *_SIZE, *_COUNTS, *_CONTACT, *_OWNER, *_CLIENT, *_CONTEXT)
