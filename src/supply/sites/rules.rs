//! What can be said of a site, and how its stage advances.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::kernel::{Name, OrganizationId, SiteId, words};
use crate::supply::shared::{Invalid, LEAST, Quantity};

words! {
    /// Where a site is.
    #[derive(Default)]
    pub enum SiteKind {
        #[default]
        Terrestrial = "terrestrial",
        Orbital = "orbital",
    }

    /// How far a site is; it only advances.
    #[derive(Default)]
    pub enum Stage {
        /// Not built; nothing of it can be offered.
        Planned = "planned",
        /// Being built and switched on in steps.
        Commissioning = "commissioning",
        /// In use.
        #[default]
        Operational = "operational",
        /// Out of use for good; nothing of it can be offered.
        Retired = "retired",
    }
}

impl Stage {
    /// Whether offers of capacity here may be published.
    pub fn is_open(self) -> bool {
        matches!(self, Stage::Commissioning | Stage::Operational)
    }
}

/// A country by its ISO 3166-1 alpha-2 code, upper case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Country(String);

/// Text that is no country.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a country is an ISO 3166-1 code of two letters, such as DE")]
pub struct NotACountry;

impl Country {
    /// Its code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Country {
    type Err = NotACountry;
    fn from_str(text: &str) -> Result<Country, NotACountry> {
        if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            Ok(Country(text.to_ascii_uppercase()))
        } else {
            Err(NotACountry)
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Country {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[A-Z]{2}$"))
            .examples(["DE"])
            .into()
    }
}
impl ToSchema for Country {}

/// What a provider says of a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteFacts {
    /// Unique among the provider's sites.
    pub name: Name,
    /// On the ground unless said otherwise.
    #[serde(default)]
    pub kind: SiteKind,
    /// Given for sites on the ground, and only for them.
    pub country: Option<Country>,
    /// Degrees north.
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: Option<f64>,
    /// The orbit in words, for orbital sites only.
    pub orbit: Option<Name>,
    /// Capacity in MW, at most 1,000,000.
    pub power_mw: Quantity,
    /// Power usage effectiveness, 1 to 5; 1 unless said otherwise: the hardware's power and no more.
    #[serde(default = "no_overhead")]
    pub pue: Quantity,
    /// How far it is; operational unless said otherwise.
    #[serde(default)]
    pub stage: Stage,
}

fn no_overhead() -> Quantity {
    Quantity::ONE
}

/// What is to change about a site; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteChanges {
    pub name: Option<Name>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub orbit: Option<Name>,
    pub power_mw: Option<Quantity>,
    pub pue: Option<Quantity>,
    pub stage: Option<Stage>,
}

impl SiteFacts {
    /// Refuses what no site can be.
    ///
    /// # Errors
    /// The first [`Invalid`] field.
    pub fn check(&self) -> Result<(), Invalid> {
        match (self.kind, &self.country, &self.orbit) {
            (SiteKind::Terrestrial, None, _) => {
                return Err(Invalid::new("country", "a site on the ground lies in a country"));
            }
            (SiteKind::Terrestrial, _, Some(_)) => {
                return Err(Invalid::new("orbit", "a site on the ground has no orbit"));
            }
            (SiteKind::Orbital, Some(_), _) => {
                return Err(Invalid::new("country", "an orbital site lies in no country"));
            }
            _ => {}
        }
        let is_on_globe = |degrees: Option<f64>, bound: f64| {
            degrees.is_none_or(|degrees| (-bound..=bound).contains(&degrees))
        };
        if !is_on_globe(self.latitude, 90.0) {
            return Err(Invalid::new("latitude", "degrees north lie between -90 and 90"));
        }
        if !is_on_globe(self.longitude, 180.0) {
            return Err(Invalid::new("longitude", "degrees east lie between -180 and 180"));
        }
        if self.latitude.is_some() != self.longitude.is_some() {
            return Err(Invalid::new("longitude", "give latitude and longitude together"));
        }
        self.power_mw.check("power_mw", LEAST, 1_000_000)?;
        self.pue.check("pue", Decimal::ONE, 5)
    }

    /// The facts after `changes`.
    ///
    /// # Errors
    /// The first [`Invalid`] field; `stage` if it would go back.
    pub fn changed(&self, changes: SiteChanges) -> Result<SiteFacts, Invalid> {
        let after = SiteFacts {
            name: changes.name.unwrap_or_else(|| self.name.clone()),
            kind: self.kind,
            country: self.country.clone(),
            latitude: changes.latitude.or(self.latitude),
            longitude: changes.longitude.or(self.longitude),
            orbit: changes.orbit.or_else(|| self.orbit.clone()),
            power_mw: changes.power_mw.unwrap_or(self.power_mw),
            pue: changes.pue.unwrap_or(self.pue),
            stage: changes.stage.unwrap_or(self.stage),
        };
        if after.stage < self.stage {
            let detail = format!(
                "a {} site does not go back to {}",
                self.stage.as_str(),
                after.stage.as_str()
            );
            return Err(Invalid::new("stage", detail));
        }
        after.check()?;
        Ok(after)
    }
}

/// A place with power.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Site {
    pub id: SiteId,
    pub provider_id: OrganizationId,
    #[serde(flatten)]
    pub facts: SiteFacts,
    pub revision: i32,
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(json: serde_json::Value) -> Result<SiteFacts, String> {
        let facts: SiteFacts = serde_json::from_value(json).map_err(|error| error.to_string())?;
        facts.check().map_err(|invalid| invalid.to_string())?;
        Ok(facts)
    }

    #[test]
    fn sites_are_somewhere() {
        let ground = serde_json::json!({"name": "A", "country": "de", "power_mw": "300"});
        assert_eq!(facts(ground.clone()).unwrap().country.unwrap().as_str(), "DE");
        let orbit = serde_json::json!({
            "name": "A", "kind": "orbital", "orbit": "sun-synchronous, 650 km", "power_mw": "3000",
            "stage": "planned"
        });
        assert!(facts(orbit).is_ok());
        for (field, value) in [
            ("country", serde_json::Value::Null),
            ("country", "DEU".into()),
            ("orbit", "low".into()),
            ("kind", "orbital".into()),
            ("latitude", 91.into()),
            ("latitude", 50.into()),
            ("power_mw", "0".into()),
            ("power_mw", 300.into()),
            ("power_mw", "NaN".into()),
            ("pue", "0.9".into()),
            ("name", " ".into()),
        ] {
            let mut wrong = ground.clone();
            wrong[field] = value.clone();
            assert!(facts(wrong).is_err(), "{field} {value}");
        }
    }

    #[test]
    fn stages_only_advance() {
        let stages = [Stage::Planned, Stage::Commissioning, Stage::Operational, Stage::Retired];
        let ground = serde_json::json!({"name": "A", "country": "DE", "power_mw": "300"});
        let site = facts(ground).unwrap();
        for (from, before) in stages.into_iter().enumerate() {
            for (to, after) in stages.into_iter().enumerate() {
                let site = SiteFacts { stage: before, ..site.clone() };
                let changes = SiteChanges { stage: Some(after), ..SiteChanges::default() };
                assert_eq!(site.changed(changes).is_ok(), to >= from, "{before:?} {after:?}");
            }
        }
    }
}
