//! SQL on `sites`.

use sqlx::PgConnection;
use uuid::Uuid;

use super::rules::{Country, Site, SiteFacts, SiteKind, Stage};
use crate::kernel::{Name, OrganizationId, SiteId, Timestamp};
use crate::supply::shared::Quantity;

struct SiteRow {
    id: SiteId,
    provider_id: OrganizationId,
    name: Name,
    kind: SiteKind,
    country: Option<Country>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    orbit: Option<Name>,
    power_mw: Quantity,
    pue: Quantity,
    stage: Stage,
    revision: i32,
    created_at: Timestamp,
}

impl From<SiteRow> for Site {
    fn from(row: SiteRow) -> Site {
        Site {
            id: row.id,
            provider_id: row.provider_id,
            facts: SiteFacts {
                name: row.name,
                kind: row.kind,
                country: row.country,
                latitude: row.latitude,
                longitude: row.longitude,
                orbit: row.orbit,
                power_mw: row.power_mw,
                pue: row.pue,
                stage: row.stage,
            },
            revision: row.revision,
            created_at: row.created_at,
        }
    }
}

macro_rules! select_sites {
    ($rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            SiteRow,
            r#"select id as "id: SiteId", provider_id as "provider_id: OrganizationId",
                   name as "name: Name", kind as "kind: SiteKind", country as "country: Country",
                   latitude, longitude, orbit as "orbit: Name", power_mw as "power_mw: Quantity",
                   pue as "pue: Quantity", stage as "stage: Stage", revision, created_at
               from sites "# + $rest
            $(, $argument)*
        )
    };
}

/// A site in `scope`.
pub async fn find(
    connection: &mut PgConnection,
    id: SiteId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Site>> {
    let row =
        select_sites!("where id = $1 and ($2::uuid is null or provider_id = $2)", id.0, scope)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(Site::from))
}

/// A site in `scope`, locked until the transaction ends.
pub async fn lock(
    connection: &mut PgConnection,
    id: SiteId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Site>> {
    let row = select_sites!(
        "where id = $1 and ($2::uuid is null or provider_id = $2) for update",
        id.0,
        scope
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Site::from))
}

/// A page of the sites in `scope`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    stage: Option<Stage>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Site>> {
    let rows = select_sites!(
        "where ($1::uuid is null or provider_id = $1) and ($2::text is null or stage = $2)
           and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        scope,
        stage.map(Stage::as_str),
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Site::from).collect())
}

/// The provider's sites with one of `names`, locked until the transaction ends.
pub async fn lock_named(
    connection: &mut PgConnection,
    provider: OrganizationId,
    names: &[String],
) -> sqlx::Result<Vec<Site>> {
    let rows = select_sites!(
        "where provider_id = $1 and name = any($2) order by id for update",
        provider.0,
        names
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Site::from).collect())
}

/// How many offers of a site are published.
pub async fn published_offers(connection: &mut PgConnection, id: SiteId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from offers o join pools p on p.id = o.pool_id
           where p.site_id = $1 and o.state = 'published'"#,
        id.0
    )
    .fetch_one(connection)
    .await
}

/// Adds sites.
///
/// # Errors
/// `sites_name_unique`.
pub async fn insert(connection: &mut PgConnection, sites: &[Site]) -> sqlx::Result<()> {
    let columns = Columns::of(sites);
    let created: Vec<Timestamp> = sites.iter().map(|site| site.created_at).collect();
    sqlx::query!(
        "insert into sites (id, provider_id, name, kind, country, latitude, longitude, orbit, power_mw,
             pue, stage, revision, created_at)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::float8[],
             $7::float8[], $8::text[], $9::numeric[], $10::numeric[], $11::text[], $12::int4[],
             $13::timestamptz[])",
        &columns.ids,
        &columns.providers,
        &columns.names,
        &columns.kinds,
        &columns.countries as &[Option<String>],
        &columns.latitudes as &[Option<f64>],
        &columns.longitudes as &[Option<f64>],
        &columns.orbits as &[Option<String>],
        &columns.power_mw,
        &columns.pue,
        &columns.stages,
        &columns.revisions,
        &created,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what changed about sites, as it is in `sites`; kind, country and provider never change.
///
/// # Errors
/// `sites_name_unique`.
pub async fn update(connection: &mut PgConnection, sites: &[Site]) -> sqlx::Result<()> {
    let columns = Columns::of(sites);
    sqlx::query!(
        "update sites set name = t.name, latitude = t.latitude, longitude = t.longitude,
             orbit = t.orbit, power_mw = t.power_mw, pue = t.pue, stage = t.stage, revision = t.revision
         from unnest($1::uuid[], $2::text[], $3::float8[], $4::float8[], $5::text[], $6::numeric[],
             $7::numeric[], $8::text[], $9::int4[])
             t (id, name, latitude, longitude, orbit, power_mw, pue, stage, revision)
         where sites.id = t.id",
        &columns.ids,
        &columns.names,
        &columns.latitudes as &[Option<f64>],
        &columns.longitudes as &[Option<f64>],
        &columns.orbits as &[Option<String>],
        &columns.power_mw,
        &columns.pue,
        &columns.stages,
        &columns.revisions,
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Columns {
    ids: Vec<Uuid>,
    providers: Vec<Uuid>,
    names: Vec<String>,
    kinds: Vec<String>,
    countries: Vec<Option<String>>,
    latitudes: Vec<Option<f64>>,
    longitudes: Vec<Option<f64>>,
    orbits: Vec<Option<String>>,
    power_mw: Vec<rust_decimal::Decimal>,
    pue: Vec<rust_decimal::Decimal>,
    stages: Vec<String>,
    revisions: Vec<i32>,
}

impl Columns {
    fn of(sites: &[Site]) -> Columns {
        let facts = || sites.iter().map(|site| &site.facts);
        let text = |name: &Name| name.as_str().to_owned();
        Columns {
            ids: sites.iter().map(|site| site.id.0).collect(),
            providers: sites.iter().map(|site| site.provider_id.0).collect(),
            names: facts().map(|facts| text(&facts.name)).collect(),
            kinds: facts().map(|facts| facts.kind.as_str().to_owned()).collect(),
            countries: facts()
                .map(|facts| facts.country.as_ref().map(|country| country.as_str().to_owned()))
                .collect(),
            latitudes: facts().map(|facts| facts.latitude).collect(),
            longitudes: facts().map(|facts| facts.longitude).collect(),
            orbits: facts().map(|facts| facts.orbit.as_ref().map(text)).collect(),
            power_mw: facts().map(|facts| facts.power_mw.0).collect(),
            pue: facts().map(|facts| facts.pue.0).collect(),
            stages: facts().map(|facts| facts.stage.as_str().to_owned()).collect(),
            revisions: sites.iter().map(|site| site.revision).collect(),
        }
    }
}
