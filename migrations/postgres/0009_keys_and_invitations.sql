-- Keys of programs, and invitations of people. Of either only the hash of the secret is kept.

CREATE TABLE api_keys (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('manager', 'admin')),
    region_id BIGINT,
    location_id BIGINT,
    secret_hash TEXT NOT NULL,
    created_by BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    used_at TIMESTAMPTZ,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT api_keys_region FOREIGN KEY (brand_id, region_id) REFERENCES regions (brand_id, id),
    CONSTRAINT api_keys_location FOREIGN KEY (brand_id, location_id) REFERENCES locations (brand_id, id)
);

CREATE TABLE invitations (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('coach', 'manager', 'admin')),
    region_id BIGINT,
    location_id BIGINT,
    secret_hash TEXT NOT NULL,
    created_by BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT invitations_region FOREIGN KEY (brand_id, region_id) REFERENCES regions (brand_id, id),
    CONSTRAINT invitations_location FOREIGN KEY (brand_id, location_id) REFERENCES locations (brand_id, id)
);

CREATE INDEX invitations_by_secret ON invitations (brand_id, secret_hash);

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON api_keys
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE invitations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON invitations
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
