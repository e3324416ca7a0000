-- Lists of candidates that someone keeps under a name.

CREATE TABLE saved_views (
    brand_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT saved_views_name UNIQUE (brand_id, account_id, name),
    CONSTRAINT saved_views_membership FOREIGN KEY (brand_id, account_id)
        REFERENCES memberships (brand_id, account_id) ON DELETE CASCADE
) STRICT;
