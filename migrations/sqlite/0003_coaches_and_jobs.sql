-- Coaches and jobs. What is scored of either is one column, `facts`, in the exchange format: it is read whole, written
-- whole, and kept by content with a stored score.
--
-- Every write of a coach takes the brand's next revision, in the same transaction: whoever has seen a revision
-- finds what came later by it.

CREATE TABLE coach_revisions (
    brand_id INTEGER NOT NULL PRIMARY KEY REFERENCES brands (id),
    revision INTEGER NOT NULL
) STRICT;

CREATE TABLE coaches (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    account_id INTEGER REFERENCES accounts (id),
    external_id TEXT,
    name TEXT NOT NULL,
    email TEXT,
    phone TEXT,
    bio TEXT,
    facts TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT coaches_external_id UNIQUE (brand_id, external_id),
    CONSTRAINT coaches_account UNIQUE (brand_id, account_id)
) STRICT;

CREATE INDEX coaches_by_revision ON coaches (brand_id, revision);

CREATE TABLE jobs (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    location_id INTEGER NOT NULL,
    external_id TEXT,
    title TEXT NOT NULL,
    description TEXT,
    preset TEXT NOT NULL,
    threshold INTEGER CHECK (threshold BETWEEN 0 AND 10000),
    facts TEXT NOT NULL,
    active INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT jobs_external_id UNIQUE (brand_id, external_id),
    CONSTRAINT jobs_location FOREIGN KEY (brand_id, location_id) REFERENCES locations (brand_id, id)
) STRICT;
