-- bookings
SELECT node, w, CASE WHEN count(state) = 0 OR count(amount) > 0 THEN coalesce(sum(amount), 0) END AS value, count(state) AS n,
       count(state) FILTER (given IS NULL) AS null_amount, count(given) FILTER (amount IS NULL) AS no_rate, any_value(elapsed) AS elapsed
FROM cells LEFT JOIN won USING (node, w) GROUP BY ALL

-- win_rate:closed
SELECT node, w, count(*) FILTER (state = 'won') / nullif(count(state), 0) AS value, count(*) FILTER (state = 'won') AS numerator,
       count(state) AS denominator, 0 AS censored
FROM cells LEFT JOIN closed USING (node, w) GROUP BY ALL

-- win_rate:created
SELECT node, w, count(*) FILTER (state = 'won') / nullif(count(*) FILTER (state != 'open'), 0) AS value,
       count(*) FILTER (state = 'won') AS numerator, count(*) FILTER (state != 'open') AS denominator, count(*) FILTER (state = 'open') AS censored
FROM cells LEFT JOIN created USING (node, w) GROUP BY ALL

-- win_rate_value
SELECT node, w, CASE WHEN count(amount) FILTER (state = 'won') = 0 AND count(*) FILTER (state = 'won') > 0 THEN NULL
                     WHEN count(amount) FILTER (state = 'lost') = 0 AND count(*) FILTER (state = 'lost') > 0 THEN NULL
                     ELSE coalesce(sum(amount) FILTER (state = 'won'), 0) / nullif(sum(amount), 0) END AS value,
       count(amount) AS n, count(state) FILTER (given IS NULL) AS null_amount, count(given) FILTER (amount IS NULL) AS no_rate
FROM cells LEFT JOIN closed USING (node, w) GROUP BY ALL

-- average_deal:mean
SELECT node, w, avg(amount) AS value, count(amount) AS n, median(amount) AS median FROM cells LEFT JOIN won USING (node, w) GROUP BY ALL

-- average_deal:median
SELECT node, w, median(amount) AS value, count(amount) AS n, avg(amount) AS mean FROM cells LEFT JOIN won USING (node, w) GROUP BY ALL

-- sales_cycle:mean
SELECT node, w, avg(epoch(closed_at - created_at)) FILTER (timely) / 86400 AS value, count(*) FILTER (timely) AS n,
       count(*) FILTER (NOT timely) AS negative_cycle
FROM cells LEFT JOIN won USING (node, w) GROUP BY ALL

-- sales_cycle:median
SELECT node, w, median(epoch(closed_at - created_at)) FILTER (timely) / 86400 AS value, count(*) FILTER (timely) AS n
FROM cells LEFT JOIN won USING (node, w) GROUP BY ALL

-- touches:all touches:in touches:out touches:call touches:email touches:meeting touches:demo touches:proposal
WITH touched AS (
    SELECT node, w, o.deal_id, count(activity_id) AS times FROM won o
    LEFT JOIN activities a ON a.deal_id = o.deal_id AND a.kind NOT IN ('task', 'note')
        AND getvariable('variant') IN ('all', a.kind, a.direction)
        AND coalesce(a.done_at, CASE WHEN a.due_at IS NULL THEN a.logged_at END) BETWEEN o.created_at AND o.closed_at
        AND coalesce(a.done_at, a.logged_at) < getvariable('as_of')
        AND greatest(a.logged_at, coalesce(a.recorded_at, a.logged_at)) < getvariable('as_of')
    WHERE timely GROUP BY ALL)
SELECT node, w, avg(times) AS value, coalesce(sum(times), 0) AS numerator, count(times) AS n, median(times) AS median
FROM cells LEFT JOIN touched USING (node, w) GROUP BY ALL

-- offers
WITH entries AS (SELECT deal_id, min(began) AS entered FROM stays WHERE is_offer GROUP BY ALL),
placed_entries AS (
    SELECT node, w, deal_id FROM entries JOIN dn USING (deal_id) JOIN windows ON entered >= start AND entered < finish)
SELECT node, w, count(deal_id) AS value, count(deal_id) AS n FROM cells LEFT JOIN placed_entries USING (node, w) GROUP BY ALL

-- stage_conversion
WITH outcomes AS (
    SELECT node, w, CASE WHEN further IS NOT NULL THEN 1 WHEN state = 'lost' THEN 2 ELSE 0 END AS cause,
           ceil(greatest(epoch(coalesce(further, closed_at, getvariable('as_of')) - began), 0) / 86400) AS t
    FROM entered JOIN sn ON id = deal_id || '#' || nth JOIN windows ON began >= start AND began < finish WHERE is_first),
counted AS (
    SELECT node, w, count(t) AS n, count(*) FILTER (cause = 1) AS numerator, count(*) FILTER (cause = 0) AS censored
    FROM cells LEFT JOIN outcomes USING (node, w) GROUP BY ALL)
SELECT node, w, one AS value, n, numerator, n AS denominator, censored,
       one / nullif(ended, 0) AS eventual
FROM counted LEFT JOIN aalen_johansen('outcomes') USING (node, w)

-- time_in_stage
WITH watched AS (
    SELECT node, w, greatest(epoch(ended - began), 0) / 86400 AS t, has_left AS ended
    FROM entered e JOIN sn ON id = deal_id || '#' || nth JOIN windows ON began >= start AND began < finish)
SELECT node, w, any_value(median) AS value, count(t) AS n, count(*) FILTER (NOT ended) AS censored
FROM cells LEFT JOIN watched USING (node, w) LEFT JOIN km_median('watched') USING (node, w) GROUP BY ALL

-- sales_velocity
WITH behind AS (
    SELECT node, w, count(*) FILTER (state = 'won') / count(*) AS rate, avg(amount) FILTER (state = 'won') AS size,
           avg(epoch(closed_at - o.created_at)) FILTER (state = 'won' AND timely) / 86400 AS cycle
    FROM owned o JOIN dn USING (deal_id) JOIN windows ON closed_at >= upto - INTERVAL 365 DAY AND closed_at < upto GROUP BY ALL),
standing AS (
    SELECT w, k.deal_id, arg_max(m.kind, (m.changed_at, m.place)) AS kind, arg_max(m.new_value, (m.changed_at, m.place)) AS stage
    FROM windows JOIN known k ON k.created_at < upto LEFT JOIN moves m ON m.deal_id = k.deal_id AND m.changed_at < upto GROUP BY ALL),
waiting AS (
    SELECT tn.node, s.w, count(*) AS n FROM standing s JOIN tn USING (w, deal_id)
    LEFT JOIN (SELECT deal_id, stage FROM stays WHERE nth = 1) o USING (deal_id)
    JOIN stages g ON g.stage = coalesce(s.stage, o.stage)
    WHERE g.is_qualified AND coalesce(s.kind, 'open') = 'open' GROUP BY ALL)
SELECT node, w, coalesce(n, 0) * rate * size / nullif(cycle, 0) AS value, coalesce(n, 0) AS open_qualified, rate AS win_rate,
       size AS average_deal, cycle AS cycle_days
FROM cells LEFT JOIN waiting USING (node, w) LEFT JOIN behind USING (node, w)
