-- What was known at as_of, from the tables as a CRM exports them. A row counts from when it was recorded.

CREATE TABLE placed AS
SELECT *, row_number() OVER () AS place, greatest(changed_at, coalesce(recorded_at, changed_at)) AS known_at FROM deal_changes;

CREATE TABLE changes AS SELECT * FROM placed WHERE known_at < getvariable('as_of');

CREATE TABLE held AS
SELECT deal_id, field, coalesce(
    arg_max(new_value, (changed_at, place)) FILTER (known_at < getvariable('as_of')), arg_min(old_value, (changed_at, place))) AS value
FROM placed GROUP BY ALL;

CREATE TABLE moves AS
SELECT *, lag(kind, 1, 'open') OVER (PARTITION BY deal_id ORDER BY changed_at, place) AS was
FROM (SELECT c.*, s.kind FROM changes c JOIN stages s ON s.stage = c.new_value WHERE field = 'stage');

CREATE TABLE states AS
SELECT deal_id, arg_max(kind, (changed_at, place)) AS state, max(changed_at) FILTER (kind != was) AS since FROM moves GROUP BY ALL;

CREATE TABLE fresh AS
SELECT currency, arg_max(rate, date) AS rate FROM rates WHERE date < getvariable('as_of') GROUP BY ALL;

CREATE TABLE known AS
SELECT d.deal_id, d.account_id, d.created_at, coalesce(s.state, 'open') AS state,
       CASE WHEN s.state IN ('won', 'lost') THEN s.since END AS closed_at,
       CASE WHEN a.deal_id IS NULL THEN d.amount ELSE CAST(a.value AS DOUBLE) END AS given,
       CASE WHEN d.currency IS NULL OR d.currency = 'EUR' THEN 1.0 ELSE f.rate END * given AS amount,
       CASE WHEN e.deal_id IS NULL THEN d.expected_close_on ELSE CAST(e.value AS DATE) END AS expected_close_on,
       CASE WHEN p.deal_id IS NULL THEN d.crm_probability ELSE CAST(p.value AS DOUBLE) END AS chance,
       coalesce(t.value, d.stage) AS stage
FROM deals d
LEFT JOIN states s USING (deal_id)
LEFT JOIN fresh f USING (currency)
LEFT JOIN held a ON a.deal_id = d.deal_id AND a.field = 'amount'
LEFT JOIN held e ON e.deal_id = d.deal_id AND e.field = 'expected_close_on'
LEFT JOIN held p ON p.deal_id = d.deal_id AND p.field = 'crm_probability'
LEFT JOIN held t ON t.deal_id = d.deal_id AND t.field = 'stage'
WHERE d.created_at < getvariable('as_of');

-- Whose a deal is at a moment: the last change up to it, else what the first change came from.
CREATE MACRO owner_at(deal, moment) AS (
    SELECT CASE WHEN count(*) = 0 THEN (SELECT owner_id FROM deals WHERE deal_id = deal)
                WHEN count(*) FILTER (changed_at <= moment AND known_at < getvariable('as_of')) = 0
                THEN arg_min_null(old_value, (changed_at, place))
                ELSE arg_max_null(new_value, (changed_at, place))
                     FILTER (changed_at <= moment AND known_at < getvariable('as_of')) END
    FROM placed WHERE deal_id = deal AND field = 'owner_id');

CREATE TABLE owned AS
SELECT *, owner_at(deal_id, coalesce(closed_at, getvariable('as_of'))) AS owner, coalesce(closed_at >= created_at, false) AS timely
FROM known;

CREATE TABLE bought AS
SELECT *, amount >= 0 AS is_order FROM orders WHERE greatest(ordered_at, coalesce(recorded_at, ordered_at)) < getvariable('as_of');

CREATE TABLE signed AS
SELECT contract_id, account_id, starts_on::TIMESTAMP AS starts, coalesce(ends_on::TIMESTAMP, TIMESTAMP '2999-01-01') AS ends,
       CASE WHEN cancelled_at < getvariable('as_of') THEN cancelled_at ELSE TIMESTAMP '2999-01-01' END AS cancelled,
       monthly_amount AS monthly
FROM contracts WHERE known_at < getvariable('as_of');

-- Stretches in which an account is a client; those that touch or overlap are one spell.
CREATE TABLE stretches AS
SELECT account_id, ordered_at AS begins, ordered_at + INTERVAL 365 DAY AS ends, 'orders' AS regime FROM bought WHERE is_order
UNION ALL
SELECT account_id, starts, least(ends + INTERVAL 30 DAY, cancelled), 'contracts' FROM signed WHERE starts < getvariable('as_of');

CREATE TABLE spells AS
SELECT regime, account_id, min(begins) AS begins, max(ends) AS ends,
       row_number() OVER (PARTITION BY regime, account_id ORDER BY min(begins)) = 1 AS is_first
FROM (
    SELECT *, sum((begins > reached)::INT) OVER (PARTITION BY regime, account_id ORDER BY begins, ends) AS spell FROM (
        SELECT *, coalesce(max(ends) OVER (PARTITION BY regime, account_id ORDER BY begins, ends
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), begins) AS reached
        FROM (SELECT * FROM stretches UNION ALL SELECT account_id, begins, ends, 'all' FROM stretches)))
GROUP BY regime, account_id, spell;

-- The quarters up to as_of; `upto` is as_of in the running one.
CREATE TABLE windows AS
SELECT w, start, start + INTERVAL 3 MONTH AS finish, least(finish, getvariable('as_of')) AS upto,
       epoch(upto - start) / 86400 / 30.4375 AS months, epoch(upto - start) / epoch(finish - start) AS elapsed
FROM (SELECT getvariable('n_quarters') - 1 - k AS w, date_trunc('quarter', getvariable('as_of') - INTERVAL 1 MICROSECOND)::TIMESTAMP - to_months((3 * k)::INT) AS start
      FROM range(getvariable('n_quarters')) r(k));

-- What each window is compared with, a running one with the same part of the other.
CREATE TABLE others AS
SELECT kind, w, start, CASE WHEN gone < length AND gone < finish - start THEN start + gone ELSE finish END AS finish FROM (
    SELECT kind, w, start - back AS start, finish - back AS finish, getvariable('as_of') - start AS gone, finish - start AS length
    FROM windows, (VALUES ('previous', INTERVAL 3 MONTH), ('last_year', INTERVAL 12 MONTH)) v(kind, back));

-- Kaplan-Meier medians: of rows (node, w, t, ended).
CREATE MACRO km_median(source) AS TABLE
WITH steps AS (SELECT node, w, t, count(*) FILTER (ended) AS d, count(*) AS here FROM query_table(source) GROUP BY ALL),
risk AS (SELECT *, sum(here) OVER (PARTITION BY node, w ORDER BY t DESC) AS at_risk FROM steps),
curve AS (SELECT node, w, t, product(1 - d / at_risk) OVER (PARTITION BY node, w ORDER BY t) AS s FROM risk WHERE d > 0)
SELECT node, w, (min(t) FILTER (s < 0.5 + 1e-9) + coalesce(min(t) FILTER (s < 0.5 - 1e-9), min(t) FILTER (s < 0.5 + 1e-9))) / 2 AS median
FROM curve GROUP BY ALL;

-- Cumulative incidence of cause 1, and of any: of rows (node, w, t, cause), 0 being censored (Aalen & Johansen 1978).
CREATE MACRO aalen_johansen(source) AS TABLE
WITH steps AS (
    SELECT node, w, t, count(*) FILTER (cause = 1) AS one, count(*) FILTER (cause > 0) AS ended, count(*) AS here
    FROM query_table(source) GROUP BY ALL),
risk AS (SELECT *, sum(here) OVER (PARTITION BY node, w ORDER BY t DESC) AS at_risk FROM steps),
curve AS (
    SELECT *, coalesce(product(1 - ended / at_risk) OVER (PARTITION BY node, w ORDER BY t
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS still FROM risk)
SELECT node, w, sum(still * one / at_risk) AS one, sum(still * ended / at_risk) AS ended FROM curve GROUP BY ALL;

-- Every stay in an open stage: when it began and ended, and what came of it.
CREATE TABLE stays AS
WITH entries AS (
    SELECT deal_id, changed_at AS began, place, new_value AS stage FROM changes WHERE field = 'stage'
    UNION ALL
    SELECT deal_id, created_at, -1, coalesce(
        (SELECT arg_min(old_value, (changed_at, place)) FROM placed c WHERE c.deal_id = d.deal_id AND c.field = 'stage'), d.stage)
    FROM deals d WHERE created_at < getvariable('as_of')),
steps AS (SELECT *, lag(stage) OVER each_deal AS before FROM entries WINDOW each_deal AS (PARTITION BY deal_id ORDER BY place >= 0, began, place)),
kept AS (SELECT * FROM steps WHERE before IS NULL OR before != stage),
timed AS (
    SELECT *, lead(began) OVER each_deal AS following, row_number() OVER each_deal AS nth FROM kept
    WINDOW each_deal AS (PARTITION BY deal_id ORDER BY place >= 0, began, place))
SELECT t.deal_id, t.stage, s.kind, s.is_offer, dense_rank() OVER (PARTITION BY s.kind ORDER BY s.position) AS rung, t.began, t.nth,
       coalesce(t.following, k.closed_at, getvariable('as_of')) AS ended, t.following IS NOT NULL OR k.state != 'open' AS has_left,
       row_number() OVER (PARTITION BY t.deal_id, t.stage ORDER BY t.nth) = 1 AS is_first, k.state, k.closed_at
FROM timed t JOIN stages s USING (stage) JOIN known k USING (deal_id);

CREATE TABLE entered AS
SELECT e.*, coalesce(
    (SELECT arg_min(f.began, f.nth) FROM stays f WHERE f.deal_id = e.deal_id AND f.nth > e.nth AND f.kind = 'open' AND f.rung > e.rung),
    CASE WHEN e.state = 'won' THEN e.closed_at END) AS further
FROM stays e WHERE e.kind = 'open';
