-- Coaches and jobs. What is scored of either is one column, `facts`, in the exchange format: it is read whole, written
-- whole, and kept by content with a stored score.
--
-- Every write of a coach takes the brand's next revision, in the same transaction: whoever has seen a revision
-- finds what came later by it.

CREATE TABLE coach_revisions (
    brand_id BIGINT NOT NULL PRIMARY KEY REFERENCES brands (id),
    revision BIGINT NOT NULL
);

CREATE TABLE coaches (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    account_id BIGINT REFERENCES accounts (id),
    external_id TEXT,
    name TEXT NOT NULL,
    email TEXT,
    phone TEXT,
    bio TEXT,
    facts TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT coaches_external_id UNIQUE (brand_id, external_id),
    CONSTRAINT coaches_account UNIQUE (brand_id, account_id)
);

CREATE INDEX coaches_by_revision ON coaches (brand_id, revision);

CREATE TABLE jobs (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    location_id BIGINT NOT NULL,
    external_id TEXT,
    title TEXT NOT NULL,
    description TEXT,
    preset TEXT NOT NULL,
    threshold BIGINT CHECK (threshold BETWEEN 0 AND 10000),
    facts TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT jobs_external_id UNIQUE (brand_id, external_id),
    CONSTRAINT jobs_location FOREIGN KEY (brand_id, location_id) REFERENCES locations (brand_id, id)
);

ALTER TABLE coach_revisions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON coach_revisions
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE coaches ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON coaches
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON jobs
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
