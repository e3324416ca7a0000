-- Sessions of the pages, and scores that are kept.
--
-- A session is found by the hash of its secret; the secret itself is in its cookie and nowhere else. A kept score has
-- what it was computed from by content: the facts, and the preset's file, each under its SHA-256. Neither changes
-- when a coach, a job or a file does, so that the score can be computed again.

CREATE TABLE sessions (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    secret_hash TEXT NOT NULL,
    account_id INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, secret_hash),
    CONSTRAINT sessions_membership FOREIGN KEY (brand_id, account_id)
        REFERENCES memberships (brand_id, account_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX sessions_by_account ON sessions (brand_id, account_id);

CREATE TABLE applied_presets (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    hash TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, hash)
) STRICT;

CREATE TABLE score_inputs (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    hash TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (brand_id, hash)
) STRICT;

CREATE TABLE scores (
    brand_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    as_of TEXT NOT NULL,
    preset_hash TEXT NOT NULL,
    input_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT scores_job FOREIGN KEY (brand_id, job_id) REFERENCES jobs (brand_id, id),
    CONSTRAINT scores_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id),
    CONSTRAINT scores_preset FOREIGN KEY (brand_id, preset_hash) REFERENCES applied_presets (brand_id, hash),
    CONSTRAINT scores_input FOREIGN KEY (brand_id, input_hash) REFERENCES score_inputs (brand_id, hash)
) STRICT;

CREATE INDEX scores_by_job ON scores (brand_id, job_id);
CREATE INDEX scores_by_coach ON scores (brand_id, coach_id);
