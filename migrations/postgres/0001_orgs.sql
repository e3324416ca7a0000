-- Brands and where they are: brand → region → location.
--
-- `brands` is the directory: sign-in looks a brand up by its slug before anything belongs to it. Every other table
-- has `brand_id` first in its key and in every foreign key, so that no row can point into another brand, and
-- row-level security, forced on its owner too. The app's role owns nothing and bypasses nothing: it is a member
-- of `fithire_app`, which may read and write rows and no more.

DO $$
BEGIN
    CREATE ROLE fithire_app NOLOGIN NOBYPASSRLS;
EXCEPTION
    -- The role belongs to the server; another database of it has made it already.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO fithire_app;

CREATE TABLE brands (
    id BIGINT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT brands_slug UNIQUE (slug)
);

CREATE TABLE regions (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT regions_name UNIQUE (brand_id, name)
);

ALTER TABLE regions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON regions
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

CREATE TABLE locations (
    brand_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    region_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    postal_code TEXT,
    latitude DOUBLE PRECISION,
    longitude DOUBLE PRECISION,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT locations_name UNIQUE (brand_id, name),
    CONSTRAINT locations_region FOREIGN KEY (brand_id, region_id) REFERENCES regions (brand_id, id),
    CONSTRAINT locations_point CHECK ((latitude IS NULL) = (longitude IS NULL))
);

CREATE INDEX locations_by_region ON locations (brand_id, region_id);

ALTER TABLE locations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON locations
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
