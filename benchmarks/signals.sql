-- The signals of features.deal_signals as of {t}, from the tables that signals_load.sql makes: one pre-aggregated query a table,
-- joined at the end, for the deals of {cohort}. Windows over time are days of {day} microseconds; {extracted} is when the source
-- was read, {quarter} the end of the fiscal quarter that runs at {t}.

-- Stage, and with it what state each deal is in.
CREATE OR REPLACE TEMP TABLE stage_rows AS
SELECT *, lag(place IGNORE NULLS) OVER in_time AS before, lag(state) OVER in_time AS state_before,
       lag(opening) OVER in_time AS after_opening, lead(time) OVER in_time AS until
FROM stage_past WHERE time < {t}
WINDOW in_time AS (PARTITION BY deal ORDER BY seq);

CREATE OR REPLACE TEMP TABLE by_stage AS
SELECT deal, arg_max(stage, seq) AS stage, arg_max(time, seq) AS stage_time,
       coalesce(arg_max(state, seq) FILTER (NOT opening), 0) AS state,
       max(time) FILTER (NOT opening AND (after_opening IS NOT FALSE OR state <> state_before)) AS state_time,
       count(*) FILTER (NOT opening) AS n_stage_changes,
       count(*) - bit_count(bit_or(1::BIGINT << code)) AS n_stage_revisits,
       nullif(arg_max(coalesce(place, 0), seq), 0) AS stage_position,
       max(place) AS furthest_position,
       arg_max(time, place::BIGINT * 4294967296 - seq) AS furthest_time,
       coalesce(sum(greatest(place - before - 1, 0)), 0) AS n_stage_skips,
       count(*) FILTER (place < before) AS n_stage_backs,
       max(time) FILTER (place > before) AS forward_time,
       count(*) FILTER (NOT opening AND time >= {t} - 30 * {day}) AS n_recent,
       max(time) FILTER (NOT opening) AS change_time
FROM stage_rows GROUP BY deal;

CREATE OR REPLACE TEMP TABLE owner_rows AS
SELECT *, lead(time) OVER (PARTITION BY deal ORDER BY seq) AS until FROM owner_past WHERE time < {t};

CREATE OR REPLACE TEMP TABLE by_owner AS
SELECT deal, arg_max_null(person, seq) AS person, arg_max(time, seq) AS owner_time,
       count(*) FILTER (NOT opening) AS n_owner_changes,
       coalesce(sum(greatest(coalesce(until, {t}) - time, 0) / {day}) FILTER (person IS NULL), 0) AS days_without_owner,
       count(*) FILTER (NOT opening AND time >= {t} - 30 * {day}) AS n_recent,
       max(time) FILTER (NOT opening) AS change_time
FROM owner_rows GROUP BY deal;

CREATE OR REPLACE TEMP TABLE by_amount AS
SELECT deal, arg_max_null(amount, seq) AS amount, max(amount) FILTER (opening) AS first_amount,
       count(*) FILTER (NOT opening) AS n_amount_changes,
       count(*) FILTER (NOT opening AND time >= {t} - 30 * {day}) AS n_recent,
       max(time) FILTER (NOT opening) AS change_time
FROM amount_past WHERE time < {t} GROUP BY deal;

CREATE OR REPLACE TEMP TABLE by_date AS
SELECT deal, arg_max_null(expected, seq) AS expected, max(expected) FILTER (opening) AS first_expected,
       count(*) FILTER (expected > before) AS n_pushes, count(*) FILTER (expected < before) AS n_pulls,
       max(time) FILTER (expected > before) AS push_time,
       count(*) FILTER (NOT opening AND time >= {t} - 30 * {day}) AS n_recent,
       max(time) FILTER (NOT opening) AS change_time
FROM (SELECT *, lag(expected) OVER (PARTITION BY deal ORDER BY seq) AS before FROM date_past WHERE time < {t})
GROUP BY deal;

-- Every deal on record: its state, owner and amount, for what deals borrow from each other.
CREATE OR REPLACE TEMP TABLE standing AS
WITH rate AS (SELECT currency, arg_max(rate, time) AS rate FROM rates WHERE time < {t} GROUP BY currency)
SELECT deals.deal, account, created, product, source, type, person, stage, state, state_time,
       CASE WHEN deals.currency IS NULL OR deals.currency = 'EUR' THEN by_amount.amount ELSE by_amount.amount * rate END AS amount,
       state = 1 AND state_time >= {t} - 365 * {day} AND state_time < {t} AS won_lately,
       state = 2 AND state_time >= {t} - 365 * {day} AND state_time < {t} AS lost_lately,
       CASE WHEN state = 0 THEN {t} ELSE state_time END AS stop
FROM deals JOIN by_stage USING (deal) JOIN by_owner USING (deal) JOIN by_amount USING (deal) LEFT JOIN rate USING (currency)
WHERE created < {t};

CREATE OR REPLACE TEMP TABLE company AS
SELECT count(*) FILTER (won_lately) / nullif(count(*) FILTER (won_lately OR lost_lately), 0) AS win_rate,
       median((state_time - created) / {day}) FILTER (state = 1) AS won_cycle_days, median(amount) FILTER (state = 1) AS usual
FROM standing;

CREATE OR REPLACE TEMP TABLE of_stage AS
SELECT stage_rows.stage, median(greatest((coalesce(until, stop) - time) / {day}, 0)) AS usual_days
FROM stage_rows JOIN standing USING (deal) WHERE standing.state = 1 GROUP BY stage_rows.stage;

CREATE OR REPLACE TEMP TABLE of_owner AS
WITH exposure AS (
    SELECT owner_rows.person, sum(greatest(coalesce(until, stop) - greatest(time, {t} - 365 * {day}), 0) / {day}) AS days
    FROM owner_rows JOIN standing USING (deal) WHERE owner_rows.person IS NOT NULL GROUP BY owner_rows.person),
counted AS (
    SELECT person, count(*) FILTER (won_lately) AS won, count(*) FILTER (lost_lately) AS lost,
           median(amount) FILTER (state = 1) AS usual, count(amount) FILTER (state = 1) AS n_priced,
           count(*) FILTER (state = 0) AS n_open, coalesce(sum(amount) FILTER (state = 0), 0) AS open_amount
    FROM standing WHERE person IS NOT NULL GROUP BY person),
whole AS (
    SELECT sum(won) / sum(days) AS win_hazard, sum(lost) / sum(days) AS loss_hazard, 20 * sum(days) / sum(won + lost) AS prior
    FROM exposure LEFT JOIN counted USING (person))
SELECT person, (won + 20 * company.win_rate) / (won + lost + 20) AS win_rate,
       (won + whole.win_hazard * prior) / (days + prior) AS win_hazard,
       (lost + whole.loss_hazard * prior) / (days + prior) AS loss_hazard,
       CASE WHEN n_priced >= 5 THEN counted.usual ELSE company.usual END AS usual, n_open, open_amount
FROM counted JOIN exposure USING (person), whole, company;

CREATE OR REPLACE TEMP TABLE of_product AS
SELECT product, (count(*) FILTER (won_lately) + 20 * any_value(win_rate)) / (count(*) FILTER (won_lately OR lost_lately) + 20) AS win_rate,
       CASE WHEN count(amount) FILTER (state = 1) >= 5 THEN median(amount) FILTER (state = 1) ELSE any_value(usual) END AS usual
FROM standing, company GROUP BY product;

CREATE OR REPLACE TEMP TABLE of_source AS
SELECT source, (count(*) FILTER (won_lately) + 20 * any_value(win_rate)) / (count(*) FILTER (won_lately OR lost_lately) + 20) AS win_rate
FROM standing, company GROUP BY source;

CREATE OR REPLACE TEMP TABLE of_type AS
SELECT type, (count(*) FILTER (won_lately) + 20 * any_value(win_rate)) / (count(*) FILTER (won_lately OR lost_lately) + 20) AS win_rate
FROM standing, company GROUP BY type;

CREATE OR REPLACE TEMP TABLE by_account AS
SELECT account, count(*) FILTER (state = 1) AS n_won, count(*) FILTER (state = 2) AS n_lost, count(*) FILTER (state = 0) AS n_open,
       max(state_time) FILTER (state = 1) AS won_time, max(state_time) FILTER (state = 2) AS lost_time,
       sum(amount) FILTER (won_lately) AS won_amount, count(*) FILTER (won_lately) AS n_won_lately
FROM standing GROUP BY account;

CREATE OR REPLACE TEMP TABLE asked AS SELECT deal, account FROM standing WHERE {cohort};

-- Activities: of the account, and of the deal.
CREATE OR REPLACE TEMP TABLE attention AS
SELECT account, count(*) FILTER (time >= {t} - 90 * {day}) AS n_90d, max(time) AS last_time
FROM activities WHERE time < {t} AND account IN (SELECT account FROM asked) GROUP BY account;

CREATE OR REPLACE TEMP TABLE contact AS
WITH said AS (
    SELECT *, done IS NULL OR done >= {t} AS undone, lag(time) OVER in_time AS previous,
           lag(direction IGNORE NULLS) OVER in_time AS direction_before,
           lag(CASE WHEN direction IS NOT NULL THEN time END IGNORE NULLS) OVER in_time AS said_before,
           max(CASE WHEN direction = 1 THEN time END) OVER of_deal AS last_in,
           max(CASE WHEN direction = -1 THEN time END) OVER of_deal AS last_out
    FROM activities WHERE time < {t} AND deal IN (SELECT deal FROM asked)
    WINDOW in_time AS (PARTITION BY deal ORDER BY seq), of_deal AS (PARTITION BY deal))
SELECT deal, {counts},
       max(time) AS last_time, max(time) FILTER (direction = 1) AS in_time, max(time) FILTER (direction = -1) AS out_time,
       max(time) FILTER (kind IN ('meeting', 'demo')) AS met_time,
       max(time - greatest(coalesce(previous, created), created)) AS silence,
       count(DISTINCT person) AS n_people, count(DISTINCT contact) AS n_contacts,
       count(DISTINCT contact) FILTER (direction = 1) AS n_contacts_replied,
       count(*) FILTER (direction = -1 AND (last_in IS NULL OR time > last_in)) AS n_unanswered_outbound,
       min(time) FILTER (direction = 1 AND (last_out IS NULL OR time > last_out)) AS waiting_time,
       avg((time - said_before) / {day}) FILTER (direction = 1 AND direction_before = -1) AS client_reply_days,
       avg((time - said_before) / {day}) FILTER (direction = -1 AND direction_before = 1) AS own_reply_days,
       count(*) FILTER (undone) AS n_undone,
       count(*) FILTER (undone AND due >= {t}) AS n_next_steps, min(due) FILTER (undone AND due >= {t}) AS next_time,
       count(*) FILTER (undone AND due < {t}) AS n_overdue_steps, min(due) FILTER (undone AND due < {t}) AS overdue_time
FROM said GROUP BY deal;

CREATE OR REPLACE TEMP TABLE signals AS
WITH ladder AS (SELECT pipeline, max(place) AS n_places FROM stages GROUP BY pipeline)
SELECT deal,
       by_stage.stage, ({t} - stage_time) / {day} AS days_in_stage, ({t} - stage_time) / {day} / nullif(usual_days, 0) AS stage_days_ratio,
       stage_position, n_places - stage_position AS n_stages_ahead, furthest_position,
       ({t} - furthest_time) / {day} AS days_since_furthest, n_stage_changes,
       CASE WHEN furthest_position IS NOT NULL THEN n_stage_skips END AS n_stage_skips,
       CASE WHEN furthest_position IS NOT NULL THEN n_stage_backs END AS n_stage_backs, n_stage_revisits,
       by_stage.n_recent + by_owner.n_recent + by_amount.n_recent + by_date.n_recent AS n_changes_30d,
       ({t} - coalesce(greatest(by_stage.change_time, by_owner.change_time, by_amount.change_time, by_date.change_time), deals.created)) / {day}
           AS days_since_change,
       ({t} - forward_time) / {day} AS days_since_forward,
       ({t} - deals.created) / {day} AS age_days, ({t} - deals.created) / {day} / nullif(won_cycle_days, 0) AS age_ratio,
       (expected - {t}) / {day} AS days_to_expected_close, greatest(({t} - expected) / {day}, 0) AS overdue_days,
       (expected - {quarter}) / {day} AS days_past_quarter, (expected IS NULL)::INTEGER AS expected_close_missing,
       CASE WHEN expected IS NOT NULL THEN n_pushes END AS n_pushes, CASE WHEN expected IS NOT NULL THEN n_pulls END AS n_pulls,
       (expected - first_expected) / {day} AS pushed_days, ({t} - push_time) / {day} AS days_since_push,
       standing.amount, CASE WHEN first_amount > 0 THEN by_amount.amount / first_amount END AS amount_ratio,
       CASE WHEN of_owner.usual > 0 THEN standing.amount / of_owner.usual END AS amount_to_owner_ratio,
       CASE WHEN of_product.usual > 0 THEN standing.amount / of_product.usual END AS amount_to_product_ratio,
       CASE WHEN company.usual > 0 THEN standing.amount / company.usual END AS amount_to_company_ratio,
       (by_amount.amount IS NULL)::INTEGER AS amount_missing, n_amount_changes,
       ({t} - by_amount.change_time) / {day} AS days_since_amount_change,
       {zeroed},
       CASE WHEN n_activities_30d > 0 THEN (n_activities_7d / 7) / (n_activities_30d / 30) END AS activity_pace_ratio,
       ({t} - contact.last_time) / {day} AS days_since_activity, ({t} - in_time) / {day} AS days_since_inbound,
       ({t} - out_time) / {day} AS days_since_outbound, ({t} - met_time) / {day} AS days_since_meeting,
       greatest({t} - greatest(coalesce(contact.last_time, deals.created), deals.created), silence) / {day} AS longest_silence_days,
       ({t} - waiting_time) / {day} AS client_waiting_days, client_reply_days, own_reply_days,
       (next_time - {t}) / {day} AS days_to_next_step, ({t} - overdue_time) / {day} AS overdue_step_days,
       of_owner.win_rate AS owner_win_rate, win_hazard AS owner_win_hazard, loss_hazard AS owner_loss_hazard,
       of_owner.n_open AS owner_n_open, open_amount AS owner_open_amount, n_owner_changes,
       ({t} - owner_time) / {day} AS days_with_owner, days_without_owner,
       CASE WHEN hired < {t} THEN ({t} - hired) / {day} END AS owner_tenure_days,
       CASE WHEN hired < {t} AND quit < {t} THEN ({t} - quit) / {day} END AS days_since_owner_left,
       CASE WHEN hired < {t} THEN team END AS owner_team,
       n_won AS client_n_won, n_lost AS client_n_lost, by_account.n_open - (standing.state = 0)::INTEGER AS client_n_open,
       ({t} - won_time) / {day} AS client_days_since_won, ({t} - lost_time) / {day} AS client_days_since_lost,
       CASE WHEN n_won_lately = 0 THEN 0 ELSE won_amount END AS client_won_amount_365d,
       coalesce(n_90d, 0) AS client_n_activities_90d, ({t} - attention.last_time) / {day} AS client_days_since_activity,
       pipeline, deals.product, deals.source, deals.type, currency,
       CASE WHEN {extracted} < {t} THEN forecast_category END AS forecast_category,
       CASE WHEN {extracted} < {t} THEN crm_probability END AS crm_probability,
       CASE WHEN {extracted} < {t} AND crm_probability > 0 THEN 1.0 END AS crm_probability_ratio,
       of_product.win_rate AS product_win_rate, of_source.win_rate AS source_win_rate, of_type.win_rate AS type_win_rate
FROM asked JOIN standing USING (deal) JOIN deals USING (deal) JOIN by_stage USING (deal) JOIN by_owner USING (deal)
JOIN by_amount USING (deal) JOIN by_date USING (deal) JOIN by_account ON by_account.account = asked.account
LEFT JOIN attention ON attention.account = asked.account LEFT JOIN contact USING (deal) LEFT JOIN ladder USING (pipeline)
LEFT JOIN of_stage ON of_stage.stage = by_stage.stage LEFT JOIN of_owner ON of_owner.person = by_owner.person
LEFT JOIN users ON users.person = by_owner.person LEFT JOIN of_product ON of_product.product = deals.product
LEFT JOIN of_source ON of_source.source = deals.source LEFT JOIN of_type ON of_type.type = deals.type, company;
