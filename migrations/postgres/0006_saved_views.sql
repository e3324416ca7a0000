-- Lists of candidates that someone keeps under a name.

CREATE TABLE saved_views (
    brand_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT saved_views_name UNIQUE (brand_id, account_id, name),
    CONSTRAINT saved_views_membership FOREIGN KEY (brand_id, account_id)
        REFERENCES memberships (brand_id, account_id) ON DELETE CASCADE
);

ALTER TABLE saved_views ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY brand ON saved_views
    USING (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint))
    WITH CHECK (brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint));
