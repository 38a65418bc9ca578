//! Users and their memberships.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::accounts::rules::{Member, Membership, User};
use crate::kernel::{OrganizationId, Role, StaffRole, Timestamp, UserId};

/// A user with the hash of the password.
pub struct LogIn {
    pub user: UserId,
    pub password_hash: String,
    pub staff_role: Option<StaffRole>,
}

/// Keeps a new user.
pub async fn insert_user(
    connection: &mut PgConnection,
    user: &User,
    password_hash: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into users (id, email, name, password_hash, staff_role, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        user.id.0,
        user.email,
        user.name,
        password_hash,
        user.staff_role as Option<StaffRole>,
        user.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The user `id`.
pub async fn user(connection: &mut PgConnection, id: UserId) -> sqlx::Result<Option<User>> {
    sqlx::query_as!(
        User,
        r#"select id as "id: UserId", email, name, staff_role as "staff_role: StaffRole", created_at
           from users where id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await
}

/// The log-in of the user with this e-mail address.
pub async fn log_in_by_email(
    connection: &mut PgConnection,
    email: &str,
) -> sqlx::Result<Option<LogIn>> {
    sqlx::query_as!(
        LogIn,
        r#"select id as "user: UserId", password_hash, staff_role as "staff_role: StaffRole"
           from users where email = $1"#,
        email
    )
    .fetch_optional(connection)
    .await
}

/// Writes a new password hash.
pub async fn set_password(
    connection: &mut PgConnection,
    user: UserId,
    password_hash: &str,
) -> sqlx::Result<()> {
    sqlx::query!("update users set password_hash = $2 where id = $1", user.0, password_hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// The staff of the marketplace, newest first.
pub async fn staff(
    connection: &mut PgConnection,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<User>> {
    sqlx::query_as!(
        User,
        r#"select id as "id: UserId", email, name, staff_role as "staff_role: StaffRole", created_at
           from users where staff_role is not null and ($1::uuid is null or id < $1)
           order by id desc limit $2"#,
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// A member of staff, by id or e-mail address. The whole staff stays as it is until the transaction
/// ends, so that two admins who remove each other come one after the other.
pub async fn lock_staff(
    connection: &mut PgConnection,
    id: Option<UserId>,
    email: Option<&str>,
) -> sqlx::Result<Option<User>> {
    sqlx::query!("select id from users where staff_role is not null order by id for update")
        .fetch_all(&mut *connection)
        .await?;
    sqlx::query_as!(
        User,
        r#"select id as "id: UserId", email, name, staff_role as "staff_role: StaffRole", created_at
           from users where staff_role is not null and (id = $1 or email = $2)"#,
        id.map(|id| id.0),
        email,
    )
    .fetch_optional(connection)
    .await
}

/// Whether the staff has an admin besides `user`. Ask under [`lock_staff`].
pub async fn has_other_admin(connection: &mut PgConnection, user: UserId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from users where id <> $1 and staff_role = 'admin') as "exists!""#,
        user.0,
    )
    .fetch_one(connection)
    .await
}

/// Gives `user` another role on the staff, or none.
pub async fn set_staff_role(
    connection: &mut PgConnection,
    user: UserId,
    role: Option<StaffRole>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set staff_role = $2 where id = $1",
        user.0,
        role as Option<StaffRole>
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes `user` a member.
pub async fn insert_membership(
    connection: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into memberships (organization_id, user_id, role, created_at)
         values ($1, $2, $3, $4)",
        organization.0,
        user.0,
        role as Role,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The organizations that `user` belongs to, the first joined first.
pub async fn memberships(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Vec<Membership>> {
    sqlx::query_as!(
        Membership,
        r#"select m.organization_id as "organization_id: OrganizationId",
                  o.name as organization_name, m.role as "role: Role"
           from memberships m join organizations o on o.id = m.organization_id
           where m.user_id = $1 order by m.created_at, m.organization_id"#,
        user.0
    )
    .fetch_all(connection)
    .await
}

/// For whom `user` acts and as what, the first joined first. It stays so until the transaction ends.
pub async fn lock_memberships(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Vec<(OrganizationId, Role)>> {
    let rows = sqlx::query!(
        r#"select organization_id as "organization: OrganizationId", role as "role: Role"
           from memberships where user_id = $1 order by created_at, organization_id for share"#,
        user.0
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization, row.role)).collect())
}

/// The members of `organization`, newest users first.
pub async fn members(
    connection: &mut PgConnection,
    organization: OrganizationId,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Member>> {
    sqlx::query_as!(
        Member,
        r#"select u.id as "user_id: UserId", u.email, u.name, m.role as "role: Role",
                  m.created_at as joined_at
           from memberships m join users u on u.id = m.user_id
           where m.organization_id = $1 and ($2::uuid is null or u.id < $2)
           order by u.id desc limit $3"#,
        organization.0,
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// One member of `organization`.
pub async fn member(
    connection: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
) -> sqlx::Result<Option<Member>> {
    sqlx::query_as!(
        Member,
        r#"select u.id as "user_id: UserId", u.email, u.name, m.role as "role: Role",
                  m.created_at as joined_at
           from memberships m join users u on u.id = m.user_id
           where m.organization_id = $1 and m.user_id = $2"#,
        organization.0,
        user.0,
    )
    .fetch_optional(connection)
    .await
}

/// Whether `organization` has an owner besides `user`. Ask under the organization's lock.
pub async fn has_other_owner(
    connection: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from memberships
               where organization_id = $1 and user_id <> $2 and role = 'owner') as "exists!""#,
        organization.0,
        user.0,
    )
    .fetch_one(connection)
    .await
}

/// Gives a member another role.
pub async fn set_role(
    connection: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
    role: Role,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update memberships set role = $3 where organization_id = $1 and user_id = $2",
        organization.0,
        user.0,
        role as Role,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a membership.
pub async fn delete_membership(
    connection: &mut PgConnection,
    organization: OrganizationId,
    user: UserId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from memberships where organization_id = $1 and user_id = $2",
        organization.0,
        user.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What somebody is at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub user: UserId,
    /// On the staff of the marketplace.
    pub staff: Option<StaffRole>,
    /// In the organization asked about.
    pub role: Option<Role>,
}

/// What `users` are at this moment, on the staff and in `organization`.
///
/// # Errors
/// Those of the database.
pub async fn standings(
    connection: &mut PgConnection,
    users: &[UserId],
    organization: OrganizationId,
) -> sqlx::Result<Vec<Standing>> {
    let users: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    sqlx::query_as!(
        Standing,
        r#"select u.id as "user: UserId", u.staff_role as "staff: StaffRole", m.role as "role?: Role"
           from users u
           left join memberships m on m.user_id = u.id and m.organization_id = $2
           where u.id = any($1)"#,
        &users,
        organization.0,
    )
    .fetch_all(connection)
    .await
}
