//! What can be done with a thing, as the rules themselves say.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// The acts that are possible, and for the others why not. Flattened into views.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Can {
    /// Acts that are possible now.
    pub can: Vec<String>,
    /// Acts that are not, with the reason.
    pub cannot: BTreeMap<String, String>,
}

impl Can {
    /// Whether `act` is possible.
    pub fn allows(&self, act: &str) -> bool {
        self.can.iter().any(|possible| possible == act)
    }

    /// Takes `act` from those that are possible, for `reason`.
    pub fn forbid(&mut self, act: &str, reason: &str) {
        self.can.retain(|possible| possible != act);
        self.cannot.insert(act.to_owned(), reason.to_owned());
    }

    /// Tries every one of `acts` with the rules.
    pub fn by_trying<A: Copy + Serialize, T, E: std::fmt::Display>(
        acts: impl IntoIterator<Item = A>,
        decide: impl Fn(A) -> Result<T, E>,
    ) -> Can {
        let mut can = Can::default();
        for act in acts {
            let name = match serde_json::to_value(act) {
                Ok(serde_json::Value::String(name)) => name,
                _ => continue,
            };
            match decide(act) {
                Ok(_) => can.can.push(name),
                Err(refusal) => drop(can.cannot.insert(name, refusal.to_string())),
            }
        }
        can
    }
}
