-- Who did what, on which object, from where. Entries are added in the transaction of what they tell of, and sealed into
-- a chain of hashes per brand afterwards: `seq` and `hash` are set once, nothing else ever changes.
--
-- What tells of a person is encrypted with that person's key; without the key the chain stays whole and says nothing.

CREATE TABLE audit_log (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    at TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id INTEGER,
    origin TEXT,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id INTEGER,
    subject_id INTEGER,
    details TEXT NOT NULL,
    seq INTEGER,
    hash TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT audit_log_seq UNIQUE (brand_id, seq),
    CONSTRAINT audit_log_sealed CHECK ((seq IS NULL) = (hash IS NULL))
) STRICT;

CREATE INDEX audit_log_unsealed ON audit_log (brand_id, id) WHERE seq IS NULL;
CREATE INDEX audit_log_by_object ON audit_log (brand_id, object_kind, object_id);

CREATE TABLE audit_heads (
    brand_id INTEGER NOT NULL PRIMARY KEY REFERENCES brands (id),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE TABLE person_keys (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    person_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (brand_id, person_id)
) STRICT;

CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log
WHEN OLD.seq IS NOT NULL OR NEW.brand_id IS NOT OLD.brand_id OR NEW.id IS NOT OLD.id OR NEW.at IS NOT OLD.at
    OR NEW.actor_kind IS NOT OLD.actor_kind OR NEW.actor_id IS NOT OLD.actor_id OR NEW.origin IS NOT OLD.origin
    OR NEW.action IS NOT OLD.action OR NEW.object_kind IS NOT OLD.object_kind OR NEW.object_id IS NOT OLD.object_id
    OR NEW.subject_id IS NOT OLD.subject_id OR NEW.details IS NOT OLD.details
BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit log does not change');
END;

CREATE TRIGGER audit_log_lasts BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit log is not deleted');
END;
