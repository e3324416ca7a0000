-- What people know of a coach and of a job beside what is scored, so that an import loses nothing.

ALTER TABLE coaches ADD COLUMN languages TEXT;
ALTER TABLE coaches ADD COLUMN postal_code TEXT;
ALTER TABLE coaches ADD COLUMN city TEXT;
ALTER TABLE coaches ADD COLUMN region TEXT;
ALTER TABLE coaches ADD COLUMN country TEXT;

ALTER TABLE jobs ADD COLUMN employment_type TEXT;
ALTER TABLE jobs ADD COLUMN pay_type TEXT;
ALTER TABLE jobs ADD COLUMN pay_min DOUBLE PRECISION;
ALTER TABLE jobs ADD COLUMN pay_max DOUBLE PRECISION;
ALTER TABLE jobs ADD COLUMN currency TEXT;

-- The app tells which migrations have not run; it changes nothing here.
GRANT SELECT ON _sqlx_migrations TO fithire_app;
