-- Files of coaches: videos, images and the documents of certificates. The files themselves are in an object store.
--
-- A row waits until its upload is confirmed. `object_key` is where the browser puts it while it waits, and where it is served
-- from once it is attached: the two are never the same, so that nothing can be put in the place of what was looked at.
-- `upload_ref` is the store's own name of an upload in parts. `code` and `expires_on` say what a document proves.
--
-- `media_removals` are objects to be deleted, added in the transaction after which nothing needs them; a row goes when its
-- object is gone and nobody can put another there any more (`until_at`).

CREATE TABLE media (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('video', 'image', 'certificate')),
    media_type TEXT NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes > 0),
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'attached', 'quarantined')),
    object_key TEXT,
    upload_ref TEXT,
    code TEXT,
    expires_on TEXT,
    refused TEXT,
    created_at TEXT NOT NULL,
    url_until TEXT NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT media_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id),
    CONSTRAINT media_object CHECK ((object_key IS NULL) = (state = 'quarantined')),
    CONSTRAINT media_refused CHECK ((refused IS NOT NULL) = (state = 'quarantined')),
    CONSTRAINT media_code CHECK ((code IS NOT NULL) = (kind = 'certificate'))
) STRICT;

CREATE INDEX media_of_coach ON media (brand_id, coach_id, id);
CREATE INDEX media_by_state ON media (brand_id, state, kind, id);

CREATE TABLE media_shares (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    media_id INTEGER NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked_at TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT media_shares_secret UNIQUE (brand_id, secret_hash),
    CONSTRAINT media_shares_media FOREIGN KEY (brand_id, media_id) REFERENCES media (brand_id, id)
) STRICT;

CREATE INDEX media_shares_of_medium ON media_shares (brand_id, media_id, id);

CREATE TABLE media_removals (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    object_key TEXT NOT NULL,
    upload_ref TEXT,
    due_at TEXT NOT NULL,
    until_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, id)
) STRICT;

CREATE INDEX media_removals_due ON media_removals (brand_id, due_at);
