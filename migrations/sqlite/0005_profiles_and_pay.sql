-- What people know of a coach and of a job beside what is scored, so that an import loses nothing.

ALTER TABLE coaches ADD COLUMN languages TEXT;
ALTER TABLE coaches ADD COLUMN postal_code TEXT;
ALTER TABLE coaches ADD COLUMN city TEXT;
ALTER TABLE coaches ADD COLUMN region TEXT;
ALTER TABLE coaches ADD COLUMN country TEXT;

ALTER TABLE jobs ADD COLUMN employment_type TEXT;
ALTER TABLE jobs ADD COLUMN pay_type TEXT;
ALTER TABLE jobs ADD COLUMN pay_min REAL;
ALTER TABLE jobs ADD COLUMN pay_max REAL;
ALTER TABLE jobs ADD COLUMN currency TEXT;
