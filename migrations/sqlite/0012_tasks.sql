-- Work that is done after the answer: a task is added in the transaction of its cause, and is gone once it is done.
--
-- A waiting task with a key is the only one of its kind with that key (`waiting_key`). A task that runs has a lease: the
-- number of the claim that took it. Whoever runs it makes `beat` rise; a lease whose beat stands still is nobody's. A dead
-- task waits for an admin.

CREATE TABLE tasks (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    key TEXT,
    waiting_key TEXT,
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
    CONSTRAINT tasks_waiting_key UNIQUE (brand_id, kind, waiting_key),
    CONSTRAINT tasks_leased CHECK ((state = 'running') = (lease IS NOT NULL)),
    CONSTRAINT tasks_keyed CHECK (waiting_key IS NULL OR state = 'waiting')
) STRICT;

CREATE INDEX tasks_due ON tasks (brand_id, state, urgency, due_at, id);
CREATE INDEX tasks_leases ON tasks (brand_id, lease);

-- The processes that run tasks, of all brands.
CREATE TABLE workers (
    id INTEGER NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    started_at TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;
