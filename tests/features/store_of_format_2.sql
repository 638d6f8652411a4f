-- A store as the first version with a store left it: two exports, a history that grew between them, a column of the deals' own.
CREATE TABLE store (
    store_id TEXT NOT NULL,
    format INTEGER NOT NULL,
    revision BIGINT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (store_id)
);
CREATE TABLE deals (
    deal_id TEXT NOT NULL,
    account_id TEXT,
    owner_id TEXT,
    name TEXT,
    pipeline TEXT,
    product TEXT,
    source TEXT,
    type TEXT,
    created_at BIGINT NOT NULL,
    amount DOUBLE PRECISION,
    currency TEXT,
    stage TEXT NOT NULL,
    expected_close_on TEXT,
    closed_at BIGINT,
    outcome TEXT,
    lost_reason TEXT,
    forecast_category TEXT,
    crm_probability DOUBLE PRECISION,
    recorded_at BIGINT,
    custom TEXT,
    PRIMARY KEY (deal_id)
);
CREATE TABLE deal_changes (
    deal_id TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    field TEXT NOT NULL,
    old_value TEXT,
    new_value TEXT,
    recorded_at BIGINT,
    occurrence INTEGER NOT NULL
);
CREATE INDEX ix_deal_changes_deal_id ON deal_changes (deal_id);
CREATE TABLE accounts (
    account_id TEXT NOT NULL,
    name TEXT,
    industry TEXT,
    country TEXT,
    region TEXT,
    employees DOUBLE PRECISION,
    annual_revenue DOUBLE PRECISION,
    created_at BIGINT,
    parent_id TEXT,
    recorded_at BIGINT,
    PRIMARY KEY (account_id)
);
CREATE TABLE activities (
    activity_id TEXT NOT NULL,
    deal_id TEXT,
    account_id TEXT,
    user_id TEXT,
    kind TEXT NOT NULL,
    direction TEXT,
    logged_at BIGINT NOT NULL,
    due_at BIGINT,
    done_at BIGINT,
    contact_id TEXT,
    recorded_at BIGINT,
    PRIMARY KEY (activity_id)
);
CREATE TABLE users (
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    manager_id TEXT,
    team TEXT,
    region TEXT,
    hired_at BIGINT,
    left_at BIGINT,
    recorded_at BIGINT,
    PRIMARY KEY (user_id)
);
CREATE TABLE leads (
    lead_id TEXT NOT NULL,
    source TEXT,
    owner_id TEXT,
    created_at BIGINT NOT NULL,
    first_response_at BIGINT,
    qualified_at BIGINT,
    converted_at BIGINT,
    account_id TEXT,
    deal_id TEXT,
    recorded_at BIGINT,
    PRIMARY KEY (lead_id)
);
CREATE TABLE orders (
    order_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    ordered_at BIGINT NOT NULL,
    amount DOUBLE PRECISION NOT NULL,
    cost DOUBLE PRECISION,
    deal_id TEXT,
    recorded_at BIGINT,
    PRIMARY KEY (order_id)
);
CREATE TABLE contracts (
    contract_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    starts_on TEXT NOT NULL,
    ends_on TEXT,
    monthly_amount DOUBLE PRECISION NOT NULL,
    cancelled_at BIGINT,
    known_at BIGINT NOT NULL,
    recorded_at BIGINT,
    PRIMARY KEY (contract_id)
);
CREATE TABLE tickets (
    ticket_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    priority TEXT,
    recorded_at BIGINT,
    PRIMARY KEY (ticket_id)
);
CREATE TABLE surveys (
    response_id TEXT NOT NULL,
    account_id TEXT,
    user_id TEXT,
    answered_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    scale_min DOUBLE PRECISION NOT NULL,
    scale_max DOUBLE PRECISION NOT NULL,
    recorded_at BIGINT,
    PRIMARY KEY (response_id)
);
CREATE TABLE stages (
    pipeline TEXT,
    stage TEXT NOT NULL,
    position DOUBLE PRECISION,
    kind TEXT NOT NULL,
    is_qualified SMALLINT,
    is_offer SMALLINT,
    recorded_at BIGINT
);
CREATE INDEX ix_stages_pipeline ON stages (pipeline);
CREATE TABLE rates (
    currency TEXT NOT NULL,
    date TEXT NOT NULL,
    rate DOUBLE PRECISION NOT NULL,
    recorded_at BIGINT
);
CREATE INDEX ix_rates_currency ON rates (currency);
CREATE TABLE audience (
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    channel TEXT,
    reach DOUBLE PRECISION NOT NULL,
    recorded_at BIGINT
);
CREATE INDEX ix_audience_period_start ON audience (period_start);
CREATE TABLE actuals (
    kpi TEXT NOT NULL,
    scope TEXT NOT NULL,
    scope_id TEXT,
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    recorded_at BIGINT
);
CREATE INDEX ix_actuals_kpi ON actuals (kpi);
CREATE TABLE plans (
    scope TEXT NOT NULL,
    scope_id TEXT,
    kpi TEXT NOT NULL,
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    target DOUBLE PRECISION NOT NULL,
    currency TEXT,
    recorded_at BIGINT
);
CREATE INDEX ix_plans_scope ON plans (scope);
CREATE TABLE costs (
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    category TEXT NOT NULL,
    channel TEXT,
    amount DOUBLE PRECISION NOT NULL,
    recorded_at BIGINT
);
CREATE INDEX ix_costs_period_start ON costs (period_start);
CREATE TABLE openings (
    deal_id TEXT NOT NULL,
    owner_id TEXT,
    owner_id_since BIGINT NOT NULL,
    pipeline TEXT,
    pipeline_since BIGINT NOT NULL,
    product TEXT,
    product_since BIGINT NOT NULL,
    source TEXT,
    source_since BIGINT NOT NULL,
    type TEXT,
    type_since BIGINT NOT NULL,
    amount DOUBLE PRECISION,
    amount_since BIGINT NOT NULL,
    stage TEXT,
    stage_since BIGINT NOT NULL,
    expected_close_on TEXT,
    expected_close_on_since BIGINT NOT NULL,
    forecast_category TEXT,
    forecast_category_since BIGINT NOT NULL,
    crm_probability DOUBLE PRECISION,
    crm_probability_since BIGINT NOT NULL,
    custom TEXT,
    PRIMARY KEY (deal_id)
);
INSERT INTO store VALUES ('eaa22420318d4fc9a4a45c2c4baca3e5', 2, 2, '{"organisation": null, "extracted_at": 1778198400000000, "static": [], "tracked_since": {}, "columns": {"deals": ["deal_id", "account_id", "created_at", "amount", "stage"], "deal_changes": ["deal_id", "changed_at", "field", "old_value", "new_value"], "accounts": ["account_id", "name", "employees"], "activities": ["activity_id", "deal_id", "kind", "logged_at"]}, "custom": [["seats", "number", "deal_changes"]], "watched": {"amount": 1777593600000000, "stage": 1777593600000000, "seats": 1777593600000000}}');
INSERT INTO deals VALUES ('D1', 'A1', NULL, NULL, NULL, NULL, NULL, NULL, 1775001600000000, 7500.0, NULL, 'Proposal', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"seats": 5.0}');
INSERT INTO deals VALUES ('D2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1775001600000000, 1.0, NULL, 'Discovery', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"seats": 4.0}');
INSERT INTO deal_changes VALUES ('D1', 1778198400000000, 'amount', '5000', '7500', NULL, 0);
INSERT INTO deal_changes VALUES ('D1', 1778198400000000, 'stage', 'Discovery', 'Proposal', NULL, 0);
INSERT INTO deal_changes VALUES ('D1', 1778198400000000, 'seats', '3', '5', NULL, 0);
INSERT INTO accounts VALUES ('A1', 'Acme', NULL, NULL, NULL, 5.0, NULL, NULL, NULL, NULL);
INSERT INTO activities VALUES ('X1', 'D1', NULL, NULL, 'call', NULL, 1776643200000000, NULL, NULL, NULL, NULL);
INSERT INTO openings VALUES ('D1', NULL, -9223372036854775808, NULL, -9223372036854775808, NULL, -9223372036854775808, NULL, -9223372036854775808, NULL, -9223372036854775808, 5000.0, 1777593600000000, 'Discovery', 1777593600000000, NULL, -9223372036854775808, NULL, -9223372036854775808, NULL, -9223372036854775808, '{"seats": 3.0, "seats_since": 1777593600000000}');
INSERT INTO openings VALUES ('D2', NULL, -9223372036854775808, NULL, -9223372036854775808, NULL, -9223372036854775808, NULL, -9223372036854775808, NULL, -9223372036854775808, 1.0, 1777593600000000, 'Discovery', 1777593600000000, NULL, -9223372036854775808, NULL, -9223372036854775808, NULL, -9223372036854775808, '{"seats": 4.0, "seats_since": 1777593600000000}');
