-- attainment:prorated attainment:full
SELECT node, w, CASE WHEN getvariable('variant') = 'full' THEN whole ELSE prorated END AS denominator, booked AS numerator,
       booked / nullif(denominator, 0) AS value, elapsed
FROM cells JOIN booked USING (node, w) JOIN planned USING (node, w)

-- pipeline_coverage:amount pipeline_coverage:weighted
WITH open_deals AS (
    SELECT node, w, o.*, amount * CASE WHEN getvariable('variant') = 'weighted' THEN chance ELSE 1 END AS worth
    FROM owned o JOIN dn USING (deal_id) JOIN windows ON expected_close_on >= start AND expected_close_on < finish
    WHERE state = 'open' AND expected_close_on + INTERVAL 1 DAY > getvariable('as_of')),
pipeline AS (
    SELECT node, w, coalesce(sum(worth), 0) AS worth, count(worth) AS n, count(state) > 0 AND count(worth) = 0 AS blind, count(state) FILTER (given IS NULL) AS null_amount
    FROM cells LEFT JOIN open_deals USING (node, w) GROUP BY ALL)
SELECT node, w, CASE WHEN finish > getvariable('as_of') AND prorated > coalesce(booked, 0) AND NOT blind THEN worth / (prorated - coalesce(booked, 0)) END AS value,
       worth AS numerator, prorated - coalesce(booked, 0) AS denominator, prorated AS plan, n, null_amount
FROM cells JOIN pipeline USING (node, w) JOIN booked USING (node, w) JOIN planned USING (node, w)

-- growth:bookings_previous growth:bookings_last_year
WITH before AS (
    SELECT c.node, c.w, coalesce(sum(amount), 0) AS before FROM cells c
    JOIN others x ON x.w = c.w AND getvariable('variant') = 'bookings_' || x.kind
        AND x.finish > (SELECT min(created_at) FROM deals)
    LEFT JOIN (SELECT * FROM owned JOIN dn USING (deal_id) WHERE state = 'won') s
        ON s.node = c.node AND s.closed_at >= x.start AND s.closed_at < x.finish
    GROUP BY ALL HAVING count(deal_id) = 0 OR count(amount) > 0)
SELECT node, w, CASE WHEN before > 0 THEN booked / before - 1 END AS value, before AS denominator, booked AS now
FROM cells JOIN booked USING (node, w) LEFT JOIN before USING (node, w)

-- growth:gross_profit_previous growth:gross_profit_last_year
WITH now AS (
    SELECT node, w, CASE WHEN count(order_id) = 0 OR count(cost) > 0 THEN coalesce(sum(amount - cost), 0) END AS now
    FROM cells LEFT JOIN sold USING (node, w) GROUP BY ALL),
before AS (
    SELECT c.node, c.w, coalesce(sum(s.amount - s.cost), 0) AS before FROM cells c
    JOIN others x ON x.w = c.w AND getvariable('variant') = 'gross_profit_' || x.kind
        AND x.finish > (SELECT min(greatest(ordered_at, coalesce(recorded_at, ordered_at))) FROM orders)
    LEFT JOIN sold_ever s ON s.node = c.node AND s.ordered_at >= x.start AND s.ordered_at < x.finish
    GROUP BY ALL HAVING count(order_id) = 0 OR count(cost) > 0)
SELECT node, w, CASE WHEN before > 0 THEN now / before - 1 END AS value, before AS denominator
FROM now LEFT JOIN before USING (node, w)

-- forecast_accuracy
WITH newest AS (
    SELECT node, period_start, period_end, arg_max(forecast, made_at) AS forecast, max(made_at) AS made_at FROM forecasts
    WHERE made_at < getvariable('as_of') AND period_end <= getvariable('as_of') AND made_at <= period_end GROUP BY ALL),
judged AS (
    SELECT f.node, period_start, period_end, any_value(forecast) AS forecast, coalesce(sum(amount), 0) AS actual,
           epoch(period_end - max(made_at)) / 86400 AS lead_days
    FROM newest f LEFT JOIN (SELECT * FROM owned JOIN dn USING (deal_id) WHERE state = 'won') s
        ON s.node = f.node AND closed_at >= period_start AND closed_at < period_end
    GROUP BY f.node, period_start, period_end HAVING count(deal_id) = 0 OR count(amount) > 0)
SELECT c.node, w, 1 - sum(abs(actual - forecast)) / nullif(sum(abs(actual)), 0) AS value, count(actual) AS n,
       sum(forecast - actual) / nullif(sum(abs(actual)), 0) AS bias, avg(lead_days) AS lead_days
FROM cells c LEFT JOIN judged j ON j.node = c.node AND period_start >= start AND period_end <= finish GROUP BY ALL

-- ramp
WITH over AS (
    SELECT scope_id AS person, period_start, period_end, target FROM plans
    WHERE scope = 'user' AND kpi = 'bookings' AND period_end <= getvariable('as_of')),
reached AS (
    SELECT person, min(period_end) AS reached_at FROM (
        SELECT o.person, period_start, period_end, target FROM over o
        LEFT JOIN owned d ON d.owner = o.person AND state = 'won' AND closed_at >= period_start AND closed_at < period_end
        GROUP BY ALL HAVING target > 0 AND coalesce(sum(amount), 0) >= target) GROUP BY ALL),
newcomers AS (
    SELECT user_id AS person, hired_at, reached_at, CASE WHEN left_at < getvariable('as_of') THEN left_at END AS left_at FROM users
    LEFT JOIN reached ON person = user_id
    WHERE hired_at < getvariable('as_of') AND hired_at >= (SELECT min(period_start) FROM over)),
months AS (
    SELECT node, w, coalesce(reached_at <= upto, false) AS ended,
           greatest(epoch(CASE WHEN ended THEN reached_at ELSE least(upto, coalesce(left_at, upto)) END - hired_at), 0) / 86400 / 30.4375 AS t
    FROM newcomers JOIN pn USING (person) JOIN windows ON hired_at < upto)
SELECT node, w, any_value(median) AS value, count(t) AS n, count(*) FILTER (NOT ended) AS censored
FROM cells LEFT JOIN months USING (node, w) LEFT JOIN km_median('months') USING (node, w) GROUP BY ALL

-- span_of_control
WITH there AS (SELECT w, user_id, manager_id FROM users JOIN windows ON hired_at < upto AND (left_at IS NULL OR left_at > upto
    OR left_at >= getvariable('as_of'))),
reports AS (
    SELECT t.w, m.user_id AS person, count(*) AS n FROM there t JOIN there m ON m.user_id = t.manager_id AND m.w = t.w GROUP BY ALL),
of_node AS (SELECT node, w, person, n FROM reports JOIN pn USING (person))
SELECT node, w, avg(n) AS value, coalesce(sum(n), 0) AS numerator, count(n) AS denominator,
       count(*) FILTER (n < 5 OR n > 15) AS unusual
FROM cells LEFT JOIN of_node USING (node, w) GROUP BY ALL

-- market_share trainings_held
SELECT node, w, a.value, count(a.value) OVER (PARTITION BY node, w) AS n FROM cells
LEFT JOIN (SELECT coalesce(scope_id, '') AS node, period_start AS start, period_end AS finish, value FROM actuals
           WHERE kpi = getvariable('kpi') AND period_end <= getvariable('as_of')
               AND (scope = 'company' OR scope = getvariable('dimension'))) a USING (node, start, finish)
