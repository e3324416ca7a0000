-- Each index of tasks holds those of one state: a task that is taken and done leaves fewer entries behind.

DROP INDEX tasks_due;
DROP INDEX tasks_leases;
CREATE INDEX tasks_due ON tasks (brand_id, urgency, due_at, id) WHERE state = 'waiting';
CREATE INDEX tasks_running ON tasks (brand_id, lease) WHERE state = 'running';
