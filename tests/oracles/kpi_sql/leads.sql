-- reach
SELECT node, w, total AS value, coalesce(n, 0) AS n FROM cells LEFT JOIN by_channel('audiences') USING (node, w)
WHERE node = '' OR getvariable('dimension') = 'source'

-- leads
SELECT node, w, count(lead_id) AS value, count(lead_id) AS n FROM cells LEFT JOIN came USING (node, w) GROUP BY ALL

-- qualified_leads
WITH found AS (
    SELECT node, w, lead_id FROM leads JOIN ln USING (lead_id) JOIN windows ON qualified_at >= start AND qualified_at < finish
    WHERE qualified_at < getvariable('as_of'))
SELECT node, w, count(lead_id) AS value, count(lead_id) AS n FROM cells LEFT JOIN found USING (node, w) GROUP BY ALL

-- lead_conversion:client lead_conversion:deal
WITH due AS (
    SELECT coalesce(quantile_cont(epoch(converted_at - created_at), 0.95), 90 * 86400) AS seconds
    FROM leads WHERE converted_at < getvariable('as_of') AND created_at < getvariable('as_of')),
became AS (
    SELECT node, w, lead_id, coalesce(converted_at < getvariable('as_of'), false) AS converted, created_at,
           CASE WHEN NOT converted THEN false WHEN getvariable('variant') = 'deal' THEN true
                WHEN deal_id IS NULL THEN true ELSE coalesce(state = 'won', false) END AS so,
           converted AND coalesce(state = 'open', false) AS is_open
    FROM came LEFT JOIN (SELECT deal_id, state FROM known) k USING (deal_id))
SELECT node, w, count(*) FILTER (so) / nullif(count(lead_id), 0) AS value, count(*) FILTER (so) AS numerator,
       count(lead_id) AS denominator, count(*) FILTER (NOT so AND (is_open
           OR NOT converted AND epoch(getvariable('as_of') - created_at) <= seconds)) AS censored
FROM cells LEFT JOIN became USING (node, w), due GROUP BY ALL

-- lead_conversion:in_period
WITH clients AS (
    SELECT node, w, lead_id FROM (
        SELECT l.lead_id, CASE WHEN l.deal_id IS NULL THEN l.converted_at WHEN k.state = 'won' THEN k.closed_at END AS moment
        FROM leads l LEFT JOIN known k USING (deal_id) WHERE converted_at < getvariable('as_of') AND l.created_at < getvariable('as_of'))
    JOIN ln USING (lead_id) JOIN windows ON moment >= start AND moment < finish),
counted AS (SELECT node, w, count(lead_id) AS won FROM cells LEFT JOIN clients USING (node, w) GROUP BY ALL)
SELECT node, w, any_value(won) / nullif(count(lead_id), 0) AS value, any_value(won) AS numerator, count(lead_id) AS denominator
FROM counted LEFT JOIN came USING (node, w) GROUP BY ALL

-- lead_response
WITH waits AS (
    SELECT node, w, coalesce(first_response_at < getvariable('as_of'), false) AS ended,
           greatest(epoch(CASE WHEN ended THEN first_response_at ELSE getvariable('as_of') END - created_at), 0) / 3600 AS t FROM came)
SELECT node, w, any_value(median) AS value, count(t) AS n, count(*) FILTER (NOT ended) AS censored,
       count(*) FILTER (NOT ended) / nullif(count(t), 0) AS never_answered
FROM cells LEFT JOIN waits USING (node, w) LEFT JOIN km_median('waits') USING (node, w) GROUP BY ALL
