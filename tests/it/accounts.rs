//! Organizations, their members and projects, and what staff decides about them.

use leasehold::accounts::{self, Verification};
use leasehold::kernel::{Actor, Caller, Role, Span, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::people::{PASSWORD, fresh_number};
use crate::support::{Answer, Market, Organization, User};

/// The id of the user who acts.
async fn id_of(market: &Market, user: impl AsRef<User>) -> String {
    let me = market.as_(user).get("/v1/me").await.expect(200);
    me["id"].as_str().unwrap().to_owned()
}

async fn decide(market: &Market, organization: &Organization, decision: &str) -> Answer {
    let path = format!("/v1/organizations/{}/{decision}", organization.id);
    market.as_(market.admin().await).post(path, json!({ "reason": "papers seen" })).await
}

/// What the rest of the marketplace says to a manager of `organization` who wants to book.
async fn may_book(market: &Market, organization: &Organization) -> Result<Verification, String> {
    let caller = Caller {
        actor: Actor::User(UserId(Uuid::nil())),
        membership: Some((organization.id.parse().unwrap(), Role::Manager)),
        staff: None,
    };
    let mut connection = market.app.db.acquire().await.unwrap();
    let found = accounts::require_verified_tenant(&mut connection, &caller).await;
    found.map(|(_, party)| party.verification).map_err(|problem| problem.code().to_owned())
}

#[tokio::test]
async fn only_a_verified_tenant_books() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    assert_eq!(may_book(&market, &lab).await, Err("not_verified".to_owned()));
    decide(&market, &lab, "suspend").await.refused(409, "verification_state");
    let verified = decide(&market, &lab, "verify").await.expect(200);
    assert_eq!(verified["verification"], "verified");
    assert_eq!(verified["verification_reason"], "papers seen");
    assert_eq!(verified["can"], json!(["suspend"]));
    assert_eq!(may_book(&market, &lab).await, Ok(Verification::Verified));
    decide(&market, &lab, "verify").await.refused(409, "verification_state");
    decide(&market, &lab, "suspend").await.expect(200);
    assert_eq!(may_book(&market, &lab).await, Err("not_verified".to_owned()));
    decide(&market, &lab, "reinstate").await.expect(200);
    assert_eq!(may_book(&market, &lab).await, Ok(Verification::Verified));
    let cloud = market.verified(&["provider"]).await;
    assert_eq!(may_book(&market, &cloud).await, Err("forbidden".to_owned()));
}

#[tokio::test]
async fn only_administering_staff_decides_about_an_organization() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let path = format!("/v1/organizations/{}/verify", lab.id);
    let body = json!({ "reason": "trust me" });
    market.as_(&lab).post(&path, body.clone()).await.refused(403, "forbidden");
    let legal = market.staff("legal").await;
    market.as_(&legal).post(&path, body.clone()).await.refused(403, "forbidden");
    market.as_nobody().post(&path, body.clone()).await.refused(401, "not_logged_in");
    let admin = market.admin().await;
    market.as_(&admin).post(&path, json!({})).await.refused(422, "invalid_field");
    market.as_(&admin).post(&path, body.clone()).if_match(7).await.refused(412, "stale_revision");
    market.as_(&admin).post(&path, body.clone()).if_match(1).dry_run().await.expect(200);
    let answer = market.as_(&admin).post(&path, body).if_match(1).await;
    assert_eq!(answer.revision(), 2);
    answer.expect(200);
}

/// The names of the items of a list.
fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|item| item["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn staff_sees_every_organization_and_others_their_own() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    market.advance(Span::from_seconds(1).unwrap()).await;
    let cloud = market.verified(&["provider", "tenant"]).await;
    let admin = market.as_(market.admin().await);
    let all = admin.get("/v1/organizations").await.expect(200);
    assert_eq!(names(&all), [&cloud.name, &lab.name]);
    let waiting = admin.get("/v1/organizations?verification=unverified").await.expect(200);
    assert_eq!(names(&waiting), [&lab.name]);
    let page = admin.get("/v1/organizations?limit=1").await.expect(200);
    assert_eq!(names(&page), [&cloud.name]);
    let next = page["next_cursor"].as_str().unwrap();
    let page = admin.get(format!("/v1/organizations?limit=1&cursor={next}")).await.expect(200);
    assert_eq!(names(&page), [&lab.name]);
    assert_eq!(page["next_cursor"], Value::Null);
    let own = market.as_(&lab).get("/v1/organizations").await.expect(200);
    assert_eq!(names(&own), [&lab.name]);
    assert_eq!(own["items"][0]["can"], json!([]));
    for path in ["", "/members", "/projects", "/api-keys"] {
        let path = format!("/v1/organizations/{}{path}", cloud.id);
        market.as_(&lab).get(&path).await.refused(404, "not_found");
        market.as_(&cloud).get(&path).await.expect(200);
        admin.get(&path).await.expect(200);
    }
}

#[tokio::test]
async fn a_rename_is_the_owner_s_or_staff_s() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let rival = market.registered(&["tenant"]).await;
    let manager = market.member(&lab, "manager").await;
    let path = format!("/v1/organizations/{}/rename", lab.id);
    let to = |name: &str| json!({ "name": name, "reason": "a merger" });
    market.as_(&manager).post(&path, to("Mine")).await.refused(403, "forbidden");
    market.as_(&rival).post(&path, to("Mine")).await.refused(404, "not_found");
    let taken = to(&rival.name);
    market.as_(&lab).post(&path, taken).await.refused(409, "organization_name_taken");
    let renamed = market.as_(&lab).post(&path, to("  New Lab ")).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["revision"]), (&json!("New Lab"), &json!(2)));
    market.as_(market.admin().await).post(&path, to("Newer Lab")).await.expect(200);
}

#[tokio::test]
async fn members_are_added_by_owners_new_or_known() {
    let market = Market::open().await;
    let [lab, other] = [market.registered(&["tenant"]).await, market.registered(&["tenant"]).await];
    let path = format!("/v1/organizations/{}/members", lab.id);
    let manager = market.member(&lab, "manager").await;
    let known = json!({ "email": other.owner.email(), "role": "viewer" });
    market.as_(&manager).post(&path, known.clone()).await.refused(403, "forbidden");
    market.as_(&other).post(&path, known.clone()).await.refused(404, "not_found");
    market.as_(&lab).post(&path, known.clone()).dry_run().await.expect(201);
    market.as_(&lab).post(&path, known.clone()).await.expect(201);
    market.as_(&lab).post(&path, known).await.refused(409, "already_member");
    let add = |body: Value| market.as_(&lab).post(&path, body);
    let unknown = json!({ "email": "nobody@example.org", "role": "viewer" });
    add(unknown).await.refused(422, "user_unknown");
    let staff = json!({ "email": market.admin().await.email(), "role": "viewer" });
    add(staff).await.refused(422, "user_unknown");
    let half = json!({ "email": "ada@example.org", "role": "viewer", "name": "Ada" });
    add(half).await.refused(422, "half_a_user");
    let taken = json!({
        "email": other.owner.email(), "role": "viewer", "name": "Ada", "password": PASSWORD
    });
    add(taken).await.refused(409, "email_taken");
    let listed = market.as_(&manager).get(&path).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_user_of_two_organizations_chooses_for_whom_to_act() {
    let market = Market::open().await;
    let [lab, other] = [market.registered(&["tenant"]).await, market.registered(&["tenant"]).await];
    market.advance(Span::from_seconds(1).unwrap()).await;
    let path = format!("/v1/organizations/{}/members", lab.id);
    let body = json!({ "email": other.owner.email(), "role": "viewer" });
    market.as_(&lab).post(path, body).await.expect(201);
    let log_in = |organization: Value| {
        let body = json!({
            "email": other.owner.email(), "password": PASSWORD, "organization_id": organization
        });
        market.as_nobody().post("/v1/auth/token", body)
    };
    let first = log_in(Value::Null).await.expect(200);
    assert_eq!(first["organization_id"], other.id);
    assert_eq!(log_in(json!(lab.id)).await.expect(200)["organization_id"], lab.id);
    let stranger = market.registered(&["tenant"]).await;
    log_in(json!(stranger.id)).await.refused(422, "no_member");
    let switch = |tokens: &Value, to: &str| {
        let body = json!({ "refresh_token": tokens["refresh_token"], "organization_id": to });
        market.as_nobody().post("/v1/auth/refresh", body)
    };
    switch(&first, &stranger.id).await.refused(422, "no_member");
    let switched = switch(&first, &lab.id).await.expect(200);
    let user = User::with_token(switched["access_token"].as_str().unwrap());
    let me = market.as_(user).get("/v1/me").await.expect(200);
    assert_eq!((&me["organization"]["id"], &me["role"]), (&json!(lab.id), &json!("viewer")));
    let body = json!({ "refresh_token": switched["refresh_token"] });
    let again = market.as_nobody().post("/v1/auth/refresh", body).await.expect(200);
    assert_eq!(again["organization_id"], lab.id);
}

#[tokio::test]
async fn a_change_of_membership_is_felt_at_once() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let member = market.member(&lab, "owner").await;
    let members = format!("/v1/organizations/{}/members/{}", lab.id, id_of(&market, &member).await);
    let same = json!({ "role": "owner" });
    market.as_(&lab).post(format!("{members}/change-role"), same).await.expect(200);
    market.as_(&member).get("/v1/me").await.expect(200);
    let body = json!({ "role": "viewer" });
    market.as_(&lab).post(format!("{members}/change-role"), body).await.expect(200);
    market.as_(&member).get("/v1/me").await.refused(401, "session_ended");
    let member = User::with_email(member.email());
    let me = market.as_(&member).get("/v1/me").await.expect(200);
    assert_eq!(me["role"], "viewer");
    market.as_(&lab).post(format!("{members}/remove"), json!({})).await.expect(200);
    market.as_(&member).get("/v1/me").await.refused(401, "session_ended");
    market.as_(&lab).post(format!("{members}/remove"), json!({})).await.refused(404, "not_found");
    let member = User::with_email(member.email());
    let me = market.as_(&member).get("/v1/me").await.expect(200);
    assert_eq!((&me["organization"], &me["memberships"]), (&Value::Null, &json!([])));
    let path = format!("/v1/organizations/{}", lab.id);
    market.as_(&member).get(path).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    market.member(&lab, "manager").await;
    let owner = format!("/v1/organizations/{}/members/{}", lab.id, id_of(&market, &lab).await);
    market.as_(&lab).post(format!("{owner}/remove"), json!({})).await.refused(409, "last_owner");
    let lower = json!({ "role": "manager" });
    let change = format!("{owner}/change-role");
    market.as_(&lab).post(change, lower).await.refused(409, "last_owner");
}

#[tokio::test]
async fn owners_who_remove_each_other_at_once_leave_one() {
    let market = Market::open().await;
    for _ in 0..10 {
        let lab = market.registered(&["tenant"]).await;
        let other = market.member(&lab, "owner").await;
        let path = |user: String| format!("/v1/organizations/{}/members/{user}/remove", lab.id);
        let [one, two] = [path(id_of(&market, &lab).await), path(id_of(&market, &other).await)];
        let (first, second) =
            tokio::join!(async { market.as_(&lab).post(two, json!({})).await }, async {
                market.as_(&other).post(one, json!({})).await
            },);
        let statuses = [first.status.as_u16(), second.status.as_u16()];
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        for loser in [first, second].iter().filter(|answer| answer.status != 200) {
            assert!([401, 403].contains(&loser.status.as_u16()), "{}", loser.text);
        }
        let members = format!("/v1/organizations/{}/members", lab.id);
        let left = market.as_(market.admin().await).get(members).await.expect(200);
        assert_eq!(left["items"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn projects_are_named_once_per_organization() {
    let market = Market::open().await;
    let [lab, other] = [market.registered(&["tenant"]).await, market.registered(&["tenant"]).await];
    let viewer = market.member(&lab, "viewer").await;
    let path = |of: &Organization| format!("/v1/organizations/{}/projects", of.id);
    let body = json!({ "name": "Search" });
    market.as_(&viewer).post(path(&lab), body.clone()).await.refused(403, "forbidden");
    market.as_(&other).post(path(&lab), body.clone()).await.refused(404, "not_found");
    market.as_(market.admin().await).post(path(&lab), body.clone()).await.refused(403, "forbidden");
    market.as_(&lab).post(path(&lab), body.clone()).dry_run().await.expect(201);
    let made = market.as_(&lab).post(path(&lab), body.clone()).key("once").await.expect(201);
    let again = market.as_(&lab).post(path(&lab), body.clone()).key("once").await.expect(201);
    assert_eq!(made, again);
    let taken = market.as_(&lab).post(path(&lab), body.clone()).await;
    taken.refused(409, "project_name_taken");
    market.as_(&other).post(path(&other), body).await.expect(201);
    let listed = market.as_(&viewer).get(path(&lab)).await.expect(200);
    assert_eq!(listed["items"], json!([made]));
}

#[tokio::test]
async fn staff_is_made_by_administering_staff() {
    let market = Market::open().await;
    let admin = market.admin().await;
    let email = format!("legal{}@market.example", fresh_number());
    let new = json!({ "email": email, "name": "Portia", "password": PASSWORD, "role": "legal" });
    market.as_(&admin).post("/v1/staff", new.clone()).await.expect(201);
    let legal = User::with_email(email);
    let me = market.as_(&legal).get("/v1/me").await.expect(200);
    assert_eq!((&me["staff_role"], &me["organization"]), (&json!("legal"), &Value::Null));
    market.as_(&legal).post("/v1/staff", new.clone()).await.refused(403, "forbidden");
    market.as_(&legal).get("/v1/staff").await.refused(403, "forbidden");
    market.as_(&admin).post("/v1/staff", new).await.refused(409, "email_taken");
    let listed = market.as_(&admin).get("/v1/staff").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let lab = market.registered(&["tenant"]).await;
    market.as_(&lab).get("/v1/staff").await.refused(403, "forbidden");
}
