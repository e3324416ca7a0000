-- People who come by another issuer's tokens, codes that are sent by mail, and what ends what was issued before.
--
-- An account without an address of its own has `none:ID` for one. An identity is somebody as an issuer knows them; its row
-- stays when the issuer has deleted them, so that no older token or message brings them back. An arrival is what was last
-- heard of somebody's belonging to a brand, and whether it has been made a membership, which happens once; one without an
-- issuer says when an admin took an account out.

ALTER TABLE accounts ADD COLUMN email_confirmed_at TEXT;
ALTER TABLE accounts ADD COLUMN signed_out_at TEXT;
ALTER TABLE accounts ADD COLUMN erase_after TEXT;

CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    account_id INTEGER REFERENCES accounts (id),
    updated_at TEXT NOT NULL,
    linked_at TEXT,
    banned INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (issuer, subject)
) STRICT;

CREATE INDEX identities_by_account ON identities (account_id);

-- Messages that have been taken, so that the same one is taken once.
CREATE TABLE webhook_messages (
    issuer TEXT NOT NULL,
    id TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    PRIMARY KEY (issuer, id)
) STRICT;

CREATE TABLE email_codes (
    secret_hash TEXT NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    purpose TEXT NOT NULL CHECK (purpose IN ('confirm', 'reset')),
    email TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;

CREATE INDEX email_codes_by_account ON email_codes (account_id);

CREATE TABLE arrivals (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    belongs INTEGER NOT NULL,
    heard_at TEXT NOT NULL,
    joined INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (brand_id, issuer, subject)
) STRICT;
