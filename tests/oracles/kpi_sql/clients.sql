-- new_clients:all new_clients:contracts new_clients:orders
WITH begun AS (
    SELECT node, w, is_first FROM spells JOIN cn USING (account_id) JOIN windows ON begins >= start AND begins < finish
    WHERE regime = getvariable('variant'))
SELECT node, w, count(*) FILTER (is_first) AS value, count(*) FILTER (NOT is_first) AS returned
FROM cells LEFT JOIN begun USING (node, w) GROUP BY ALL

-- lost_clients:all lost_clients:contracts lost_clients:orders
WITH gone AS (
    SELECT node, w, account_id FROM spells JOIN cn USING (account_id) JOIN windows ON ends >= start AND ends < finish
    WHERE regime = getvariable('variant') AND ends < getvariable('as_of'))
SELECT node, w, count(account_id) AS value FROM cells LEFT JOIN gone USING (node, w) GROUP BY ALL

-- active_clients:all active_clients:contracts active_clients:orders
SELECT node, w, coalesce(last, 0) AS value FROM cells LEFT JOIN (FROM stayed WHERE regime = getvariable('variant')) USING (node, w)

-- retention:all retention:contracts retention:orders
SELECT node, w, kept / nullif(first, 0) AS value, coalesce(kept, 0) AS numerator, coalesce(first, 0) AS denominator
FROM cells LEFT JOIN (FROM stayed WHERE regime = getvariable('variant')) USING (node, w)

-- churn:all churn:contracts churn:orders
SELECT node, w, 1 - kept / nullif(first, 0) AS value, coalesce(first - kept, 0) AS numerator, coalesce(first, 0) AS n,
       1 - (kept / nullif(first, 0)) ^ (1 / months) AS monthly
FROM cells LEFT JOIN (FROM stayed WHERE regime = getvariable('variant')) USING (node, w)

-- churn:annualised
SELECT node, w, 1 - (kept / nullif(first, 0)) ^ (12 / months) AS value
FROM cells LEFT JOIN (FROM stayed WHERE regime = 'all') USING (node, w)

-- grr nrr
WITH edges AS (SELECT w, 'before' AS edge, start AS moment FROM windows UNION ALL SELECT w, 'after', upto FROM windows),
paid AS (
    SELECT w, edge, account_id, coalesce(nullif(sum(monthly) FILTER (least(ends, cancelled) >= moment), 0), sum(monthly)) AS paid
    FROM edges JOIN signed ON starts < moment AND least(ends + INTERVAL 30 DAY, cancelled) >= moment GROUP BY ALL),
pairs AS (
    SELECT node, b.w, b.paid AS before, coalesce(a.paid, 0) AS after FROM paid b
    LEFT JOIN paid a ON a.w = b.w AND a.account_id = b.account_id AND a.edge = 'after'
    JOIN cn ON cn.account_id = b.account_id WHERE b.edge = 'before' AND b.paid > 0)
SELECT node, w, sum(CASE WHEN getvariable('kpi') = 'grr' THEN least(before, after) ELSE after END) / sum(before) AS value,
       count(before) AS n, coalesce(sum(before), 0) AS denominator, coalesce(sum(greatest(after - before, 0)), 0) AS expansion,
       coalesce(sum(before - after) FILTER (after > 0 AND after < before), 0) AS contraction,
       coalesce(sum(before) FILTER (after = 0), 0) AS churned
FROM cells LEFT JOIN pairs USING (node, w) GROUP BY ALL

-- repeat_purchase
WITH buyers AS (
    SELECT node, w, account_id, count(*) AS n FROM sold WHERE is_order AND account_id IS NOT NULL GROUP BY ALL)
SELECT node, w, count(*) FILTER (n >= 2) / nullif(count(account_id), 0) AS value, count(*) FILTER (n >= 2) AS numerator,
       count(account_id) AS denominator
FROM cells LEFT JOIN buyers USING (node, w) GROUP BY ALL

-- ltv:contracts ltv:orders ltv:deals
SELECT node, w, ltv AS value, first AS n, monthly_revenue, churned AS monthly_churn FROM lifetimes

-- cac:all cac:marketing
SELECT node, w, each AS value, coalesce(cost, 0) AS numerator, new AS denominator FROM costed

-- ltv_cac:contracts ltv_cac:orders ltv_cac:deals
SELECT node, w, ltv / each AS value FROM lifetimes JOIN costed USING (node, w)

-- cac_payback:contracts cac_payback:orders cac_payback:deals
WITH fresh_clients AS (
    SELECT node, w, account_id, begins, start, upto, greatest(epoch(upto - begins) / 86400 / 30.4375, 1) AS months
    FROM spells JOIN cn USING (account_id) JOIN windows ON begins >= start AND begins < upto
    WHERE is_first AND regime = CASE getvariable('variant') WHEN 'deals' THEN 'all' ELSE getvariable('variant') END),
spent AS (
    SELECT node, w, sum(amount) AS amount FROM fresh_clients f JOIN (
        SELECT account_id, ordered_at AS moment, amount FROM bought WHERE getvariable('variant') = 'orders'
        UNION ALL SELECT account_id, closed_at, amount FROM known WHERE getvariable('variant') = 'deals' AND state = 'won') s
    USING (account_id) WHERE moment >= start AND moment < upto GROUP BY ALL),
signed_first AS (SELECT node, w, sum(monthly) AS monthly FROM fresh_clients JOIN signed USING (account_id) WHERE starts = begins GROUP BY ALL),
monthly AS (
    SELECT node, w, CASE WHEN getvariable('variant') = 'contracts' THEN any_value(s.monthly) / count(account_id)
                   ELSE any_value(amount) / sum(months) END AS monthly
    FROM fresh_clients LEFT JOIN spent USING (node, w) LEFT JOIN signed_first s USING (node, w) GROUP BY ALL)
SELECT node, w, CASE WHEN monthly * coalesce(margin, 1) > 0 THEN each / (monthly * coalesce(margin, 1)) END AS value
FROM costed LEFT JOIN monthly USING (node, w)
LEFT JOIN (FROM margins WHERE getvariable('variant') = 'orders') m USING (node, w)

-- return_on_sales:gross
SELECT node, w, CASE WHEN sum(amount) > 0 THEN sum(amount - cost) / sum(amount) END AS value, count(cost) AS n
FROM cells LEFT JOIN (FROM sold WHERE cost IS NOT NULL) USING (node, w) GROUP BY ALL

-- return_on_sales:operating
SELECT '' AS node, w, CASE WHEN sum(amount) > 0 THEN (sum(amount - s.cost) - any_value(c.cost)) / sum(amount) END AS value
FROM (FROM costed WHERE node = '') c LEFT JOIN (FROM sold WHERE cost IS NOT NULL AND node = '') s USING (w) GROUP BY ALL

-- nps
SELECT node, w, 100 * (count(*) FILTER (score >= 9) - count(*) FILTER (score <= 6)) / nullif(count(score), 0) AS value, count(score) AS n
FROM cells LEFT JOIN (FROM answered WHERE kind = 'nps' AND scale_min = 0 AND scale_max = 10) USING (node, w) GROUP BY ALL

-- csat:top_two csat:mean
SELECT node, w, CASE WHEN getvariable('variant') = 'mean' THEN avg(score) ELSE count(*) FILTER (score >= 4) / nullif(count(score), 0) END
           AS value, count(score) AS n
FROM cells LEFT JOIN (FROM answered WHERE kind = 'csat' AND scale_min = 1 AND scale_max = 5) USING (node, w) GROUP BY ALL

-- ces:ease ces:effort
SELECT node, w, CASE WHEN getvariable('variant') = 'effort' THEN 8 - avg(score) ELSE avg(score) END AS value, count(score) AS n
FROM cells LEFT JOIN (FROM answered WHERE kind = 'ces' AND scale_min = 1 AND scale_max = 7) USING (node, w) GROUP BY ALL
