-- The nodes of one dimension, and which of them each record counts in; `dimension` is a variable.

CREATE OR REPLACE TABLE people AS
SELECT user_id AS person, hired_at IS NULL OR hired_at < getvariable('as_of') AS is_there FROM users
UNION SELECT owner, true FROM owned WHERE owner IS NOT NULL AND owner NOT IN (SELECT user_id FROM users);

CREATE OR REPLACE TABLE chain AS
WITH RECURSIVE up(person, above) AS (
    SELECT person, person FROM people
    UNION
    SELECT up.person, u.manager_id FROM up JOIN users u ON u.user_id = up.above WHERE u.manager_id IS NOT NULL)
SELECT * FROM up;

CREATE OR REPLACE TABLE leaf_node AS
SELECT person AS leaf, person AS node FROM people WHERE getvariable('dimension') = 'owner'
UNION ALL SELECT DISTINCT c.person, u.team FROM chain c JOIN users u ON u.user_id = c.above
          WHERE getvariable('dimension') = 'team' AND team IS NOT NULL
UNION ALL SELECT person, above FROM chain WHERE getvariable('dimension') = 'manager' AND above IN (SELECT manager_id FROM users)
UNION ALL SELECT user_id, region FROM users WHERE getvariable('dimension') = 'office' AND region IS NOT NULL;

CREATE OR REPLACE MACRO by_person() AS getvariable('dimension') IN ('owner', 'team', 'manager', 'office');

-- Of rows (id, leaf): each with its nodes, and with the company, whose name is empty.
CREATE OR REPLACE MACRO nodes_of(leaves) AS TABLE
SELECT id, coalesce(node, CASE WHEN NOT by_person() THEN leaf END, 'nobody') AS node
FROM query_table(leaves) LEFT JOIN leaf_node USING (leaf) WHERE getvariable('dimension') != 'company'
UNION ALL SELECT id, '' FROM query_table(leaves);

CREATE OR REPLACE TABLE account_leaf AS
SELECT account_id AS id, CASE getvariable('dimension') WHEN 'region' THEN region WHEN 'industry' THEN industry END AS leaf FROM accounts;

CREATE OR REPLACE TABLE deal_leaf AS
SELECT o.deal_id AS id, CASE WHEN by_person() THEN o.owner ELSE CASE getvariable('dimension')
    WHEN 'product' THEN d.product WHEN 'source' THEN d.source WHEN 'type' THEN d.type ELSE a.leaf END END AS leaf
FROM owned o JOIN deals d USING (deal_id) LEFT JOIN account_leaf a ON a.id = o.account_id;
CREATE OR REPLACE TABLE dn AS SELECT id AS deal_id, node FROM nodes_of('deal_leaf');

CREATE OR REPLACE TABLE lead_leaf AS
SELECT lead_id AS id, CASE WHEN by_person() THEN owner_id ELSE source END AS leaf FROM leads WHERE created_at < getvariable('as_of');
CREATE OR REPLACE TABLE ln AS SELECT id AS lead_id, node FROM nodes_of('lead_leaf');

-- Where a client came from: the source of the deal it was first won with, else of the first lead that became it.
CREATE OR REPLACE TABLE origin AS
WITH first_won AS (
    SELECT k.account_id, arg_min_null(d.source, (k.closed_at, d.deal_id)) AS source
    FROM known k JOIN deals d USING (deal_id) WHERE k.state = 'won' GROUP BY ALL),
first_lead AS (
    SELECT coalesce(l.account_id, d.account_id) AS account_id, arg_min_null(l.source, (l.converted_at, l.created_at, l.lead_id)) AS source
    FROM leads l LEFT JOIN deals d USING (deal_id)
    WHERE l.created_at < getvariable('as_of') AND l.converted_at < getvariable('as_of') GROUP BY ALL)
SELECT account_id AS id, coalesce(w.source, l.source) AS source FROM first_won w FULL JOIN first_lead l USING (account_id);

-- A client: its region, industry or source, or the owner of the deal it was last won with.
CREATE OR REPLACE TABLE client_leaf AS
SELECT c.id, CASE WHEN by_person() THEN o.owner WHEN getvariable('dimension') = 'source' THEN s.source ELSE a.leaf END AS leaf
FROM (SELECT account_id AS id FROM accounts UNION SELECT account_id FROM deals UNION SELECT account_id FROM orders
      UNION SELECT account_id FROM contracts) c
LEFT JOIN account_leaf a USING (id)
LEFT JOIN origin s USING (id)
LEFT JOIN (SELECT account_id AS id, arg_max_null(owner, (closed_at, deal_id)) AS owner FROM owned WHERE state = 'won' GROUP BY ALL) o USING (id)
WHERE id IS NOT NULL;
CREATE OR REPLACE TABLE cn AS SELECT id AS account_id, node FROM nodes_of('client_leaf');

CREATE OR REPLACE TABLE stay_leaf AS
SELECT deal_id || '#' || nth AS id, CASE WHEN getvariable('dimension') = 'stage' THEN stage ELSE leaf END AS leaf
FROM entered LEFT JOIN deal_leaf ON id = deal_id;
CREATE OR REPLACE TABLE sn AS SELECT id, node FROM nodes_of('stay_leaf');

CREATE OR REPLACE TABLE person_leaf AS SELECT person AS id, person AS leaf FROM people;
CREATE OR REPLACE TABLE pn AS SELECT id AS person, node FROM nodes_of('person_leaf');

-- Whose each deal was at the end of each window.
CREATE OR REPLACE TABLE then_leaf AS
SELECT w || '#' || deal_id AS id, CASE WHEN by_person() THEN owner_at(deal_id, upto) ELSE leaf END AS leaf
FROM windows, known JOIN deal_leaf ON id = deal_id WHERE created_at < upto;
CREATE OR REPLACE TABLE tn AS
SELECT split_part(id, '#', 1)::INT AS w, split_part(id, '#', 2) AS deal_id, node FROM nodes_of('then_leaf');

CREATE OR REPLACE TABLE cells AS
SELECT node, windows.* FROM windows, (
    SELECT '' AS node UNION SELECT 'nobody' WHERE getvariable('dimension') != 'company'
    UNION SELECT node FROM pn JOIN people USING (person) WHERE by_person() AND (is_there OR getvariable('dimension') != 'owner')
    UNION SELECT node FROM dn WHERE NOT by_person() AND getvariable('dimension') != 'stage'
    UNION SELECT node FROM ln WHERE getvariable('dimension') = 'source'
    UNION SELECT channel FROM (SELECT channel, period_start FROM costs UNION ALL SELECT channel, period_start FROM audience)
          WHERE getvariable('dimension') = 'source' AND channel IS NOT NULL AND period_start < getvariable('as_of')
    UNION SELECT node FROM cn WHERE getvariable('dimension') IN ('region', 'industry')
    UNION SELECT node FROM sn WHERE getvariable('dimension') = 'stage');

CREATE OR REPLACE TABLE closed AS
SELECT node, w, o.* FROM owned o JOIN dn USING (deal_id) JOIN windows ON closed_at >= start AND closed_at < finish;
CREATE OR REPLACE VIEW won AS SELECT * FROM closed WHERE state = 'won';
CREATE OR REPLACE TABLE created AS
SELECT node, w, o.* FROM owned o JOIN dn USING (deal_id) JOIN windows ON created_at >= start AND created_at < finish;
CREATE OR REPLACE TABLE came AS
SELECT node, w, l.* FROM leads l JOIN ln USING (lead_id) JOIN windows ON created_at >= start AND created_at < finish;
CREATE OR REPLACE TABLE sold_ever AS
SELECT coalesce(c.node, v.node) AS node, b.* FROM bought b LEFT JOIN cn c USING (account_id)
LEFT JOIN (VALUES (''), ('nobody')) v(node) ON b.account_id IS NULL;
CREATE OR REPLACE VIEW sold AS
SELECT w, s.* FROM sold_ever s JOIN windows ON ordered_at >= start AND ordered_at < finish;
CREATE OR REPLACE TABLE answered AS
SELECT coalesce(c.node, v.node) AS node, w, s.* FROM surveys s JOIN windows ON answered_at >= start AND answered_at < finish
LEFT JOIN cn c USING (account_id)
LEFT JOIN (VALUES (''), ('nobody')) v(node) ON s.account_id IS NULL
WHERE greatest(answered_at, coalesce(recorded_at, answered_at)) < getvariable('as_of');
CREATE OR REPLACE TABLE here AS
SELECT regime, node, w, account_id, bool_or(begins < start AND ends >= start) AS at_start, bool_or(begins < upto AND ends >= upto) AS at_end
FROM spells JOIN cn USING (account_id) JOIN windows ON begins < upto AND ends >= start GROUP BY ALL;
CREATE OR REPLACE VIEW stayed AS
SELECT regime, node, w, count(*) FILTER (at_start) AS first, count(*) FILTER (at_end) AS last, count(*) FILTER (at_start AND at_end) AS kept
FROM here GROUP BY ALL;

CREATE OR REPLACE TABLE booked AS
SELECT node, w, CASE WHEN count(state) = 0 OR count(amount) > 0 THEN coalesce(sum(amount), 0) END AS booked
FROM cells LEFT JOIN won USING (node, w) GROUP BY ALL;

-- Plans of one quarter each: of a person by the days employed, as known. A node without a plan of its own has its members'.
CREATE OR REPLACE TABLE person_plan AS
SELECT scope_id AS person, w, target AS whole, target * greatest(0, epoch(
    least(finish, CASE WHEN left_at < getvariable('as_of') THEN left_at ELSE finish END) - greatest(start, coalesce(hired_at, start))))
    / epoch(finish - start) AS prorated
FROM plans JOIN windows ON period_start = start AND period_end = finish
LEFT JOIN users ON user_id = scope_id AND hired_at < getvariable('as_of') WHERE scope = 'user' AND kpi = 'bookings';
CREATE OR REPLACE TABLE planned AS
WITH own AS (
    SELECT CASE WHEN scope = 'company' THEN '' ELSE scope_id END AS node, w, target FROM plans
    JOIN windows ON period_start = start AND period_end = finish
    WHERE kpi = 'bookings' AND (scope = 'company' OR scope = 'team' AND getvariable('dimension') = 'team')),
members AS (SELECT node, w, sum(whole) AS whole, sum(prorated) AS prorated FROM person_plan JOIN pn USING (person) GROUP BY ALL)
SELECT node, w, CASE WHEN node = '' OR by_person() THEN coalesce(own.target, whole) END AS whole,
       CASE WHEN node = '' OR by_person() THEN coalesce(own.target, prorated) END AS prorated
FROM cells LEFT JOIN own USING (node, w) LEFT JOIN members USING (node, w);

-- The margin of the orders that have a cost; what clients bring in in their lifetime; what was spent on new ones.
CREATE OR REPLACE TABLE margins AS
SELECT node, w, CASE WHEN sum(amount) > 0 THEN sum(amount - cost) / sum(amount) END AS margin
FROM sold WHERE cost IS NOT NULL GROUP BY ALL;

CREATE OR REPLACE MACRO variant() AS getvariable('variant');
CREATE OR REPLACE VIEW earned AS
SELECT node, w, sum(amount) AS revenue FROM (
    SELECT node, w, amount FROM sold WHERE variant() = 'orders' AND account_id IS NOT NULL
    UNION ALL
    SELECT node, w, amount FROM known JOIN cn USING (account_id) JOIN windows ON closed_at >= start AND closed_at < finish
    WHERE variant() = 'deals' AND state = 'won'
    UNION ALL
    SELECT node, w, monthly * epoch(least(ends, cancelled, upto) - greatest(starts, start)) / 86400 / 30.4375
    FROM signed JOIN cn USING (account_id) JOIN windows ON starts < upto AND least(ends, cancelled) > greatest(starts, start)
    WHERE variant() = 'contracts')
GROUP BY ALL;

CREATE OR REPLACE VIEW lifetimes AS
SELECT node, w, coalesce(first, 0) AS first, coalesce(revenue, 0) / ((first + last) / 2) / months AS monthly_revenue,
       1 - (kept / nullif(first, 0)) ^ (1 / months) AS churned, CASE WHEN variant() = 'orders' THEN margin END AS known_margin,
       monthly_revenue * coalesce(known_margin, 1) * CASE WHEN churned > 0 THEN least(1 / churned, 120) ELSE 120 END
           * CASE WHEN first > 0 THEN 1 END AS ltv
FROM cells LEFT JOIN (FROM stayed WHERE regime = CASE variant() WHEN 'deals' THEN 'all' ELSE variant() END) USING (node, w)
LEFT JOIN earned USING (node, w) LEFT JOIN margins USING (node, w);

-- Sums of a table of channels by window, for the company and for the source that each channel is called like.
CREATE OR REPLACE MACRO by_channel(given) AS TABLE
SELECT v.node, w, sum(amount * greatest(0, epoch(least(finish, period_end) - greatest(start, period_start))
           / epoch(period_end::TIMESTAMP - period_start::TIMESTAMP))) AS total, count(amount) AS n
FROM query_table(given) JOIN windows ON period_start < finish AND period_end > start AND period_end <= getvariable('as_of'),
     (SELECT unnest(['', coalesce(channel, 'nobody')]) AS node) v
WHERE v.node = '' OR getvariable('dimension') = 'source' GROUP BY ALL;
CREATE OR REPLACE VIEW spendings AS
SELECT period_start, period_end, channel, amount FROM costs WHERE getvariable('variant') != 'marketing' OR category = 'marketing';
CREATE OR REPLACE VIEW audiences AS SELECT period_start, period_end, channel, reach AS amount FROM audience;

-- Costs without a channel and clients without a source are no segment.
CREATE OR REPLACE VIEW costed AS
SELECT node, w, total AS cost, coalesce(new, 0) AS new, CASE WHEN node != 'nobody' THEN total / nullif(new, 0) END AS each
FROM cells LEFT JOIN by_channel('spendings') USING (node, w)
LEFT JOIN (SELECT node, w, count(*) AS new FROM spells JOIN cn USING (account_id) JOIN windows ON begins >= start AND begins < finish
           WHERE regime = 'all' AND is_first GROUP BY ALL) USING (node, w)
WHERE node = '' OR getvariable('dimension') = 'source';
