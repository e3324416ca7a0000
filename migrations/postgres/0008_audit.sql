-- Who did what, on which object, from where. Entries are added in the transaction of what they tell of, and sealed into
-- a chain of hashes per brand afterwards: `seq` and `hash` are set once, nothing else ever changes.
--
-- What tells of a person is encrypted with that person's key; without the key the chain stays whole and says nothing.

CREATE TABLE audit_log (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BIGINT,
    origin TEXT,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id BIGINT,
    subject_id BIGINT,
    details TEXT NOT NULL,
    seq BIGINT,
    hash TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT audit_log_seq UNIQUE (brand_id, seq),
    CONSTRAINT audit_log_sealed CHECK ((seq IS NULL) = (hash IS NULL))
);

CREATE INDEX audit_log_unsealed ON audit_log (brand_id, id) WHERE seq IS NULL;
CREATE INDEX audit_log_by_object ON audit_log (brand_id, object_kind, object_id);

CREATE TABLE audit_heads (
    brand_id BIGINT NOT NULL PRIMARY KEY REFERENCES brands (id),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE person_keys (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    person_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (brand_id, person_id)
);

-- The app's role may add entries and seal them, and no more.
REVOKE UPDATE, DELETE ON audit_log FROM fithire_app;
GRANT UPDATE (seq, hash) ON audit_log TO fithire_app;

CREATE FUNCTION audit_log_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an entry of the audit log does not change';
END
$$;
CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log FOR EACH ROW WHEN (OLD.seq IS NOT NULL)
    EXECUTE FUNCTION audit_log_stays();

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON audit_log
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
ALTER TABLE audit_heads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON audit_heads
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
ALTER TABLE person_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON person_keys
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
