-- Each index of tasks holds those of one state: a task that is taken and done leaves as few entries behind as can be.
-- That a key waits once is a matter of its index, so that no second column repeats the key.

CREATE TABLE tasks_anew (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    key TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'dead')),
    urgency INTEGER NOT NULL,
    queued_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    most INTEGER NOT NULL,
    lease INTEGER,
    beat INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT tasks_leased CHECK ((state = 'running') = (lease IS NOT NULL))
) STRICT;

INSERT INTO tasks_anew
SELECT
    brand_id, id, kind, payload, key, state, urgency, queued_at, due_at, changed_at, attempt, most, lease, beat, error
FROM tasks;
DROP TABLE tasks;
ALTER TABLE tasks_anew RENAME TO tasks;

CREATE UNIQUE INDEX tasks_waiting_key ON tasks (brand_id, kind, key) WHERE state = 'waiting' AND key IS NOT NULL;
CREATE INDEX tasks_due ON tasks (brand_id, urgency, due_at, id) WHERE state = 'waiting';
CREATE INDEX tasks_running ON tasks (brand_id, lease) WHERE state = 'running';
