-- What reviewers look at: certificates that coaches hold or claim, profiles that people have made by themselves, and what was
-- seen in their videos.
--
-- An item of `verifications` is open while it is pending, and then its coach's facts hold the same certification with the same
-- last day as pending. `round` rises with every decision and when one is taken back: whoever decides on what they saw in an
-- earlier round is told so. `was` is the state before the last decision, to which it can go back. Who looks at an item has
-- claimed it until a time; nobody else decides it before that.

CREATE TABLE verifications (
    brand_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    coach_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    expires_on DATE,
    media_id BIGINT,
    media_type TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'verified', 'rejected', 'revoked', 'withdrawn')),
    was TEXT CHECK (was IN ('pending', 'verified')),
    round INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    submitted_at TIMESTAMPTZ NOT NULL,
    claimed_by BIGINT,
    claimed_until TIMESTAMPTZ,
    decided_by BIGINT,
    decided_at TIMESTAMPTZ,
    issued_on DATE,
    valid_until DATE,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT verifications_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id),
    CONSTRAINT verifications_media CHECK ((media_id IS NULL) = (media_type IS NULL)),
    CONSTRAINT verifications_claimed CHECK ((claimed_by IS NULL) = (claimed_until IS NULL)),
    CONSTRAINT verifications_decided CHECK ((state = 'pending') = (decided_at IS NULL))
);

CREATE INDEX verifications_queue ON verifications (brand_id, state, id);
CREATE INDEX verifications_of_coach ON verifications (brand_id, coach_id, id);

-- A profile without a row was made by the brand itself, or before profiles were approved. `id` rises when a profile begins to
-- wait: it is its place in the queue.
CREATE TABLE profile_approvals (
    brand_id BIGINT NOT NULL,
    coach_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'returned')),
    round INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    since TIMESTAMPTZ NOT NULL,
    decided_by BIGINT,
    PRIMARY KEY (brand_id, coach_id),
    CONSTRAINT profile_approvals_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id)
);

CREATE INDEX profile_approvals_queue ON profile_approvals (brand_id, state, id);

-- A level that a reviewer has seen at a moment of a video. The video itself may be gone.
CREATE TABLE video_tags (
    brand_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    coach_id BIGINT NOT NULL,
    media_id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL CHECK (at_ms >= 0),
    dimension TEXT NOT NULL,
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 4),
    tagged_by BIGINT,
    tagged_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT video_tags_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id)
);

CREATE INDEX video_tags_of_coach ON video_tags (brand_id, coach_id, media_id);
CREATE INDEX video_tags_of_video ON video_tags (brand_id, media_id, at_ms);

ALTER TABLE verifications ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON verifications
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE profile_approvals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON profile_approvals
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE video_tags ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON video_tags
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
