//! What of a pool's plane a caller sees.

use uuid::Uuid;

use crate::kernel::OrganizationId;

/// What of a pool's plane a caller sees: all of it as its provider or as staff, else what is its own, and
/// that the rest is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    scope: Option<Uuid>,
    /// Whether it sees whose every rectangle is.
    pub sees_all: bool,
}

impl Sight {
    /// That of a caller in `scope` (`None`: staff) on a pool of `provider`.
    pub fn of(scope: Option<Uuid>, provider: OrganizationId) -> Sight {
        Sight { scope, sees_all: scope.is_none_or(|scope| scope == provider.0) }
    }

    /// Whether it sees what a rectangle of `holder` (`None`: nobody's lease) is.
    pub fn shows(self, holder: Option<OrganizationId>) -> bool {
        self.sees_all || holder.is_some_and(|holder| self.scope == Some(holder.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_sees_its_own_and_the_provider_and_staff_see_all() {
        let [provider, tenant, other] = [1, 2, 3].map(|id| OrganizationId(Uuid::from_u128(id)));
        let seen = |scope: Option<OrganizationId>| {
            let sight = Sight::of(scope.map(|id| id.0), provider);
            [Some(tenant), Some(other), None].map(|holder| sight.shows(holder))
        };
        assert_eq!(seen(None), [true, true, true]);
        assert_eq!(seen(Some(provider)), [true, true, true]);
        assert_eq!(seen(Some(tenant)), [true, false, false]);
        assert_eq!(seen(Some(OrganizationId(Uuid::nil()))), [false, false, false]);
    }
}
