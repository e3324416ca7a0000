-- Who was erased, and requests that a person looks at a score.
--
-- A coach who was erased leaves a row without anything in it, so that rankings learn of it by its revision.

ALTER TABLE coaches ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;

CREATE TABLE review_requests (
    brand_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    outcome TEXT CHECK (outcome IN ('upheld', 'overridden')),
    answer TEXT,
    answered_by INTEGER,
    answered_at TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT review_requests_job FOREIGN KEY (brand_id, job_id) REFERENCES jobs (brand_id, id),
    CONSTRAINT review_requests_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id),
    CONSTRAINT review_requests_answered CHECK ((outcome IS NULL) = (answered_at IS NULL))
) STRICT;

CREATE UNIQUE INDEX review_requests_open ON review_requests (brand_id, job_id, coach_id) WHERE answered_at IS NULL;
