//! What one organization holds, and how much room its quotas leave.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::limit::{Curve, Limits, Point};
use super::{Dimension, END_OF_TIME, Instant, Months, Steps};
use crate::kernel::{OrganizationId, ProjectId, QuotaId, SiteId};

const MICROS: i64 = 1_000_000;

/// What a filter looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// An id of the catalogue: `h100-sxm`.
    pub accelerator: String,
    pub site: SiteId,
}

/// GPUs for a time at a rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub place: Arc<Place>,
    pub from: Instant,
    pub until: Instant,
    pub gpus: u32,
    /// At the meter.
    pub watts: i64,
    /// Rate per GPU and hour, in millionths of the currency.
    pub rate_millionths: i64,
}

impl Line {
    /// Its level in a dimension that is counted at every instant.
    fn level(&self, dimension: Dimension) -> i64 {
        match dimension {
            Dimension::ConcurrentGpus => i64::from(self.gpus),
            Dimension::ConcurrentMw => self.watts,
            _ => 0,
        }
    }

    /// What each second of it comes to in a dimension that is counted in every month.
    fn per_second(&self, dimension: Dimension) -> i128 {
        match dimension {
            Dimension::GpuHoursPerMonth => i128::from(self.gpus),
            Dimension::SpendPerMonth => i128::from(self.gpus) * i128::from(self.rate_millionths),
            _ => 0,
        }
    }
}

/// What one lease or quote holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    pub project: Option<ProjectId>,
    /// Signed, and not only held or asked for.
    pub is_signed: bool,
    /// It is a request or a hold, and open until then at the latest.
    pub open_until: Option<Instant>,
    pub lines: Vec<Line>,
}

impl Holding {
    /// From its first start to its last end.
    fn seconds(&self) -> i64 {
        let from = self.lines.iter().map(|line| line.from).min();
        let until = self.lines.iter().map(|line| line.until).max();
        from.zip(until).map_or(0, |(from, until)| (until - from) / MICROS)
    }
}

/// What is to be held in addition.
#[derive(Debug, Clone)]
pub struct Asked {
    pub project: Option<ProjectId>,
    /// Only what is not held yet.
    pub lines: Vec<Line>,
    /// First start and last end of the whole lease.
    pub whole: (Instant, Instant),
    /// It waits for a provider, or holds capacity for a quote.
    pub opens_request: bool,
}

impl Asked {
    /// All of `holding`, which is new.
    pub fn all_of(holding: &Holding) -> Asked {
        let from = holding.lines.iter().map(|line| line.from).min();
        let until = holding.lines.iter().map(|line| line.until).max();
        Asked {
            project: holding.project,
            lines: holding.lines.clone(),
            whole: from.zip(until).unwrap_or_default(),
            opens_request: holding.open_until.is_some(),
        }
    }
}

/// A quota in force.
#[derive(Debug, Clone)]
pub struct Quota {
    pub id: QuotaId,
    /// `None` for a default.
    pub organization: Option<OrganizationId>,
    pub project: Option<ProjectId>,
    pub dimension: Dimension,
    pub accelerator: Option<String>,
    pub site: Option<SiteId>,
    pub limits: Limits,
}

impl Quota {
    /// Whether it limits the same as `other`.
    pub fn is_of_the_same(&self, other: &Quota) -> bool {
        self.project == other.project
            && self.dimension == other.dimension
            && self.accelerator == other.accelerator
            && self.site == other.site
    }

    fn counts(&self, place: &Place) -> bool {
        self.accelerator.as_ref().is_none_or(|accelerator| *accelerator == place.accelerator)
            && self.site.is_none_or(|site| site == place.site)
    }

    fn key(&self, whose: Whose) -> Key {
        Key {
            dimension: self.dimension,
            accelerator: self.accelerator.clone(),
            site: self.site,
            whose,
        }
    }

    fn whose(&self) -> Whose {
        self.project.map_or(Whose::Everything, Whose::Project)
    }
}

/// A quota that leaves no room for what is asked.
#[derive(Debug, Clone)]
pub struct Excess {
    pub quota: Quota,
    pub point: Point,
}

/// How a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// In force at this moment; `None`: not limited.
    pub limit: Option<i128>,
    /// Booked at this moment, or for this month.
    pub booked: i128,
    /// The highest that is booked from now on, and when.
    pub peak: (Instant, i128),
    /// By how much a limit is exceeded from now on at the worst, and when.
    pub over: Option<(Instant, i128)>,
}

/// Whose holdings are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The organization's with all its projects'.
    Everything,
    Project(ProjectId),
    /// What the organization has signed for no project: what its projects have their shares of.
    Own,
}

impl Whose {
    fn counts(self, holding: &Holding) -> bool {
        match self {
            Whose::Everything => true,
            Whose::Project(project) => holding.project == Some(project),
            Whose::Own => holding.project.is_none() && holding.is_signed,
        }
    }
}

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    dimension: Dimension,
    accelerator: Option<String>,
    site: Option<SiteId>,
    whose: Whose,
}

impl Key {
    fn counts(&self, line: &Line) -> bool {
        self.accelerator.as_ref().is_none_or(|accelerator| *accelerator == line.place.accelerator)
            && self.site.is_none_or(|site| site == line.place.site)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tally {
    steps: Steps,
    months: Months,
}

impl Tally {
    fn of<'h>(key: &Key, holdings: impl Iterator<Item = &'h Holding>) -> Tally {
        let lines = holdings.filter(|holding| key.whose.counts(holding));
        let lines = lines.flat_map(|holding| &holding.lines).filter(|line| key.counts(line));
        let mut tally = Tally::default();
        let mut uses = Vec::new();
        for line in lines {
            uses.push((line.from, line.until, line.level(key.dimension)));
            tally.months.add(line.from, line.until, line.per_second(key.dimension));
        }
        tally.steps = Steps::of(uses.into_iter());
        tally
    }

    fn add(&mut self, key: &Key, holding: &Holding, sign: i64) {
        if !key.whose.counts(holding) {
            return;
        }
        for line in holding.lines.iter().filter(|line| key.counts(line)) {
            self.steps.add(line.from, line.until, sign * line.level(key.dimension));
            let per_second = i128::from(sign) * line.per_second(key.dimension);
            self.months.add(line.from, line.until, per_second);
        }
    }
}

/// What one organization holds, and sums of it that are kept as it changes.
#[derive(Debug, Default)]
pub struct Book {
    holdings: HashMap<Uuid, Holding>,
    /// Those with an [`Holding::open_until`].
    open: HashSet<Uuid>,
    tallies: HashMap<Key, Tally>,
}

impl Book {
    /// A book of `holdings`, by lease or quote.
    pub fn of(holdings: impl IntoIterator<Item = (Uuid, Holding)>) -> Book {
        let mut book = Book::default();
        for (id, holding) in holdings {
            book.put(id, holding);
        }
        book
    }

    /// Puts `holding` in the place of what `id` held before.
    pub fn put(&mut self, id: Uuid, holding: Holding) {
        self.remove(id);
        if holding.lines.is_empty() {
            return;
        }
        for (key, tally) in &mut self.tallies {
            tally.add(key, &holding, 1);
        }
        if holding.open_until.is_some() {
            self.open.insert(id);
        }
        self.holdings.insert(id, holding);
    }

    /// Takes away what `id` holds.
    pub fn remove(&mut self, id: Uuid) {
        let Some(holding) = self.holdings.remove(&id) else { return };
        self.open.remove(&id);
        for (key, tally) in &mut self.tallies {
            tally.add(key, &holding, -1);
        }
    }

    /// Forgets what was over before `at`, which should be no later than the beginning of a month that
    /// is still looked at.
    pub fn forget_before(&mut self, at: Instant) {
        let old = |holding: &Holding| holding.lines.iter().all(|line| line.until <= at);
        let old: Vec<Uuid> =
            self.holdings.iter().filter(|(_, holding)| old(holding)).map(|(id, _)| *id).collect();
        if !old.is_empty() {
            self.tallies.clear();
            old.into_iter().for_each(|id| self.remove(id));
        }
    }

    /// Keeps the sums that `quotas` need, and no others.
    pub fn keep_tallies_of(&mut self, quotas: &[Quota]) {
        let needed: HashSet<Key> = quotas
            .iter()
            .flat_map(|quota| [quota.key(quota.whose()), quota.key(Whose::Own)])
            .collect();
        self.tallies.retain(|key, _| needed.contains(key));
    }

    /// Every one of `quotas` that leaves no room for `asked` at `now`.
    pub fn check(&mut self, quotas: &[Quota], asked: &Asked, now: Instant) -> Vec<Excess> {
        let mut exceeded = Vec::new();
        for quota in quotas {
            let is_its = quota.project.is_none() || quota.project == asked.project;
            let lines: Vec<&Line> =
                asked.lines.iter().filter(|line| is_its && quota.counts(&line.place)).collect();
            if lines.is_empty() {
                continue;
            }
            let point = self.point(quota, asked, &lines, now);
            if let Some(point) = point.filter(|point| point.over() > 0) {
                exceeded.push(Excess { quota: quota.clone(), point });
            }
        }
        exceeded
    }

    /// The instant at which `quota` leaves the least room for `lines` of `asked`.
    fn point(
        &mut self,
        quota: &Quota,
        asked: &Asked,
        lines: &[&Line],
        now: Instant,
    ) -> Option<Point> {
        let dimension = quota.dimension;
        match dimension {
            Dimension::ConcurrentGpus | Dimension::ConcurrentMw => {
                let uses = lines.iter().map(|line| (line.from, line.until, line.level(dimension)));
                let asked = Steps::of(uses);
                let (from, until) = asked.extent()?;
                let pieces: Vec<_> =
                    asked.pieces(from, until).filter(|(_, _, level)| *level > 0).collect();
                let held = self.held(quota);
                let booked = &self.tally(quota.key(quota.whose())).steps;
                quota.limits.tightest(booked, &pieces, &held.steps)
            }
            Dimension::GpuHoursPerMonth | Dimension::SpendPerMonth => {
                let mut asked = Months::default();
                for line in lines {
                    asked.add(line.from, line.until, line.per_second(dimension));
                }
                let held = self.held(quota);
                let booked = &self.tally(quota.key(quota.whose())).months;
                quota.limits.tightest_month(booked, asked.iter(), &held.months)
            }
            Dimension::LongestLease => {
                let asked = i128::from((asked.whole.1 - asked.whole.0) / MICROS);
                let limit = quota.limits.at(now)?.of(0);
                Some(Point { at: now, booked: 0, asked, limit })
            }
            Dimension::OpenRequests => {
                let limit = quota.limits.at(now)?.of(0);
                let booked = self.open_requests(quota, now);
                let asked = i128::from(asked.opens_request);
                (asked > 0).then_some(Point { at: now, booked, asked, limit })
            }
        }
    }

    /// How `quota` stands at `now`.
    pub fn state(&mut self, quota: &Quota, now: Instant) -> State {
        let held = self.held(quota);
        let limits = &quota.limits;
        match quota.dimension {
            Dimension::ConcurrentGpus | Dimension::ConcurrentMw => {
                let booked = &self.tally(quota.key(quota.whose())).steps;
                let peak = booked.peak(now, END_OF_TIME);
                let tightest = limits.tightest(booked, &[(now, END_OF_TIME, 0)], &held.steps);
                let held = i128::from(held.steps.level_at(now));
                State {
                    limit: limits.at(now).map(|rule| rule.of(held)),
                    booked: i128::from(booked.level_at(now)),
                    peak: (peak.0, i128::from(peak.1)),
                    over: over(tightest),
                }
            }
            Dimension::GpuHoursPerMonth | Dimension::SpendPerMonth => {
                let booked = &self.tally(quota.key(quota.whose())).months;
                let to_come = || booked.iter().filter(|(_, until, _)| *until > now);
                let peak = to_come().map(|(from, _, amount)| (from.max(now), amount));
                let peak =
                    peak.fold((now, 0), |peak, next| if next.1 > peak.1 { next } else { peak });
                let nothing = to_come().map(|(from, until, _)| (from, until, 0));
                let tightest = limits.tightest_month(booked, nothing, &held.months);
                let month = super::months::months_in(now, now + 1).next();
                State {
                    limit: month.and_then(|(from, until)| {
                        limits.of_month(from, until, held.months.at(now))
                    }),
                    booked: booked.at(now),
                    peak,
                    over: over(tightest),
                }
            }
            Dimension::LongestLease | Dimension::OpenRequests => {
                let booked = if quota.dimension == Dimension::OpenRequests {
                    self.open_requests(quota, now)
                } else {
                    self.longest(quota, now)
                };
                let limit = limits.at(now).map(|rule| rule.of(0));
                let over = limit.map(|limit| Point { at: now, booked, asked: 0, limit });
                State { limit, booked, peak: (now, booked), over: self::over(over) }
            }
        }
    }

    /// What counts against `quota` over time, and its limit; at most `most` points.
    pub fn curve(&mut self, quota: &Quota, from: Instant, until: Instant, most: usize) -> Curve {
        let held = self.held(quota);
        let booked = self.tally(quota.key(quota.whose()));
        match quota.dimension {
            Dimension::GpuHoursPerMonth | Dimension::SpendPerMonth => {
                quota.limits.curve_by_month(&booked.months, &held.months, from, until, most)
            }
            _ => quota.limits.curve(&booked.steps, &held.steps, from, until, most),
        }
    }

    fn tally(&mut self, key: Key) -> &Tally {
        if !self.tallies.contains_key(&key) {
            let tally = Tally::of(&key, self.holdings.values());
            self.tallies.insert(key.clone(), tally);
        }
        &self.tallies[&key]
    }

    /// What a share is of; nothing for an amount.
    fn held(&mut self, quota: &Quota) -> Tally {
        match quota.limits.rule {
            super::Rule::Share(_) => self.tally(quota.key(Whose::Own)).clone(),
            super::Rule::Amount(_) => Tally::default(),
        }
    }

    fn open_requests(&self, quota: &Quota, now: Instant) -> i128 {
        let open = self.open.iter().filter_map(|id| self.holdings.get(id));
        let open = open.filter(|holding| holding.open_until.is_some_and(|until| until > now));
        to_i128(open.filter(|holding| counts_any(quota, holding)).count())
    }

    fn longest(&self, quota: &Quota, now: Instant) -> i128 {
        let live = self.holdings.values().filter(|holding| counts_any(quota, holding));
        let live = live.filter(|holding| holding.lines.iter().any(|line| line.until > now));
        i128::from(live.map(Holding::seconds).max().unwrap_or(0))
    }
}

fn counts_any(quota: &Quota, holding: &Holding) -> bool {
    quota.whose().counts(holding) && holding.lines.iter().any(|line| quota.counts(&line.place))
}

fn over(tightest: Option<Point>) -> Option<(Instant, i128)> {
    tightest.map(|point| (point.at, point.over())).filter(|(_, by)| *by > 0)
}

fn to_i128(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}
