-- Files of coaches: videos, images and the documents of certificates. The files themselves are in an object store.
--
-- A row waits until its upload is confirmed. `object_key` is where the browser puts it while it waits, and where it is served
-- from once it is attached: the two are never the same, so that nothing can be put in the place of what was looked at.
-- `upload_ref` is the store's own name of an upload in parts. `code` and `expires_on` say what a document proves.
--
-- `media_removals` are objects to be deleted, added in the transaction after which nothing needs them; a row goes when its
-- object is gone and nobody can put another there any more (`until_at`).

CREATE TABLE media (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    coach_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('video', 'image', 'certificate')),
    media_type TEXT NOT NULL,
    bytes BIGINT NOT NULL CHECK (bytes > 0),
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'attached', 'quarantined')),
    object_key TEXT,
    upload_ref TEXT,
    code TEXT,
    expires_on DATE,
    refused TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    url_until TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT media_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id),
    CONSTRAINT media_object CHECK ((object_key IS NULL) = (state = 'quarantined')),
    CONSTRAINT media_refused CHECK ((refused IS NOT NULL) = (state = 'quarantined')),
    CONSTRAINT media_code CHECK ((code IS NOT NULL) = (kind = 'certificate'))
);

CREATE INDEX media_of_coach ON media (brand_id, coach_id, id);
CREATE INDEX media_by_state ON media (brand_id, state, kind, id);

CREATE TABLE media_shares (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    media_id BIGINT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT media_shares_secret UNIQUE (brand_id, secret_hash),
    CONSTRAINT media_shares_media FOREIGN KEY (brand_id, media_id) REFERENCES media (brand_id, id)
);

CREATE INDEX media_shares_of_medium ON media_shares (brand_id, media_id, id);

CREATE TABLE media_removals (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    object_key TEXT NOT NULL,
    upload_ref TEXT,
    due_at TIMESTAMPTZ NOT NULL,
    until_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id)
);

CREATE INDEX media_removals_due ON media_removals (brand_id, due_at);

ALTER TABLE media ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON media
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE media_shares ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON media_shares
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE media_removals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON media_removals
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
