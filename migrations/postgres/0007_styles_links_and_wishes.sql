-- The words of a brand for teaching styles, its link for signing up, and what coaches wish to be paid.
--
-- The link's secret stands as it is: an admin reads it again to pass it on, and it opens nothing but a coach's sign-up.

CREATE TABLE style_dimensions (
    brand_id BIGINT NOT NULL REFERENCES brands (id),
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    low TEXT NOT NULL,
    high TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT style_dimensions_name UNIQUE (brand_id, name)
);

ALTER TABLE style_dimensions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON style_dimensions
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));

ALTER TABLE brands ADD COLUMN sign_up_link TEXT;
CREATE UNIQUE INDEX brands_sign_up_link ON brands (sign_up_link);

ALTER TABLE coaches ADD COLUMN pay_type TEXT;
ALTER TABLE coaches ADD COLUMN pay_min DOUBLE PRECISION;
ALTER TABLE coaches ADD COLUMN currency TEXT;
