-- Outgoing webhooks: where a brand's programs want to be told of what happens, and every message to them.
--
-- A delivery is one message to one endpoint, with the body as it is sent; its id is the id of the message, so that a
-- receiver counts it once. `round` rises when it is sent again: a task of an earlier round does nothing. The secret is kept
-- as it is, because a signature needs it; it is shown once and never again.

CREATE TABLE webhook_endpoints (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    url TEXT NOT NULL,
    kinds TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    off_because TEXT CHECK (off_because IN ('gone', 'failing')),
    failing_since TIMESTAMPTZ,
    secret TEXT NOT NULL,
    former_secret TEXT,
    former_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT webhook_endpoints_off CHECK (off_because IS NULL OR NOT enabled),
    CONSTRAINT webhook_endpoints_former CHECK ((former_secret IS NULL) = (former_until IS NULL))
);

CREATE TABLE webhook_deliveries (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    endpoint_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    round INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    tried_at TIMESTAMPTZ,
    next_at TIMESTAMPTZ,
    status INTEGER,
    answer TEXT,
    error TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT webhook_deliveries_endpoint FOREIGN KEY (brand_id, endpoint_id)
        REFERENCES webhook_endpoints (brand_id, id),
    CONSTRAINT webhook_deliveries_next CHECK ((state = 'waiting') = (next_at IS NOT NULL))
);

CREATE INDEX webhook_deliveries_log ON webhook_deliveries (brand_id, endpoint_id, id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (brand_id, endpoint_id, state, id);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (brand_id, created_at);

ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON webhook_endpoints
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON webhook_deliveries
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
