//! The catalog of PostgreSQL: what holds brands apart is there for every table, and each check finds what it looks for.

use std::collections::BTreeSet;

use fithire_kernel::db::Db;
use fithire_kernel::testing::{World, on_both};
use sqlx::AssertSqlSafe;

/// The one policy, in both directions. Behind a pooler the setting reads '' after a commit, and NULL before the first.
const POLICY: &str = "brand_id = (SELECT nullif(current_setting('app.brand_id', true), '')::bigint)";

/// Tables with a brand, and the place of that column in each.
const BRANDS: &str = "brands AS (SELECT c.oid AS id, c.relname, a.attnum FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
     WHERE a.attname = 'brand_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p') \
     AND c.relnamespace = 'public'::regnamespace)";

/// What must not be found, each by a query that names where it is.
const GAPS: [(&str, &str); 10] = [
    (
        "row-level security is not forced",
        "SELECT relname::text FROM brands WHERE NOT EXISTS (SELECT FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid \
         WHERE c.oid = brands.id AND c.relrowsecurity AND c.relforcerowsecurity)",
    ),
    (
        "a policy is another one",
        // As the server writes it out, whatever its version: next to one that is made of the text.
        "SELECT p.tablename::text FROM pg_policies p, pg_policies model WHERE model.schemaname = 'model' \
         AND p.schemaname = 'public' AND (p.qual, p.with_check, p.cmd, p.permissive, p.roles) \
         IS DISTINCT FROM (model.qual, model.with_check, model.cmd, model.permissive, model.roles)",
    ),
    (
        "a primary key does not begin with the brand",
        "SELECT relname::text FROM brands WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = brands.id \
         AND c.contype = 'p' AND c.conkey[1] = brands.attnum)",
    ),
    (
        "something is unique across brands",
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN brands ON brands.id = i.indrelid \
         WHERE i.indisunique AND NOT brands.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])",
    ),
    (
        "a foreign key reaches another brand",
        "SELECT c.conname::text FROM pg_constraint c JOIN brands a ON a.id = c.conrelid JOIN brands b ON b.id = c.confrelid \
         WHERE c.contype = 'f' AND NOT EXISTS (SELECT FROM unnest(c.conkey, c.confkey) AS pair (here, there) \
         WHERE here = a.attnum AND there = b.attnum)",
    ),
    (
        "a view reads as its owner",
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND (relkind = 'm' OR relkind = 'v' \
         AND NOT coalesce(reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false))",
    ),
    (
        "a function runs as its owner",
        "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef",
    ),
    (
        "the app may do more than read and write rows",
        "SELECT relname::text FROM pg_class c, unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) AS more \
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') \
         AND has_table_privilege(c.oid, more) AND NOT pg_has_role(c.relowner, 'MEMBER')",
    ),
    (
        "the app may make something",
        "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_temp' AND has_schema_privilege(oid, 'CREATE')",
    ),
    (
        "the app owns something",
        "SELECT relname::text FROM pg_class WHERE pg_has_role(relowner, 'MEMBER') \
         UNION ALL SELECT proname::text FROM pg_proc WHERE pg_has_role(proowner, 'MEMBER') \
         UNION ALL SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' AND pg_has_role(nspowner, 'MEMBER')",
    ),
];

/// Every gap, with where it is.
async fn gaps(world: &World) -> BTreeSet<(&'static str, String)> {
    let Db::Postgres(app) = &world.db else { unreachable!("only PostgreSQL has a catalog like this") };
    let model = format!(
        "DROP SCHEMA IF EXISTS model CASCADE; CREATE SCHEMA model; CREATE TABLE model.model (brand_id BIGINT); \
         CREATE POLICY model ON model.model USING ({POLICY}) WITH CHECK ({POLICY})"
    );
    world.as_owner(&model).await;
    let mut gaps = BTreeSet::new();
    for (gap, query) in GAPS {
        let sql = AssertSqlSafe(format!("WITH {BRANDS} {query}"));
        let found: Vec<(String,)> = sqlx::query_as(sql).fetch_all(app).await.unwrap();
        gaps.extend(found.into_iter().map(|(place,)| (gap, place)));
    }
    gaps
}

#[test]
fn the_catalog_of_postgresql_leaves_no_gap() {
    on_both(async |world| {
        let Db::Postgres(app) = &world.db else { return };
        let gaps = gaps(&world).await;
        assert!(gaps.is_empty(), "{gaps:#?}");
        let (role, bypasses): (String, bool) = sqlx::query_as(
            "SELECT current_user::text, bool_or(rolbypassrls OR rolsuper OR rolcreaterole OR rolcreatedb) FROM pg_roles \
             WHERE pg_has_role(oid, 'MEMBER') GROUP BY 1",
        )
        .fetch_one(app)
        .await
        .unwrap();
        assert_eq!((role.as_str(), bypasses), ("fithire_login", false));
    });
}

/// What each check must find, and nothing else: where, and how it is made.
const BAD: [(&str, &str, &str); 12] = [
    (
        "row-level security is not forced",
        "unforced",
        "CREATE TABLE unforced (brand_id BIGINT PRIMARY KEY); ALTER TABLE unforced ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY brand ON unforced USING (POLICY) WITH CHECK (POLICY)",
    ),
    (
        "a policy is another one",
        "lax",
        "CREATE TABLE lax (brand_id BIGINT PRIMARY KEY); WALL lax; CREATE POLICY second ON lax USING (true)",
    ),
    (
        "a policy is another one",
        "half",
        "CREATE TABLE half (brand_id BIGINT PRIMARY KEY); ALTER TABLE half ENABLE ROW LEVEL SECURITY, \
         FORCE ROW LEVEL SECURITY; CREATE POLICY brand ON half USING (POLICY)",
    ),
    (
        "a primary key does not begin with the brand",
        "late",
        "CREATE TABLE late (brand_id BIGINT, id BIGINT, PRIMARY KEY (id, brand_id)); WALL late",
    ),
    (
        "a primary key does not begin with the brand",
        "keyless",
        "CREATE TABLE keyless (brand_id BIGINT); WALL keyless",
    ),
    (
        "something is unique across brands",
        "shared_name",
        "CREATE TABLE shared (brand_id BIGINT PRIMARY KEY, name TEXT, CONSTRAINT shared_name UNIQUE (name)); WALL shared",
    ),
    (
        "a foreign key reaches another brand",
        "bridge_region",
        "CREATE TABLE bridge (brand_id BIGINT PRIMARY KEY, other BIGINT, region_id BIGINT, CONSTRAINT bridge_region \
         FOREIGN KEY (other, region_id) REFERENCES regions (brand_id, id)); WALL bridge",
    ),
    ("a view reads as its owner", "window_", "CREATE VIEW window_ AS SELECT * FROM regions"),
    (
        "a function runs as its owner",
        "lent",
        "CREATE FUNCTION lent() RETURNS INT LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    ),
    ("the app may do more than read and write rows", "regions", "GRANT TRUNCATE ON regions TO fithire_app"),
    ("the app may make something", "public", "GRANT CREATE ON SCHEMA public TO fithire_app"),
    (
        "the app owns something",
        "given",
        "CREATE TABLE given (id BIGINT); ALTER TABLE given OWNER TO fithire_app",
    ),
];

#[test]
fn each_check_of_the_catalog_finds_what_it_is_for() {
    on_both(async |world| {
        let Db::Postgres(_) = &world.db else { return };
        // What is as it should be is not found.
        let right = "CREATE VIEW fine WITH (security_invoker = true) AS SELECT * FROM regions";
        world.as_owner(right).await;
        let mut expected = BTreeSet::new();
        for (gap, place, made) in BAD {
            let wall = |made: &str| match made.split_once("WALL ") {
                Some((before, rest)) => {
                    let (table, after) = rest.split_once(';').unwrap_or((rest, ""));
                    format!(
                        "{before} ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
                         CREATE POLICY brand ON {table} USING (POLICY) WITH CHECK (POLICY); {after}"
                    )
                }
                None => made.to_owned(),
            };
            world.as_owner(&wall(made).replace("(POLICY)", &format!("({POLICY})"))).await;
            expected.insert((gap, place.to_owned()));
            assert_eq!(gaps(&world).await, expected, "after {place}");
        }
        let known: BTreeSet<_> = GAPS.iter().map(|(gap, _)| *gap).collect();
        assert_eq!(
            expected.iter().map(|(gap, _)| *gap).collect::<BTreeSet<_>>(),
            known,
            "a check that nothing fails"
        );
    });
}
