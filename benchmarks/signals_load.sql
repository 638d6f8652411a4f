-- The tables as DuckDB likes them: numbers for ids, enums for labels, microseconds for instants, each field's history a table of
-- its own in the order of deal and time, and what never changes of a deal beside its activities. {folder} and {since}
-- are filled in; times are microseconds since 1970.

CREATE TYPE stage AS ENUM (SELECT DISTINCT stage FROM read_parquet('{folder}/stages.parquet'));
CREATE TYPE kind AS ENUM (SELECT DISTINCT kind FROM read_parquet('{folder}/activities.parquet'));
CREATE TYPE currency AS ENUM (SELECT DISTINCT currency FROM read_parquet('{folder}/rates.parquet'));
CREATE TYPE product AS ENUM (SELECT DISTINCT product FROM read_parquet('{folder}/deals.parquet'));
CREATE TYPE source AS ENUM (SELECT DISTINCT source FROM read_parquet('{folder}/deals.parquet'));
CREATE TYPE deal_type AS ENUM (SELECT DISTINCT type FROM read_parquet('{folder}/deals.parquet'));
CREATE TYPE pipeline AS ENUM (SELECT DISTINCT pipeline FROM read_parquet('{folder}/deals.parquet'));
CREATE TYPE forecast AS ENUM (SELECT DISTINCT forecast_category FROM read_parquet('{folder}/deals.parquet'));

CREATE TABLE stages AS
SELECT pipeline::pipeline AS pipeline, stage::stage AS stage,
       CASE kind WHEN 'won' THEN 1 WHEN 'lost' THEN 2 ELSE 0 END::TINYINT AS state,
       CASE WHEN kind = 'open' THEN dense_rank() OVER (PARTITION BY pipeline, kind = 'open' ORDER BY position) END::TINYINT AS place
FROM read_parquet('{folder}/stages.parquet');

CREATE TABLE rates AS
SELECT currency::currency AS currency, epoch_us(date) AS time, rate FROM read_parquet('{folder}/rates.parquet');

CREATE TABLE users AS
SELECT (row_number() OVER (ORDER BY user_id) - 1)::INTEGER AS person, user_id, team,
       epoch_us(hired_at) AS hired, epoch_us(left_at) AS quit
FROM read_parquet('{folder}/users.parquet');

CREATE TABLE deals AS
SELECT (row_number() OVER (ORDER BY deal_id) - 1)::INTEGER AS deal, deal_id,
       (dense_rank() OVER (ORDER BY account_id) - 1)::INTEGER AS account, account_id,
       epoch_us(created_at) AS created, currency::currency AS currency, product::product AS product, source::source AS source,
       type::deal_type AS type, pipeline::pipeline AS pipeline, forecast_category::forecast AS forecast_category,
       crm_probability, owner_id, stage, amount, expected_close_on
FROM read_parquet('{folder}/deals.parquet') ORDER BY deal;

CREATE TABLE changes AS
SELECT deal, epoch_us(changed_at) AS time, field, old_value, new_value
FROM read_parquet('{folder}/deal_changes.parquet') JOIN deals USING (deal_id);

CREATE MACRO past(of_field, current_value) AS TABLE
WITH begun AS (SELECT deal, arg_min(old_value, time) AS value FROM changes WHERE field = of_field GROUP BY deal),
     known AS (
         SELECT deal, time, new_value AS value, false AS opening FROM changes WHERE field = of_field
         UNION ALL
         SELECT deals.deal, greatest(created, {since}), CASE WHEN begun.deal IS NULL THEN current_value ELSE begun.value END, true
         FROM deals LEFT JOIN begun USING (deal))
SELECT *, (row_number() OVER (ORDER BY deal, opening DESC, time))::INTEGER AS seq FROM known;

CREATE TABLE stage_past AS
SELECT past.deal, seq, time, opening, value::stage AS stage, state, place,
       enum_code(value::stage)::INTEGER AS code
FROM past('stage', stage) AS past
JOIN deals USING (deal) JOIN stages ON stages.stage = value::stage AND stages.pipeline = deals.pipeline
ORDER BY seq;

CREATE TABLE owner_past AS
SELECT deal, seq, time, opening, person FROM past('owner_id', owner_id) LEFT JOIN users ON user_id = value ORDER BY seq;

CREATE TABLE amount_past AS
SELECT deal, seq, time, opening, value::DOUBLE AS amount FROM past('amount', amount::VARCHAR) ORDER BY seq;

CREATE TABLE date_past AS
SELECT deal, seq, time, opening, epoch_us(value::DATE)::DOUBLE AS expected
FROM past('expected_close_on', expected_close_on::DATE::VARCHAR) ORDER BY seq;

CREATE TABLE activities AS
WITH told AS (
    SELECT deals.deal, deals.created, coalesce(own.account, deals.account) AS account, epoch_us(logged_at) AS time,
           epoch_us(due_at) AS due, epoch_us(done_at) AS done, person, kind::kind AS kind,
           CASE direction WHEN 'in' THEN 1 WHEN 'out' THEN -1 END::TINYINT AS direction, contact_id, activity_id
    FROM read_parquet('{folder}/activities.parquet') AS logged
    LEFT JOIN deals USING (deal_id)
    LEFT JOIN (SELECT DISTINCT account_id, account FROM deals) AS own ON own.account_id = logged.account_id
    LEFT JOIN users USING (user_id))
SELECT * EXCLUDE (contact_id, activity_id), CASE WHEN contact_id IS NOT NULL THEN dense_rank() OVER (ORDER BY contact_id) END::INTEGER AS contact,
       (row_number() OVER (ORDER BY deal NULLS FIRST, time, activity_id))::INTEGER AS seq
FROM told ORDER BY seq;

ALTER TABLE deals DROP COLUMN owner_id;
ALTER TABLE deals DROP COLUMN stage;
ALTER TABLE deals DROP COLUMN amount;
ALTER TABLE deals DROP COLUMN expected_close_on;
ALTER TABLE deals DROP COLUMN account_id;
DROP TABLE changes;
ANALYZE;
