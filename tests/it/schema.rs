//! The schema explains itself.

use crate::support::Database;

#[tokio::test]
async fn every_table_and_column_has_a_comment() {
    let database = Database::create().await;
    let mut owner = database.owner().await;
    let silent: Vec<String> = sqlx::query_scalar(
        r"with tables as (
              select oid, oid::regclass::text as name from pg_class
              where relkind in ('r', 'p', 'f', 'v', 'm') and relpersistence <> 't'
                  and relnamespace::regnamespace::text <> all (array['pg_catalog', 'information_schema'])
                  and relname <> '_sqlx_migrations'
          ), commented as (
              select name, obj_description(oid, 'pg_class') as comment from tables
              union all
              select name || '.' || attname, col_description(oid, attnum)
              from tables join pg_attribute on attrelid = oid
              where attnum > 0 and not attisdropped
          )
          select name from commented where coalesce(comment, '') !~ '\S' order by name",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(
        silent.is_empty(),
        "tables and columns that nothing explains; add `comment on` in the migration that makes them:\n  {}",
        silent.join("\n  ")
    );
}
