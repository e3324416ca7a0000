-- The best coaches of each job, as they were last worked out, and what became of them since.
--
-- `rescorings` says by what a job's matches were worked out: the plan (preset, facts of the job and day, as a hash), the
-- preset's file, the day, and the revision of the brand's coaches. Whoever is at least as good as `floor` may come in. `told`
-- is the score of which the last event told, `shown` a hash of what a job says of itself.
-- `match_events` is divided by month; what falls outside goes into the last part.

CREATE TABLE rescorings (
    brand_id BIGINT NOT NULL,
    job_id BIGINT NOT NULL,
    plan TEXT NOT NULL,
    shown TEXT NOT NULL,
    preset TEXT NOT NULL,
    preset_hash TEXT NOT NULL,
    engine_version INTEGER NOT NULL,
    as_of DATE NOT NULL,
    revision BIGINT NOT NULL,
    floor INTEGER NOT NULL,
    total BIGINT NOT NULL,
    rescored_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, job_id),
    CONSTRAINT rescorings_job FOREIGN KEY (brand_id, job_id) REFERENCES jobs (brand_id, id)
);

CREATE TABLE matches (
    brand_id BIGINT NOT NULL,
    job_id BIGINT NOT NULL,
    coach_id BIGINT NOT NULL,
    score INTEGER NOT NULL,
    told INTEGER NOT NULL,
    entered_at TIMESTAMPTZ NOT NULL,
    scored_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, job_id, coach_id),
    CONSTRAINT matches_job FOREIGN KEY (brand_id, job_id) REFERENCES rescorings (brand_id, job_id),
    CONSTRAINT matches_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id)
);

CREATE INDEX matches_by_coach ON matches (brand_id, coach_id);

CREATE TABLE match_events (
    brand_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    job_id BIGINT NOT NULL,
    coach_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('entered', 'left', 'changed')),
    before INTEGER,
    after INTEGER,
    as_of DATE NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (brand_id, id, at)
) PARTITION BY RANGE (at);

CREATE INDEX match_events_by_coach ON match_events (brand_id, coach_id, at);
CREATE INDEX match_events_by_job ON match_events (brand_id, job_id, at);

CREATE TABLE match_events_other PARTITION OF match_events DEFAULT;

-- A part for this month and for each of some that follow; those that are there stay. Every `fithire migrate` calls it, as the
-- owner. Rows are reached through the whole alone: nobody else may touch a part.
CREATE FUNCTION match_events_parts(months INTEGER) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month DATE;
    part TEXT;
BEGIN
    FOR n IN 0 .. months LOOP
        month := date_trunc('month', now() + n * interval '1 month')::date;
        part := 'match_events_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF match_events FOR VALUES FROM (%L) TO (%L)',
                part, month, (month + interval '1 month')::date);
        EXCEPTION WHEN check_violation THEN
            -- The last part has rows of this month already, and keeps them.
            CONTINUE;
        END;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
        EXECUTE format('CREATE POLICY brand ON %I
            USING (brand_id = (SELECT nullif(current_setting(''app.brand_id'', true), '''')::bigint))
            WITH CHECK (brand_id = (SELECT nullif(current_setting(''app.brand_id'', true), '''')::bigint))', part);
        EXECUTE format('REVOKE ALL ON %I FROM fithire_app', part);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION match_events_parts(INTEGER) FROM PUBLIC;
REVOKE ALL ON match_events_other FROM fithire_app;
ALTER TABLE match_events_other ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON match_events_other
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE rescorings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON rescorings
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
ALTER TABLE matches ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON matches
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
ALTER TABLE match_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON match_events
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
