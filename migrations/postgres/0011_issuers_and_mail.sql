-- People who come by another issuer's tokens, codes that are sent by mail, and what ends what was issued before.
--
-- An account without an address of its own has `none:ID` for one. An identity is somebody as an issuer knows them; its row
-- stays when the issuer has deleted them, so that no older token or message brings them back. An arrival is what was last
-- heard of somebody's belonging to a brand, and whether it has been made a membership, which happens once; one without an
-- issuer says when an admin took an account out.

ALTER TABLE accounts ADD COLUMN email_confirmed_at TIMESTAMPTZ;
ALTER TABLE accounts ADD COLUMN signed_out_at TIMESTAMPTZ;
ALTER TABLE accounts ADD COLUMN erase_after TIMESTAMPTZ;

CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    account_id BIGINT REFERENCES accounts (id),
    updated_at TIMESTAMPTZ NOT NULL,
    linked_at TIMESTAMPTZ,
    banned BOOLEAN NOT NULL DEFAULT false,
    deleted BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identities_by_account ON identities (account_id);

-- Messages that have been taken, so that the same one is taken once.
CREATE TABLE webhook_messages (
    issuer TEXT NOT NULL,
    id TEXT NOT NULL,
    taken_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (issuer, id)
);

CREATE TABLE email_codes (
    secret_hash TEXT NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    purpose TEXT NOT NULL CHECK (purpose IN ('confirm', 'reset')),
    email TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX email_codes_by_account ON email_codes (account_id);

CREATE TABLE arrivals (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    belongs BOOLEAN NOT NULL,
    heard_at TIMESTAMPTZ NOT NULL,
    joined BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (brand_id, issuer, subject)
);

ALTER TABLE arrivals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON arrivals
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
