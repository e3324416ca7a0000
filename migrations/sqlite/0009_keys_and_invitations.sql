-- Keys of programs, and invitations of people. Of either only the hash of the secret is kept.

CREATE TABLE api_keys (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('manager', 'admin')),
    region_id INTEGER,
    location_id INTEGER,
    secret_hash TEXT NOT NULL,
    created_by INTEGER,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT,
    used_at TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT api_keys_region FOREIGN KEY (brand_id, region_id) REFERENCES regions (brand_id, id),
    CONSTRAINT api_keys_location FOREIGN KEY (brand_id, location_id) REFERENCES locations (brand_id, id)
) STRICT;

CREATE TABLE invitations (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('coach', 'manager', 'admin')),
    region_id INTEGER,
    location_id INTEGER,
    secret_hash TEXT NOT NULL,
    created_by INTEGER,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    ended_at TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT invitations_region FOREIGN KEY (brand_id, region_id) REFERENCES regions (brand_id, id),
    CONSTRAINT invitations_location FOREIGN KEY (brand_id, location_id) REFERENCES locations (brand_id, id)
) STRICT;

CREATE INDEX invitations_by_secret ON invitations (brand_id, secret_hash);
