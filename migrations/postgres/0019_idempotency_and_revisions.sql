-- What integrators rely on: a request that is sent again happens once, and nobody overwrites what they have not seen.
--
-- Of an Idempotency-Key only a hash is kept, and the answer is encrypted by the key itself. A row that can be seen has its
-- answer, because both are written in the transaction of the effect.

CREATE TABLE idempotency_keys (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    key_hash TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, key_hash)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (brand_id, created_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON idempotency_keys
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

-- Each write of a row adds one.
ALTER TABLE jobs ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE webhook_endpoints ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
