//! A limit over time: the quota, and instead of it for a while an override.

use super::months::months_in;
use super::{Instant, Months, Steps};

/// What a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// So many grains.
    Amount(i128),
    /// So many millionths of what the organization holds for itself at the same instant.
    Share(u32),
}

impl Rule {
    /// In grains, where the organization holds `held`; parts of a grain are left out.
    pub fn of(self, held: i128) -> i128 {
        match self {
            Rule::Amount(grains) => grains,
            Rule::Share(millionths) => held.saturating_mul(i128::from(millionths)) / 1_000_000,
        }
    }
}

/// A quota's limit at every instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub rule: Rule,
    /// Outside of this there is no limit.
    pub valid: (Instant, Instant),
    /// Disjoint times at which another amount stands instead.
    pub overrides: Vec<(Instant, Instant, i128)>,
}

/// An instant at which a limit was looked at. In a month it is the month's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub at: Instant,
    pub booked: i128,
    pub asked: i128,
    pub limit: i128,
}

impl Point {
    /// By how much the limit is exceeded; negative for what is left.
    pub fn over(&self) -> i128 {
        self.booked.saturating_add(self.asked).saturating_sub(self.limit)
    }
}

impl Limits {
    /// The rule in force at `at`.
    pub fn at(&self, at: Instant) -> Option<Rule> {
        let is_in = |from, until| (from..until).contains(&at);
        let instead = self.overrides.iter().find(|(from, until, _)| is_in(*from, *until));
        match instead {
            Some(&(_, _, amount)) => Some(Rule::Amount(amount)),
            None => is_in(self.valid.0, self.valid.1).then_some(self.rule),
        }
    }

    /// The instant of least room for `asked` on top of `booked`; `None` where nothing is limited. An
    /// instant counts where `asked` has a step, be its level zero.
    pub fn tightest(
        &self,
        booked: &Steps,
        asked: &[(Instant, Instant, i64)],
        held: &Steps,
    ) -> Option<Point> {
        let mut tightest = None;
        for &(from, until, asked) in asked {
            for (from, until, rule) in self.parts(from, until) {
                let look = |tightest: &mut Option<Point>, from, until, limit| {
                    let (at, peak) = booked.peak(from, until);
                    let (booked, asked) = (i128::from(peak), i128::from(asked));
                    keep_tighter(tightest, Point { at, booked, asked, limit });
                };
                match rule {
                    Rule::Amount(limit) => look(&mut tightest, from, until, limit),
                    Rule::Share(_) => {
                        for (from, until, held) in held.pieces(from, until) {
                            look(&mut tightest, from, until, rule.of(i128::from(held)));
                        }
                    }
                }
            }
        }
        tightest
    }

    /// The month of least room for `asked` on top of `booked`, of the months that `asked` names.
    pub fn tightest_month(
        &self,
        booked: &Months,
        asked: impl Iterator<Item = (Instant, Instant, i128)>,
        held: &Months,
    ) -> Option<Point> {
        let mut tightest = None;
        for (from, until, asked) in asked {
            if let Some(limit) = self.of_month(from, until, held.at(from)) {
                keep_tighter(
                    &mut tightest,
                    Point { at: from, booked: booked.at(from), asked, limit },
                );
            }
        }
        tightest
    }

    /// The limit of the month `[from, until)`: the highest that is in force at an instant of it.
    pub fn of_month(&self, from: Instant, until: Instant, held: i128) -> Option<i128> {
        self.parts(from, until).map(|(_, _, rule)| rule.of(held)).max()
    }

    /// `[from, until)` cut where another rule begins, without the parts that are not limited.
    fn parts(
        &self,
        from: Instant,
        until: Instant,
    ) -> impl Iterator<Item = (Instant, Instant, Rule)> {
        let ends = self.overrides.iter().flat_map(|&(from, until, _)| [from, until]);
        let mut cuts: Vec<Instant> = ends
            .chain([self.valid.0, self.valid.1])
            .filter(|&at| from < at && at < until)
            .chain([from, until])
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let parts: Vec<_> = cuts
            .windows(2)
            .filter_map(|pair| Some((pair[0], pair[1], self.at(pair[0])?)))
            .collect();
        parts.into_iter()
    }
}

fn keep_tighter(tightest: &mut Option<Point>, point: Point) {
    if tightest.is_none_or(|kept| point.over() > kept.over()) {
        *tightest = Some(point);
    }
}

/// What is booked, and the limit, over time; for drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curve {
    /// In order; each lasts until the next one.
    pub points: Vec<CurvePoint>,
    /// Each point is the peak of a stretch of time, because there are more changes than points.
    pub is_coarse: bool,
}

/// A step of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurvePoint {
    pub at: Instant,
    pub booked: i128,
    pub limit: Option<i128>,
}

impl Limits {
    /// The curve of `booked` in `[from, until)`, of at most `most` points (at least two).
    pub fn curve(
        &self,
        booked: &Steps,
        held: &Steps,
        from: Instant,
        until: Instant,
        most: usize,
    ) -> Curve {
        let most = most.max(2);
        let limit_at = |at| self.at(at).map(|rule| rule.of(i128::from(held.level_at(at))));
        let mut cuts: Vec<Instant> = booked.pieces(from, until).map(|piece| piece.0).collect();
        cuts.extend(self.parts(from, until).flat_map(|part| [part.0, part.1]));
        if matches!(self.rule, Rule::Share(_)) {
            cuts.extend(held.pieces(from, until).map(|piece| piece.0));
        }
        cuts.retain(|&at| from <= at && at < until);
        cuts.sort_unstable();
        cuts.dedup();
        if cuts.len() <= most {
            let point = |at| CurvePoint {
                at,
                booked: i128::from(booked.level_at(at)),
                limit: limit_at(at),
            };
            return Curve { points: cuts.into_iter().map(point).collect(), is_coarse: false };
        }
        let width = (until - from) / i64::try_from(most).unwrap_or(i64::MAX).max(1) + 1;
        let points = (0..most).map_while(|number| {
            let at = from.checked_add(width.checked_mul(i64::try_from(number).ok()?)?)?;
            let end = at.saturating_add(width).min(until);
            (at < until).then(|| {
                let booked = i128::from(booked.peak(at, end).1);
                let limits = cuts.iter().filter(|&&cut| at < cut && cut < end).chain([&at]);
                CurvePoint { at, booked, limit: limits.filter_map(|&at| limit_at(at)).min() }
            })
        });
        Curve { points: points.collect(), is_coarse: true }
    }

    /// The curve of `booked` per month, for the months that `[from, until)` touches, at most `most`.
    pub fn curve_by_month(
        &self,
        booked: &Months,
        held: &Months,
        from: Instant,
        until: Instant,
        most: usize,
    ) -> Curve {
        let months = months_in(from, until).take(most);
        let points = months.map(|(from, until)| CurvePoint {
            at: from,
            booked: booked.at(from),
            limit: self.of_month(from, until, held.at(from)),
        });
        Curve { points: points.collect(), is_coarse: false }
    }
}
