-- Accounts are global: one person, one password, any number of brands. What a person may do is kept per brand.
-- `accounts.brands` lists the brands in which the account has a membership, so that sign-in finds them without
-- reading across brands; it is written in the transaction that writes the membership.

CREATE TABLE accounts (
    id INTEGER NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT,
    brands TEXT NOT NULL DEFAULT '[]',
    disabled INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    CONSTRAINT accounts_email UNIQUE (email)
) STRICT;

-- The keys that sign this installation's tokens, newest last. Old ones still verify.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    private_pem TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE memberships (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL CHECK (role IN ('coach', 'manager', 'admin')),
    region_id INTEGER,
    location_id INTEGER,
    created_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, account_id),
    CONSTRAINT memberships_region FOREIGN KEY (brand_id, region_id) REFERENCES regions (brand_id, id),
    CONSTRAINT memberships_location FOREIGN KEY (brand_id, location_id) REFERENCES locations (brand_id, id)
) STRICT;
