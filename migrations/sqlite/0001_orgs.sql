-- Brands and where they are: brand → region → location.
--
-- `brands` is the directory: sign-in looks a brand up by its slug before anything belongs to it. Every other table
-- has `brand_id` first in its key and in every foreign key, so that no row can point into another brand.

CREATE TABLE brands (
    id INTEGER NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT brands_slug UNIQUE (slug)
) STRICT;

CREATE TABLE regions (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT regions_name UNIQUE (brand_id, name)
) STRICT;

CREATE TABLE locations (
    brand_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    region_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    postal_code TEXT,
    latitude REAL,
    longitude REAL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT locations_name UNIQUE (brand_id, name),
    CONSTRAINT locations_region FOREIGN KEY (brand_id, region_id) REFERENCES regions (brand_id, id),
    CONSTRAINT locations_point CHECK ((latitude IS NULL) = (longitude IS NULL))
) STRICT;

CREATE INDEX locations_by_region ON locations (brand_id, region_id);
