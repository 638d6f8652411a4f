"""The definitions of all KPIs as text: one paragraph each, its parts parted by bars or by the ends of lines.

    name unit direction perspective by BASIS of SLICES [adds] | tables without which it has no answer
        name as people say it, meaning, formula: each in English and in Russian
        * a variant | English | Russian | tables without which it has none, unit=its own, of=its own slices

The first variant whose tables are there is the default. `adds` says that values of different windows or nodes may be added up.
"""

from typing import Final

DEFINITIONS: Final = """
bookings money more finance by closed of deal adds | deals
    Total sales (bookings) | Общий объём продаж
    What the deals won in the window are worth. | Сумма сделок, выигранных за период.
    sum of the amounts of won deals | Σ сумм выигранных сделок

attainment share more finance by plan of person | deals plans
    Plan attainment | Выполнение плана
    The part of the sales plan that is reached; of a team, sum over sum.
    Выполненная часть плана; по команде — сумма к сумме.
    bookings / plan | объём продаж / план
    * prorated | plans of joiners and leavers by days | план новичков и ушедших — по дням
    * full | plans as written | планы как заданы

growth share more finance by grows of deal
    Growth | Рост
    How much more was sold or earned than before; a running window is compared with the same part of the other.
    На сколько выросли продажи или прибыль; незавершённый период сравнивается с такой же частью прошлого.
    (now - before) / before | (сейчас − раньше) / раньше
    * bookings_previous | bookings, previous window | продажи к прошлому периоду | deals
    * bookings_last_year | bookings, same window last year | продажи к тому же периоду год назад | deals
    * gross_profit_previous | gross profit, previous window | валовая прибыль к прошлому периоду | orders of=client
    * gross_profit_last_year | gross profit, same window last year | валовая прибыль к периоду год назад | orders of=client

win_rate share more process by closed of deal | deals
    Win rate, by count | Доля выигранных сделок
    Of the deals decided, the part that was won; beside it the life-table rate, which counts open deals too.
    Доля выигранных среди закрытых сделок; рядом доля по таблице дожития, где учтены и открытые.
    won / (won + lost) | выиграно / (выиграно + проиграно)
    * closed | deals closed in the window | сделки, закрытые за период
    * created | deals created in the window | сделки, созданные за период

win_rate_value share more finance by closed of deal | deals
    Win rate, by value | Доля выигранных сделок по сумме
    Of the money decided, the part that was won. | Доля выигранных денег среди сумм закрытых сделок.
    won amount / (won + lost amount) | выигранная сумма / (выигранная + проигранная)

average_deal money more finance by closed of deal | deals
    Average deal size | Средний чек
    What a won deal is worth on average; the median stands beside the mean. | Средняя сумма выигранной сделки; рядом медиана.
    won amount / won deals with an amount | выигранная сумма / выигранные сделки с суммой
    * mean | mean | среднее
    * median | median | медиана

sales_cycle days less process by closed of deal | deals
    Sales cycle | Скорость закрытия сделок
    Days from the creation of a deal to its win; the median that counts open deals stands beside it.
    Сколько суток проходит от создания сделки до выигрыша; рядом медиана с учётом открытых сделок.
    closed - created, of won deals | закрытие − создание, по выигранным сделкам
    * mean | mean | среднее
    * median | median | медиана

touches count neither process by closed of deal | deals activities
    Touches to close | Число касаний до закрытия
    How many completed calls, messages and meetings a won deal took.
    Сколько завершённых звонков, писем и встреч потребовала выигранная сделка.
    completed activities from creation to close / won deals | завершённые касания от создания до закрытия / выигранные сделки
    * all | of every kind | все виды
    * in | by the client | от клиента
    * out | to the client | клиенту
    * call | calls | звонки
    * email | emails | письма
    * meeting | meetings | встречи
    * demo | demos | демонстрации
    * proposal | proposals | предложения

reach count more client by audience of channel adds | audience
    Reach | Охват
    How many people were reached. | Сколько человек охвачено.
    sum of the audience of the finished periods | Σ охвата завершённых периодов

leads count more client by created of lead adds | leads
    Leads | Лиды
    How many leads came in. | Сколько пришло лидов.
    number of leads | число лидов

qualified_leads count more client by qualified of lead adds | leads
    Qualified leads | Квалифицированные лиды
    How many leads were qualified. | Сколько лидов квалифицировано.
    number of leads | число лидов

offers count more process by offered of deal adds | deals
    Offers | Предложения
    How many deals came to an offer for the first time. | Сколько сделок впервые дошло до предложения.
    number of deals | число сделок

lead_conversion share more process by created of lead | leads
    Lead conversion | Конверсия лидов в клиентов
    Of the leads that came in, the part that became clients; leads that may still become one are counted as censored.
    Доля пришедших лидов, ставших клиентами; те, кто ещё может им стать, показаны как цензурированные.
    leads of the cohort that became clients / leads of the cohort | лиды когорты, ставшие клиентами / лиды когорты
    * client | became a client: the deal was won | стал клиентом: сделка выиграна
    * deal | became a deal | стал сделкой
    * in_period | won / created in the window; may exceed 100 % | выиграно / создано за период; бывает выше 100 %

lead_response hours less process by created of lead | leads
    Lead response | Время реакции на лид
    Median hours until a new lead got its first human reply; leads without a reply wait on.
    Сколько часов новый лид ждёт первого ответа человека (медиана); лиды без ответа продолжают ждать.
    Kaplan-Meier median of first reply - created | медиана Каплана — Мейера (первый ответ − создание)

stage_conversion share more process by entered of visit | deals
    Stage conversion | Конверсия между этапами
    Of the entries into a stage, the part that came to a later stage or was won; those still there are censored.
    Доля сделок, перешедших с этапа на один из следующих или выигранных; оставшиеся на этапе цензурированы.
    entries that led further / first entries into a stage | прошедшие дальше / впервые вошедшие на этап

time_in_stage days less process by entered of visit | deals
    Time in stage | Время на этапе
    Median days that a deal stays in a stage; those still there count as long as they were watched.
    Сколько суток сделка находится на этапе (медиана); оставшиеся учитываются за время наблюдения.
    Kaplan-Meier median of every stay | медиана Каплана — Мейера по всем пребываниям

sales_velocity money_per_day more process by trailing of deal | deals
    Sales velocity | Скорость продаж
    The money that the open qualified pipeline turns into a day, at the rates of the months before.
    Сколько денег в день приносит открытая квалифицированная воронка при показателях последних месяцев.
    open qualified deals x win rate x average deal / cycle
    открытые квалифицированные сделки × доля выигранных × средний чек / цикл

pipeline_coverage ratio more process by expected of person | deals plans
    Pipeline coverage | Покрытие плана воронкой
    How many times the open pipeline of the window covers what is left of its plan.
    Во сколько раз открытая воронка периода покрывает остаток плана.
    open pipeline expected to close / remaining plan | открытая воронка с закрытием в периоде / остаток плана
    * amount | whole amounts | полные суммы
    * weighted | weighted by the CRM's probability | с весом вероятности из CRM

forecast_accuracy share more process by forecast of deal | deals
    Forecast accuracy | Точность прогноза
    How near the forecasts came to the actual bookings; always read with its lead time.
    Насколько прогнозы были близки к факту; читается вместе со сроком, за который сделан прогноз.
    1 - sum of |actual - forecast| / sum of |actual| | 1 − Σ|факт − прогноз| / Σ|факт|

new_clients count more client by first of client adds
    New clients | Новые клиенты
    How many became clients for the first time. | Сколько клиентов появилось впервые.
    number of clients | число клиентов
    * all | by contract and by order | по договорам и заказам
    * contracts | clients by contract | клиенты по договорам | contracts
    * orders | clients by order | клиенты по заказам

lost_clients count less client by churned of client adds
    Lost clients | Ушедшие клиенты
    How many stopped being clients: cancelled, not renewed, or silent for the active window.
    Сколько перестало быть клиентами: расторгли, не продлили или молчат дольше окна активности.
    number of clients | число клиентов
    * all | by contract and by order | по договорам и заказам
    * contracts | clients by contract | клиенты по договорам | contracts
    * orders | clients by order | клиенты по заказам

active_clients count more client by end of client
    Active clients | Активные клиенты
    How many are clients at the end of the window. | Сколько клиентов на конец периода.
    number of clients | число клиентов
    * all | by contract and by order | по договорам и заказам
    * contracts | clients by contract | клиенты по договорам | contracts
    * orders | clients by order | клиенты по заказам

retention share more client by window of client
    Retention rate | Удержание клиентов
    Of the clients at the start, the part that still is one at the end; clients won in between are not in it.
    Доля клиентов на начало, оставшихся к концу; пришедшие в течение периода не учитываются.
    clients at the start still clients at the end / clients at the start
    оставшиеся из клиентов на начало / клиенты на начало
    * all | by contract and by order | по договорам и заказам
    * contracts | clients by contract | клиенты по договорам | contracts
    * orders | clients by order | клиенты по заказам

churn share less client by churned of client
    Churn rate | Отток
    Of the clients at the start, the part that is none at the end. | Доля клиентов на начало, ушедших к концу.
    1 - retention; annualised 1 - (1 - m)^12 | 1 − удержание; годовой 1 − (1 − m)^12
    * all | by contract and by order | по договорам и заказам
    * contracts | clients by contract | клиенты по договорам | contracts
    * orders | clients by order | клиенты по заказам
    * annualised | as a rate of a year | в пересчёте на год

grr share more client by window of client | contracts
    Gross revenue retention | Удержание выручки без расширения (GRR)
    Of the recurring revenue at the start, the part still paid by the same clients at the end; never over 100 %.
    Доля регулярной выручки на начало, которую те же клиенты платят в конце; не выше 100 %.
    (start - contraction - churn) / start | (начало − сокращение − отток) / начало

nrr share more client by window of client | contracts
    Net revenue retention | Удержание выручки с расширением (NRR)
    As gross revenue retention, with what these clients pay more.
    То же, с учётом того, что эти клиенты стали платить больше.
    (start - contraction - churn + expansion) / start | (начало − сокращение − отток + расширение) / начало

repeat_purchase share more client by ordered of client
    Repeat purchase rate | Повторные покупки
    Of the clients that ordered, the part that did so more than once. | Доля заказавших клиентов с двумя и более заказами.
    clients with 2 or more orders / clients with 1 or more | клиенты с 2 и более заказами / клиенты с заказом

ltv money more finance by window of client
    Lifetime value (LTV) | Пожизненная ценность клиента (LTV)
    The margin that a client brings until it leaves. | Маржа, которую приносит клиент до ухода.
    monthly revenue per client x gross margin / monthly churn | месячная выручка на клиента × маржа / месячный отток
    * contracts | recurring revenue of contracts | регулярная выручка по договорам | contracts
    * orders | orders less returns | заказы за вычетом возвратов | orders
    * deals | won deals stand in for revenue | вместо выручки — выигранные сделки

cac money less finance by costs of channel | costs
    Customer acquisition cost (CAC) | Стоимость привлечения клиента (CAC)
    What it cost to win a new client. | Во что обошлось привлечение одного нового клиента.
    sales and marketing cost / new clients | расходы на продажи и маркетинг / новые клиенты
    * all | sales and marketing | продажи и маркетинг
    * marketing | marketing alone | только маркетинг

ltv_cac ratio more finance by costs of channel | costs
    LTV : CAC | LTV : CAC
    How many times a client earns back what it cost to win. | Во сколько раз клиент окупает своё привлечение.
    LTV / CAC | LTV / CAC
    * contracts | recurring revenue of contracts | регулярная выручка по договорам | contracts
    * orders | orders less returns | заказы за вычетом возвратов | orders
    * deals | won deals stand in for revenue | вместо выручки — выигранные сделки

cac_payback months less finance by costs of channel | costs
    CAC payback | Окупаемость CAC
    Months until a new client has earned back what it cost. | За сколько месяцев новый клиент окупает своё привлечение.
    CAC / (monthly revenue per new client x margin) | CAC / (месячная выручка на нового клиента × маржа)
    * contracts | recurring revenue of contracts | регулярная выручка по договорам | contracts
    * orders | orders less returns | заказы за вычетом возвратов | orders
    * deals | won deals stand in for revenue | вместо выручки — выигранные сделки

return_on_sales share more finance by ordered of client | orders
    Return on sales | Рентабельность продаж
    What is left of each unit of revenue after its cost. | Сколько остаётся от выручки после вычета затрат.
    (revenue - cost) / revenue | (выручка − затраты) / выручка
    * gross | after the cost of the orders | после себестоимости заказов
    * operating | after sales and marketing as well | также после расходов на продажи и маркетинг | costs of=company

nps points more client by answered of client | surveys
    Net promoter score (NPS) | Индекс лояльности (NPS)
    How many more would recommend (9 or 10 of 10) than would not (0 to 6), in points.
    На сколько пунктов рекомендующих (9–10 из 10) больше, чем критиков (0–6).
    % of 9-10 - % of 0-6, on a scale of 0 to 10 | % оценок 9–10 − % оценок 0–6 по шкале 0–10

csat share more client by answered of client | surveys
    Customer satisfaction (CSAT) | Удовлетворённость клиентов (CSAT)
    The part of answers in the top two of five. | Доля ответов с двумя высшими оценками из пяти.
    answers of 4 and 5 / answers, on a scale of 1 to 5 | ответы 4 и 5 / все ответы по шкале 1–5
    * top_two | share of the top two | доля двух высших оценок
    * mean | mean score, 1 to 5 | средняя оценка от 1 до 5 | unit=score

ces score more client by answered of client | surveys
    Customer effort score (CES) | Оценка усилий клиента (CES)
    How far clients agree that it was easy. | Насколько клиенты согласны, что всё было легко.
    mean of the answers, on a scale of 1 to 7 | среднее ответов по шкале 1–7
    * ease | a high score is an easy one | высокая оценка — легко
    * effort | a high score is a hard one, and is turned round | высокая оценка — трудно; шкала перевёрнута

ramp months less people by hired of person | users plans
    Ramp | Выход на план
    Median months from hire to the end of the first period at plan; who is still ramping is censored.
    Сколько месяцев проходит от приёма до конца первого выполненного плана (медиана); не вышедшие на план цензурированы.
    Kaplan-Meier median of end of the first period at plan - hired
    медиана Каплана — Мейера (конец первого выполненного плана − приём на работу)

span_of_control count neither people by end of person | users
    Span of control | Размер команды
    Direct reports of a manager, on average; from 5 to 15 is the usual range.
    Сколько прямых подчинённых в среднем у руководителя; обычно от 5 до 15.
    people who have a manager / managers | сотрудники с руководителем / руководители
"""
