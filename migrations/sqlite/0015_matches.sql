-- The best coaches of each job, as they were last worked out, and what became of them since.
--
-- `rescorings` says by what a job's matches were worked out: the plan (preset, facts of the job and day, as a hash), the
-- preset's file, the day, and the revision of the brand's coaches. Whoever is at least as good as `floor` may come in. `told`
-- is the score of which the last event told, `shown` a hash of what a job says of itself.

CREATE TABLE rescorings (
    brand_id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    plan TEXT NOT NULL,
    shown TEXT NOT NULL,
    preset TEXT NOT NULL,
    preset_hash TEXT NOT NULL,
    engine_version INTEGER NOT NULL,
    as_of TEXT NOT NULL,
    revision INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    total INTEGER NOT NULL,
    rescored_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, job_id),
    CONSTRAINT rescorings_job FOREIGN KEY (brand_id, job_id) REFERENCES jobs (brand_id, id)
) STRICT;

CREATE TABLE matches (
    brand_id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    score INTEGER NOT NULL,
    told INTEGER NOT NULL,
    entered_at TEXT NOT NULL,
    scored_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, job_id, coach_id),
    CONSTRAINT matches_job FOREIGN KEY (brand_id, job_id) REFERENCES rescorings (brand_id, job_id),
    CONSTRAINT matches_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id)
) STRICT;

CREATE INDEX matches_by_coach ON matches (brand_id, coach_id);

CREATE TABLE match_events (
    brand_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    at TEXT NOT NULL,
    job_id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('entered', 'left', 'changed')),
    before INTEGER,
    after INTEGER,
    as_of TEXT NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (brand_id, id)
) STRICT;

CREATE INDEX match_events_by_coach ON match_events (brand_id, coach_id, at);
CREATE INDEX match_events_by_job ON match_events (brand_id, job_id, at);
