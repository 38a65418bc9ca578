//! The tables `planes` and `allocations`.

use std::ops::Bound;

use futures::TryStreamExt;
use sqlx::PgConnection;
use sqlx::postgres::types::PgRange;
use uuid::Uuid;

use super::booking::Owner;
use super::instants::{instant, timestamp};
use super::rules::{BEGINNING_OF_TIME, END_OF_TIME, Purpose, Rect, Units, Window};
use crate::db::stored::{storable, stored, unreadable, unwritable};
use crate::db::writes::Writes;
use crate::kernel::{AllocationId, OrganizationId, Period, PoolId, Timestamp};

const TABLE: &str = "allocations";

/// Makes the empty plane of a pool.
///
/// # Errors
/// Those of the database.
pub async fn open_plane(
    connection: &mut PgConnection,
    pool: PoolId,
    units: u32,
) -> sqlx::Result<()> {
    open_planes(connection, &[(pool, units)]).await
}

/// Makes the empty planes of pools, each with its number of units.
///
/// # Errors
/// Those of the database.
pub async fn open_planes(
    connection: &mut PgConnection,
    planes: &[(PoolId, u32)],
) -> sqlx::Result<()> {
    let pools: Vec<Uuid> = planes.iter().map(|(pool, _)| pool.0).collect();
    let units = planes.iter().map(|(pool, units)| storable::<i32>(*units, "planes", "units", pool));
    let units: Vec<i32> = units.collect::<sqlx::Result<_>>()?;
    sqlx::query!(
        "insert into planes (pool_id, units) select * from unnest($1::uuid[], $2::int4[])",
        &pools,
        &units
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How far a plane is.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub pool: PoolId,
    pub units: u32,
    pub version: i64,
    /// Removals up to this version are forgotten: who is behind it must read anew.
    pub trimmed: i64,
}

/// Locks the planes of `pools`, in the order of their ids, until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn lock(connection: &mut PgConnection, pools: &[PoolId]) -> sqlx::Result<Vec<Version>> {
    let rows = sqlx::query_as!(
        VersionRow,
        "select pool_id, units, version, trimmed_version from planes where pool_id = any($1)
         order by pool_id for update",
        &uuids(pools)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(VersionRow::version).collect()
}

/// How far the planes of `pools` are, unlocked.
///
/// # Errors
/// Those of the database.
pub async fn versions(
    connection: &mut PgConnection,
    pools: &[PoolId],
) -> sqlx::Result<Vec<Version>> {
    let rows = sqlx::query_as!(
        VersionRow,
        "select pool_id, units, version, trimmed_version from planes where pool_id = any($1)",
        &uuids(pools)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(VersionRow::version).collect()
}

/// Every pool that has a plane.
///
/// # Errors
/// Those of the database.
pub async fn pools(connection: &mut PgConnection) -> sqlx::Result<Vec<PoolId>> {
    sqlx::query_scalar!(r#"select pool_id as "pool: PoolId" from planes order by pool_id"#)
        .fetch_all(connection)
        .await
}

/// A row that changed: the rectangle as it stands, or its id if it is gone.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    Stands(Rect),
    Gone(Uuid),
}

/// What changed on a plane after `since`, oldest version first.
///
/// # Errors
/// Those of the database.
pub async fn changes(
    connection: &mut PgConnection,
    pool: PoolId,
    since: i64,
) -> sqlx::Result<Vec<Change>> {
    sqlx::query_as!(
        RectRow,
        r#"select pool_id, id, units, during, isempty(during) as "gone!", purpose, within, pinned_at
           from allocations where pool_id = $1 and version > $2 order by version"#,
        pool.0,
        since
    )
    .fetch(connection)
    .and_then(async |row| {
        Ok(if row.gone { Change::Gone(row.id) } else { Change::Stands(row.rect()?) })
    })
    .try_collect()
    .await
}

/// The rectangles of some planes that end after `now`, read as a stream.
///
/// # Errors
/// Those of the database.
pub async fn standing(
    connection: &mut PgConnection,
    pools: &[PoolId],
    now: Timestamp,
    mut each: impl FnMut(PoolId, Rect),
) -> sqlx::Result<()> {
    let mut rows = sqlx::query_as!(
        RectRow,
        r#"select pool_id, id, units, during, false as "gone!", purpose, within, pinned_at
           from allocations where pool_id = any($1) and during && tstzrange($2, null)"#,
        &uuids(pools),
        now
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        each(PoolId(row.pool_id), row.rect()?);
    }
    Ok(())
}

/// The rectangles that `owner` has on a plane.
///
/// # Errors
/// Those of the database.
pub async fn owned(
    connection: &mut PgConnection,
    pool: PoolId,
    owner: Uuid,
) -> sqlx::Result<Vec<Rect>> {
    let rows = sqlx::query_as!(
        RectRow,
        r#"select pool_id, id, units, during, false as "gone!", purpose, within, pinned_at from allocations
           where owner_id = $1 and pool_id = $2 and not isempty(during) order by lower(during), lower(units)"#,
        owner,
        pool.0
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(RectRow::rect).collect()
}

/// A rectangle with whose it is, for drawing and listing.
#[derive(Debug, Clone)]
pub struct Rectangle {
    pub pool_id: PoolId,
    pub units: Units,
    /// `None`: since ever.
    pub starts_at: Option<Timestamp>,
    /// `None`: for ever.
    pub ends_at: Option<Timestamp>,
    pub purpose: Purpose,
    pub owner: Uuid,
    pub subject: Uuid,
    pub organization: Option<OrganizationId>,
    pub pinned_at: Timestamp,
}

/// The rectangles of a pool that overlap `period`, lowest units first; at most `limit`.
///
/// # Errors
/// Those of the database.
pub async fn rectangles(
    connection: &mut PgConnection,
    pool: PoolId,
    period: Period,
    limit: i64,
) -> sqlx::Result<Vec<Rectangle>> {
    let rows = sqlx::query_as!(
        RectangleRow,
        "select pool_id, id, units, during, purpose, owner_id, subject_id, organization_id, pinned_at
         from allocations where pool_id = $1 and during && $2
         order by lower(units), lower(during) limit $3",
        pool.0,
        PgRange::from(period),
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(RectangleRow::rectangle).collect()
}

/// The rectangles of some owners, for the units of a lease.
///
/// # Errors
/// Those of the database.
pub async fn rectangles_of(
    connection: &mut PgConnection,
    owners: &[Uuid],
) -> sqlx::Result<Vec<Rectangle>> {
    let rows = sqlx::query_as!(
        RectangleRow,
        "select pool_id, id, units, during, purpose, owner_id, subject_id, organization_id, pinned_at
         from allocations where owner_id = any($1) and not isempty(during)
         order by lower(during), pool_id, lower(units)",
        owners
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(RectangleRow::rectangle).collect()
}

/// A rectangle to be written, with the pool it lies in.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    pub pool: PoolId,
    pub rect: Rect,
}

/// A new rectangle with its owner.
#[derive(Debug, Clone, Copy)]
pub struct Added {
    pub placed: Placed,
    pub owner: Owner,
}

/// Empties rectangles: gone for everybody, kept for servers that have not seen it.
///
/// # Errors
/// Those of the database.
pub async fn empty(
    connection: &mut PgConnection,
    gone: &[(PoolId, Uuid, i64)],
) -> sqlx::Result<()> {
    let pools: Vec<Uuid> = gone.iter().map(|(pool, _, _)| pool.0).collect();
    let ids: Vec<Uuid> = gone.iter().map(|(_, id, _)| *id).collect();
    let versions: Vec<i64> = gone.iter().map(|(_, _, version)| *version).collect();
    sqlx::query!(
        "update allocations set during = 'empty', version = gone.version
         from unnest($1::uuid[], $2::uuid[], $3::int8[]) gone (pool_id, id, version)
         where allocations.pool_id = gone.pool_id and allocations.id = gone.id",
        &pools,
        &ids,
        &versions
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts emptied rectangles where they are now.
///
/// # Errors
/// `allocations_no_overlap`; those of the database.
pub async fn change(connection: &mut PgConnection, changed: &[(Placed, i64)]) -> sqlx::Result<()> {
    let columns = Columns::of(changed.iter().map(|(placed, version)| (placed, *version)))?;
    sqlx::query!(
        "update allocations set units = new.units, during = new.during, pinned_at = new.pinned_at,
             version = new.version
         from unnest($1::uuid[], $2::uuid[], $3::int4range[], $4::tstzrange[], $5::timestamptz[], $6::int8[])
             new (pool_id, id, units, during, pinned_at, version)
         where allocations.pool_id = new.pool_id and allocations.id = new.id",
        &columns.pools,
        &columns.ids,
        &columns.units,
        &columns.during,
        &columns.pinned_at,
        &columns.versions
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds to `writes` rectangles, and the new versions of planes, which must be one more than they were.
pub fn adding(writes: &mut Writes, raised: &[(PoolId, i64)], added: &[(Added, i64)]) {
    writes
        .add(
            raised.len(),
            "update planes set version = new.version from unnest($1::uuid[], $2::int8[]) new (pool_id, version)
             where planes.pool_id = new.pool_id and planes.version = new.version - 1",
        )
        .bind(raised.iter().map(|(pool, _)| pool.0).collect::<Vec<_>>())
        .bind(raised.iter().map(|(_, version)| *version).collect::<Vec<_>>());
    if added.is_empty() {
        return;
    }
    let columns = Columns::of(added.iter().map(|(added, version)| (&added.placed, *version)));
    let within = added.iter().map(|(added, _)| {
        let rect = &added.placed.rect;
        to_units(rect.within, "within", rect.id)
    });
    let (columns, within) = match (columns, within.collect::<sqlx::Result<Vec<_>>>()) {
        (Ok(columns), Ok(within)) => (columns, within),
        (Err(error), _) | (_, Err(error)) => return writes.refuse(error),
    };
    let purposes = added.iter().map(|(added, _)| added.placed.rect.purpose.as_str().to_owned());
    let organizations = added.iter().map(|(added, _)| added.owner.organization.map(|id| id.0));
    writes
        .add(
            added.len(),
            "insert into allocations (pool_id, id, units, during, pinned_at, version, purpose, owner_id,
                 subject_id, organization_id, within)
             select * from unnest($1::uuid[], $2::uuid[], $3::int4range[], $4::tstzrange[],
                 $5::timestamptz[], $6::int8[], $7::text[], $8::uuid[], $9::uuid[], $10::uuid[],
                 $11::int4range[])",
        )
        .bind(columns.pools)
        .bind(columns.ids)
        .bind(columns.units)
        .bind(columns.during)
        .bind(columns.pinned_at)
        .bind(columns.versions)
        .bind(purposes.collect::<Vec<_>>())
        .bind(added.iter().map(|(added, _)| added.owner.id).collect::<Vec<_>>())
        .bind(added.iter().map(|(added, _)| added.owner.subject).collect::<Vec<_>>())
        .bind(organizations.collect::<Vec<_>>())
        .bind(within);
}

/// Adds the further parts of rectangles that were split when they were moved: `(part, whole, version)`.
///
/// # Errors
/// `allocations_no_overlap`; those of the database.
pub async fn add_parts(
    connection: &mut PgConnection,
    parts: &[(Placed, Uuid, i64)],
) -> sqlx::Result<()> {
    let columns = Columns::of(parts.iter().map(|(placed, _, version)| (placed, *version)))?;
    let wholes: Vec<Uuid> = parts.iter().map(|(_, whole, _)| *whole).collect();
    sqlx::query!(
        "insert into allocations (pool_id, id, units, during, pinned_at, version, purpose, owner_id,
             subject_id, organization_id, within)
         select new.pool_id, new.id, new.units, new.during, new.pinned_at, new.version, whole.purpose,
             whole.owner_id, whole.subject_id, whole.organization_id, whole.within
         from unnest($1::uuid[], $2::uuid[], $3::int4range[], $4::tstzrange[], $5::timestamptz[], $6::int8[],
             $7::uuid[]) new (pool_id, id, units, during, pinned_at, version, whole_id)
         join allocations whole on whole.pool_id = new.pool_id and whole.id = new.whole_id",
        &columns.pools,
        &columns.ids,
        &columns.units,
        &columns.during,
        &columns.pinned_at,
        &columns.versions,
        &wholes
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes emptied rectangles that are more than 1,000 versions old: of at most 20 pools, and of each those of
/// at most 2,000 versions. Returns the number of pools, each of which may have more to delete.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn trim(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let pools = sqlx::query_scalar!(
        r#"with old as (
               select pool_id, least(version - 1000, trimmed_version + 2000) as upto from planes
               where version - 1000 > trimmed_version + 1000 order by pool_id limit 20
               for update skip locked
           ), raised as (
               update planes set trimmed_version = old.upto from old where planes.pool_id = old.pool_id
           ), gone as (
               delete from allocations using old
               where allocations.pool_id = old.pool_id and allocations.version <= old.upto
                   and isempty(allocations.during)
           )
           select count(*) as "pools!" from old"#
    )
    .fetch_one(connection)
    .await?;
    Ok(pools.unsigned_abs())
}

struct VersionRow {
    pool_id: Uuid,
    units: i32,
    version: i64,
    trimmed_version: i64,
}

impl VersionRow {
    fn version(self) -> sqlx::Result<Version> {
        let pool = PoolId(self.pool_id);
        Ok(Version {
            pool,
            units: stored(self.units, "planes", "units", pool)?,
            version: self.version,
            trimmed: self.trimmed_version,
        })
    }
}

struct RectRow {
    pool_id: Uuid,
    id: Uuid,
    units: PgRange<i32>,
    during: PgRange<Timestamp>,
    gone: bool,
    purpose: String,
    within: PgRange<i32>,
    pinned_at: Timestamp,
}

impl RectRow {
    fn rect(&self) -> sqlx::Result<Rect> {
        Ok(Rect {
            id: self.id,
            units: from_units(&self.units, "units", self.id)?,
            window: from_during(&self.during),
            pinned_at: instant(self.pinned_at),
            within: from_units(&self.within, "within", self.id)?,
            purpose: purpose(&self.purpose, self.id)?,
        })
    }
}

struct RectangleRow {
    pool_id: Uuid,
    id: Uuid,
    units: PgRange<i32>,
    during: PgRange<Timestamp>,
    purpose: String,
    owner_id: Uuid,
    subject_id: Uuid,
    organization_id: Option<Uuid>,
    pinned_at: Timestamp,
}

impl RectangleRow {
    fn rectangle(&self) -> sqlx::Result<Rectangle> {
        let window = from_during(&self.during);
        Ok(Rectangle {
            pool_id: PoolId(self.pool_id),
            units: from_units(&self.units, "units", self.id)?,
            starts_at: timestamp(window.from),
            ends_at: timestamp(window.until),
            purpose: purpose(&self.purpose, self.id)?,
            owner: self.owner_id,
            subject: self.subject_id,
            organization: self.organization_id.map(OrganizationId),
            pinned_at: self.pinned_at,
        })
    }
}

fn purpose(text: &str, id: Uuid) -> sqlx::Result<Purpose> {
    Purpose::parse(text).ok_or_else(|| {
        unreadable(TABLE, "purpose", AllocationId(id), format!("`{text}` is no purpose"))
    })
}

struct Columns {
    pools: Vec<Uuid>,
    ids: Vec<Uuid>,
    units: Vec<PgRange<i32>>,
    during: Vec<PgRange<Timestamp>>,
    pinned_at: Vec<Timestamp>,
    versions: Vec<i64>,
}

impl Columns {
    fn of<'a>(rows: impl Iterator<Item = (&'a Placed, i64)>) -> sqlx::Result<Columns> {
        let mut columns = Columns {
            pools: Vec::new(),
            ids: Vec::new(),
            units: Vec::new(),
            during: Vec::new(),
            pinned_at: Vec::new(),
            versions: Vec::new(),
        };
        for (placed, version) in rows {
            let rect = &placed.rect;
            let pinned_at = timestamp(rect.pinned_at).ok_or_else(|| {
                unwritable(TABLE, "pinned_at", AllocationId(rect.id), "it is no instant")
            })?;
            columns.pools.push(placed.pool.0);
            columns.ids.push(rect.id);
            columns.units.push(to_units(rect.units, "units", rect.id)?);
            columns.during.push(to_during(rect.window));
            columns.pinned_at.push(pinned_at);
            columns.versions.push(version);
        }
        Ok(columns)
    }
}

fn uuids(pools: &[PoolId]) -> Vec<Uuid> {
    pools.iter().map(|pool| pool.0).collect()
}

fn to_units(units: Units, column: &'static str, id: Uuid) -> sqlx::Result<PgRange<i32>> {
    let bound = |number: u32| storable::<i32>(number, TABLE, column, AllocationId(id));
    Ok((bound(units.from)?..bound(units.until)?).into())
}

fn from_units(range: &PgRange<i32>, column: &'static str, id: Uuid) -> sqlx::Result<Units> {
    let bound = |bound: Bound<i32>| match bound {
        Bound::Included(number) | Bound::Excluded(number) => {
            stored::<u32>(number, TABLE, column, AllocationId(id))
        }
        Bound::Unbounded => Err(unreadable(TABLE, column, AllocationId(id), "it has no end")),
    };
    Ok(Units::new(bound(range.start)?, bound(range.end)?))
}

fn to_during(window: Window) -> PgRange<Timestamp> {
    PgRange {
        start: timestamp(window.from).map_or(Bound::Unbounded, Bound::Included),
        end: timestamp(window.until).map_or(Bound::Unbounded, Bound::Excluded),
    }
}

fn from_during(range: &PgRange<Timestamp>) -> Window {
    let from = match range.start {
        Bound::Included(at) | Bound::Excluded(at) => instant(at),
        Bound::Unbounded => BEGINNING_OF_TIME,
    };
    let until = match range.end {
        Bound::Included(at) | Bound::Excluded(at) => instant(at),
        Bound::Unbounded => END_OF_TIME,
    };
    Window::new(from, until)
}
