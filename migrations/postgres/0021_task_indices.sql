-- Each index of tasks holds those of one state: a task that is taken and done leaves as few entries behind as can be.
-- That a key waits once is a matter of its index, so that no second column repeats the key.

DROP INDEX tasks_due;
DROP INDEX tasks_leases;
ALTER TABLE tasks DROP COLUMN waiting_key;
CREATE UNIQUE INDEX tasks_waiting_key ON tasks (brand_id, kind, key) WHERE state = 'waiting' AND key IS NOT NULL;
CREATE INDEX tasks_due ON tasks (brand_id, urgency, due_at, id) WHERE state = 'waiting';
CREATE INDEX tasks_running ON tasks (brand_id, lease) WHERE state = 'running';
