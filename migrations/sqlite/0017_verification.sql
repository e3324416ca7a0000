-- What reviewers look at: certificates that coaches hold or claim, profiles that people have made by themselves, and what was
-- seen in their videos.
--
-- An item of `verifications` is open while it is pending, and then its coach's facts hold the same certification with the same
-- last day as pending. `round` rises with every decision and when one is taken back: whoever decides on what they saw in an
-- earlier round is told so. `was` is the state before the last decision, to which it can go back. Who looks at an item has
-- claimed it until a time; nobody else decides it before that.

CREATE TABLE verifications (
    brand_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    code TEXT NOT NULL,
    expires_on TEXT,
    media_id INTEGER,
    media_type TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'verified', 'rejected', 'revoked', 'withdrawn')),
    was TEXT CHECK (was IN ('pending', 'verified')),
    round INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    submitted_at TEXT NOT NULL,
    claimed_by INTEGER,
    claimed_until TEXT,
    decided_by INTEGER,
    decided_at TEXT,
    issued_on TEXT,
    valid_until TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT verifications_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id),
    CONSTRAINT verifications_media CHECK ((media_id IS NULL) = (media_type IS NULL)),
    CONSTRAINT verifications_claimed CHECK ((claimed_by IS NULL) = (claimed_until IS NULL)),
    CONSTRAINT verifications_decided CHECK ((state = 'pending') = (decided_at IS NULL))
) STRICT;

CREATE INDEX verifications_queue ON verifications (brand_id, state, id);
CREATE INDEX verifications_of_coach ON verifications (brand_id, coach_id, id);

-- A profile without a row was made by the brand itself, or before profiles were approved. `id` rises when a profile begins to
-- wait: it is its place in the queue.
CREATE TABLE profile_approvals (
    brand_id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'returned')),
    round INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    since TEXT NOT NULL,
    decided_by INTEGER,
    PRIMARY KEY (brand_id, coach_id),
    CONSTRAINT profile_approvals_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id)
) STRICT;

CREATE INDEX profile_approvals_queue ON profile_approvals (brand_id, state, id);

-- A level that a reviewer has seen at a moment of a video. The video itself may be gone.
CREATE TABLE video_tags (
    brand_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    media_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
    dimension TEXT NOT NULL,
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 4),
    tagged_by INTEGER,
    tagged_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT video_tags_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id)
) STRICT;

CREATE INDEX video_tags_of_coach ON video_tags (brand_id, coach_id, media_id);
CREATE INDEX video_tags_of_video ON video_tags (brand_id, media_id, at_ms);
