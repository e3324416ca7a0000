-- Who was erased, and requests that a person looks at a score.
--
-- A coach who was erased leaves a row without anything in it, so that rankings learn of it by its revision.

ALTER TABLE coaches ADD COLUMN erased BOOLEAN NOT NULL DEFAULT false;

CREATE TABLE review_requests (
    brand_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    job_id BIGINT NOT NULL,
    coach_id BIGINT NOT NULL,
    text TEXT NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    outcome TEXT CHECK (outcome IN ('upheld', 'overridden')),
    answer TEXT,
    answered_by BIGINT,
    answered_at TIMESTAMPTZ,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT review_requests_job FOREIGN KEY (brand_id, job_id) REFERENCES jobs (brand_id, id),
    CONSTRAINT review_requests_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id),
    CONSTRAINT review_requests_answered CHECK ((outcome IS NULL) = (answered_at IS NULL))
);

CREATE UNIQUE INDEX review_requests_open ON review_requests (brand_id, job_id, coach_id) WHERE answered_at IS NULL;

ALTER TABLE review_requests ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON review_requests
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
