-- What people are told, and how they wish to be.
--
-- An inbox is a person's in a brand: the number of what they were last told, how much of it they have not read, and their
-- wishes. Its row is locked by whoever tells them something until that is committed, so that numbers become visible in order.
-- `told` has every event that somebody was ever told of, also after the notice is gone. `waits` says for which message a
-- notice waits, and `bundle` is the newest notice of the message that has it.
-- Who leaves a brand takes all of it along.

CREATE TABLE inboxes (
    brand_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    last_seq BIGINT NOT NULL DEFAULT 0,
    unread BIGINT NOT NULL DEFAULT 0,
    ways TEXT NOT NULL DEFAULT '{}',
    time_zone TEXT,
    home_zone TEXT,
    quiet_from INTEGER,
    quiet_to INTEGER,
    digest_hour INTEGER NOT NULL DEFAULT 8,
    mail_key TEXT,
    refused_at TIMESTAMPTZ,
    refused_email TEXT,
    PRIMARY KEY (brand_id, account_id),
    CONSTRAINT inboxes_membership FOREIGN KEY (brand_id, account_id)
        REFERENCES memberships (brand_id, account_id) ON DELETE CASCADE,
    CONSTRAINT inboxes_quiet CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
);

CREATE TABLE notices (
    brand_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    path TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    read_at TIMESTAMPTZ,
    waits TEXT CHECK (waits IN ('mail', 'digest')),
    bundle BIGINT,
    mailed_at TIMESTAMPTZ,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT notices_seq UNIQUE (brand_id, account_id, seq),
    CONSTRAINT notices_inbox FOREIGN KEY (brand_id, account_id)
        REFERENCES inboxes (brand_id, account_id) ON DELETE CASCADE
);

CREATE INDEX notices_waiting ON notices (brand_id, account_id, waits) WHERE waits IS NOT NULL;
CREATE INDEX notices_unread ON notices (brand_id, account_id) WHERE read_at IS NULL;
CREATE INDEX notices_by_age ON notices (brand_id, created_at);

CREATE TABLE told (
    brand_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (brand_id, account_id, event),
    CONSTRAINT told_membership FOREIGN KEY (brand_id, account_id)
        REFERENCES memberships (brand_id, account_id) ON DELETE CASCADE
);

ALTER TABLE inboxes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON inboxes
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE notices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON notices
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE told ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON told
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
