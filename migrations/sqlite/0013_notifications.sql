-- What people are told, and how they wish to be.
--
-- An inbox is a person's in a brand: the number of what they were last told, how much of it they have not read, and their
-- wishes. Its row is locked by whoever tells them something until that is committed, so that numbers become visible in order.
-- `told` has every event that somebody was ever told of, also after the notice is gone. `waits` says for which message a
-- notice waits, and `bundle` is the newest notice of the message that has it.
-- Who leaves a brand takes all of it along.

CREATE TABLE inboxes (
    brand_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    last_seq INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    ways TEXT NOT NULL DEFAULT '{}',
    time_zone TEXT,
    home_zone TEXT,
    quiet_from INTEGER,
    quiet_to INTEGER,
    digest_hour INTEGER NOT NULL DEFAULT 8,
    mail_key TEXT,
    refused_at TEXT,
    refused_email TEXT,
    PRIMARY KEY (brand_id, account_id),
    CONSTRAINT inboxes_membership FOREIGN KEY (brand_id, account_id)
        REFERENCES memberships (brand_id, account_id) ON DELETE CASCADE,
    CONSTRAINT inboxes_quiet CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
) STRICT;

CREATE TABLE notices (
    brand_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    path TEXT NOT NULL,
    created_at TEXT NOT NULL,
    read_at TEXT,
    waits TEXT CHECK (waits IN ('mail', 'digest')),
    bundle INTEGER,
    mailed_at TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT notices_seq UNIQUE (brand_id, account_id, seq),
    CONSTRAINT notices_inbox FOREIGN KEY (brand_id, account_id)
        REFERENCES inboxes (brand_id, account_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX notices_waiting ON notices (brand_id, account_id, waits) WHERE waits IS NOT NULL;
CREATE INDEX notices_unread ON notices (brand_id, account_id) WHERE read_at IS NULL;
CREATE INDEX notices_by_age ON notices (brand_id, created_at);

CREATE TABLE told (
    brand_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (brand_id, account_id, event),
    CONSTRAINT told_membership FOREIGN KEY (brand_id, account_id)
        REFERENCES memberships (brand_id, account_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
