//! The architecture, held: which module may use which, and what lives in which room.
//!
//! [`ARROWS`] is the architecture. An arrow that is not in it fails here, and so does one in it that
//! nothing uses, so the table neither grows by accident nor goes stale. Whoever needs another arrow
//! adds it with a reason that convinces a reader, or finds that the code belongs elsewhere.
//!
//! Needs no database.

#[path = "architecture/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use sources::{Tree, files_below, is_module, sources};

/// Module → the modules it may use.
const ARROWS: &[(&str, &[&str])] = &[
    // Shared vocabulary, and what can be configured: they use nothing.
    ("kernel", &[]),
    ("config", &[]),
    // The HTTP edge and the database know no noun.
    ("api", &["kernel"]),
    ("db", &["config", "kernel"]),
    // What every slice receives.
    ("app", &["api", "config", "db", "kernel"]),
    // The slices.
    ("accounts", &["api", "app", "db", "kernel"]),
    ("supply", &["accounts", "api", "app", "capacity", "db", "kernel"]),
    ("capacity", &["api", "app", "db", "kernel"]),
    ("quotas", &["accounts", "api", "app", "audit", "db", "kernel"]),
    (
        "leases",
        &["accounts", "api", "app", "audit", "capacity", "db", "kernel", "quotas", "supply"],
    ),
    (
        "reclaim",
        &[
            "accounts",
            "api",
            "app",
            "audit",
            "capacity",
            "db",
            "kernel",
            "leases",
            "notifications",
            "supply",
        ],
    ),
    ("notifications", &["api", "app", "db", "kernel"]),
    ("audit", &["api", "app", "kernel"]),
    // What lists the slices.
    (
        "wiring",
        &[
            "accounts",
            "api",
            "app",
            "audit",
            "capacity",
            "kernel",
            "leases",
            "notifications",
            "quotas",
            "reclaim",
            "supply",
        ],
    ),
    // The command line: it speaks to a server through the interface and knows no noun's code, but for
    // the planner that replays are measured with.
    ("cli", &["capacity", "kernel"]),
    // The demo market is made through the interface of a server with a clock of its own.
    ("demo", &["accounts", "app", "cli", "config", "db", "kernel", "wiring"]),
    ("main", &["accounts", "app", "audit", "cli", "config", "db", "demo", "kernel", "wiring"]),
];

/// The nouns: seen from outside only through the face in their `mod.rs`.
const SLICES: &[&str] =
    &["accounts", "supply", "capacity", "quotas", "leases", "reclaim", "audit", "notifications"];

/// Room of a slice → the rooms of the same slice that it may not use.
const ROOMS: &[(&str, &[&str])] = &[
    ("rules", &["store", "actions", "desk", "routes", "jobs"]),
    ("store", &["actions", "desk", "routes", "jobs"]),
    ("actions", &["routes", "jobs"]),
    ("desk", &["actions", "routes", "jobs"]),
    ("views", &["actions", "desk", "routes", "jobs"]),
    ("jobs", &["routes"]),
    ("error", &["store", "actions", "desk", "routes", "jobs"]),
];

/// Where SQL may be written, besides every `store`.
const SQL_PLACES: &[&str] = &["db/", "app/idempotency.rs", "app/traces.rs", "wiring/"];

/// Where axum may be named, besides every `routes`.
const AXUM_PLACES: &[&str] = &["api/", "app/", "wiring/", "accounts/caller.rs", "accounts/mod.rs"];

/// Longest file, in lines without the tests at its end; 400 is the size to aim at. The ones that may
/// be longer, with the reason.
const LINES_MAX: usize = 600;
const LONG_FILES: &[(&str, &str)] =
    &[("src/db/embedded.rs", "the life of one server process, told in one piece")];

/// Ways of writing a conversion of a number that turns what does not fit into something else, in code that reads
/// or writes rows. `db::stored` names table, column and row instead.
const SWALLOWING: &[&str] = &[
    "unwrap_or(0)",
    "unwrap_or(i16::MAX)",
    "unwrap_or(i32::MAX)",
    "unwrap_or(i64::MAX)",
    "unwrap_or(i128::MAX)",
    "unwrap_or(u16::MAX)",
    "unwrap_or(u32::MAX)",
    "unwrap_or(u64::MAX)",
    "unwrap_or(Decimal::MAX)",
    "unwrap_or(Value::Null)",
    "unwrap_or_default()",
    ".ok()",
];

/// Where planes are locked to be changed, and where leases are written.
const WRITERS: &[(&[&str], &[&str])] = &[
    (
        &["capacity::edit", "capacity::edit_ahead"],
        &[
            "leases/change.rs",
            "leases/desk/sign.rs",
            "supply/imports/actions.rs",
            "supply/pools/actions.rs",
        ],
    ),
    (&["changes::change"], &["leases/change.rs"]),
    (&["changes::add", "changes::adding"], &["leases/change.rs", "leases/desk/sign.rs"]),
    // Time moves what was signed along, and touches neither plane nor money.
    (&["changes::set_status"], &["leases/jobs.rs"]),
];

// ── The tests ────────────────────────────────────────────────────────────────────────────────────

#[test]
fn every_arrow_is_in_the_table() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = BTreeMap::new();
    for source in sources() {
        let targets = *allowed.get(source.module.as_str()).unwrap_or(&[].as_slice());
        for path in source.crate_paths() {
            if path.target != source.module && !targets.contains(&path.target.as_str()) {
                let place = format!("{} in {}", path.text(), source.path);
                wrong.entry((source.module.clone(), path.target)).or_insert(place);
            }
        }
    }
    let wrong = wrong.into_iter();
    let wrong = wrong.map(|((module, target), place)| format!("{module} → {target}: {place}"));
    assert_none("arrows that are not in ARROWS", wrong.collect());
}

#[test]
fn every_arrow_of_the_table_is_used() {
    let mut used = BTreeSet::new();
    for source in sources() {
        for path in source.crate_paths() {
            used.insert((source.module.clone(), path.target));
        }
    }
    let unused = ARROWS.iter().flat_map(|(module, targets)| {
        let used = &used;
        targets
            .iter()
            .filter(move |target| !used.contains(&(module.to_string(), target.to_string())))
            .map(move |target| format!("{module} → {target}"))
    });
    assert_none("arrows in ARROWS that nothing uses", unused.collect());
}

#[test]
fn the_arrows_have_no_circle() {
    let names = |targets: &[&str]| targets.iter().map(|target| (*target).to_owned()).collect();
    let uses = ARROWS.iter().map(|(module, targets)| ((*module).to_owned(), names(targets)));
    assert_none("modules that use each other in a circle", in_circles(uses.collect()));
}

/// In every folder, whatever is in it: files and folders beside each other. A `mod.rs` is the face of its
/// folder and not one of them, so what it defines itself may be used by all.
#[test]
fn neighbours_in_a_folder_have_no_circle() {
    let folders = Tree::read().neighbours().into_iter();
    let circles = folders.map(|(folder, uses)| (folder, in_circles(uses)));
    let circles = circles.filter(|(_, circle)| !circle.is_empty());
    let wrong = circles.map(|(folder, circle)| format!("{folder}: {}", circle.join(", ")));
    assert_none("files that use each other in a circle", wrong.collect());
}

/// What is left of `uses` when whatever uses nothing, or is used by nothing, is taken away again and again.
fn in_circles(mut uses: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let used: BTreeSet<String> = uses.values().flatten().cloned().collect();
        let using: BTreeSet<String> = uses.keys().cloned().collect();
        let before = uses.values().map(BTreeSet::len).sum::<usize>() + uses.len();
        uses.retain(|name, targets| {
            targets.retain(|target| using.contains(target));
            used.contains(name) && !targets.is_empty()
        });
        if before == uses.values().map(BTreeSet::len).sum::<usize>() + uses.len() {
            return uses.into_keys().collect();
        }
    }
}

#[test]
fn a_slice_is_seen_only_through_its_face() {
    let mut wrong = Vec::new();
    for source in sources() {
        for path in source.crate_paths() {
            let is_foreign = SLICES.contains(&path.target.as_str()) && path.target != source.module;
            let reaches_in = path.rest.first().is_some_and(|next| is_module(&path.target, next));
            if is_foreign && reaches_in {
                wrong.push(format!("{} reaches into {}", source.path, path.text()));
            }
        }
    }
    assert_none("uses of another slice's rooms", wrong);
}

#[test]
fn the_rooms_of_a_slice_keep_their_order() {
    let rooms: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources().into_iter().filter(|source| source.is_in_slice()) {
        let Some(forbidden) = rooms.get(source.room.as_str()) else { continue };
        for path in source.own_paths() {
            if let Some(room) = path.iter().find(|part| forbidden.contains(&part.as_str())) {
                wrong.push(format!("{}: {} uses {room}", source.path, source.room));
            }
        }
    }
    assert_none("rooms that use a room above them", wrong);
}

#[test]
fn rules_are_pure() {
    let mut wrong = Vec::new();
    for source in sources().into_iter().filter(|source| source.room == "rules") {
        if source.path.ends_with("/measure.rs") || source.path.ends_with("/tests.rs") {
            continue;
        }
        for path in source.external_paths(&["sqlx", "axum", "tokio", "rand", "reqwest"]) {
            if !matches!(path.as_str(), "sqlx::Type") {
                wrong.push(format!("{}: {path}", source.path));
            }
        }
        for path in source.crate_paths() {
            if matches!(path.target.as_str(), "app" | "db" | "wiring") {
                wrong.push(format!("{}: {}", source.path, path.text()));
            }
        }
    }
    assert_none("rules that do more than think", wrong);
}

#[test]
fn sql_is_written_in_stores_only() {
    let is_query = |path: &String| {
        path.strip_prefix("sqlx::")
            .is_some_and(|name| name.starts_with("query") || name == "raw_sql")
    };
    let mut wrong = Vec::new();
    for source in sources() {
        if source.room == "store" || source.is_in(SQL_PLACES) {
            continue;
        }
        let queries = source.external_paths(&["sqlx"]).into_iter().filter(is_query);
        wrong.extend(queries.map(|path| format!("{}: {path}", source.path)));
    }
    assert_none("SQL outside store.rs", wrong);
}

#[test]
fn no_store_takes_a_value_for_another() {
    let mut wrong = Vec::new();
    for (path, text) in files_below("src", "rs") {
        let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        let reads_rows = parts.contains(&"store")
            || matches!(path.as_str(), "src/supply/shared/columns.rs" | "src/app/idempotency.rs")
            || matches!(path.as_str(), "src/app/traces.rs" | "src/db/log.rs" | "src/db/stored.rs");
        if !reads_rows {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let places: Vec<String> = code
            .lines()
            .enumerate()
            .filter(|(_, line)| SWALLOWING.iter().any(|way| line.contains(way)))
            .map(|(number, line)| format!("{path}:{}: {}", number + 1, line.trim()))
            .collect();
        wrong.extend(places);
    }
    assert_none("conversions of rows that swallow what does not fit; use db::stored", wrong);
}

#[test]
fn planes_and_leases_are_changed_in_few_places() {
    let mut wrong = Vec::new();
    let sources = sources();
    for (functions, places) in WRITERS {
        let callers: BTreeSet<&str> = sources
            .iter()
            .filter(|source| source.room != "store" && source.module != "capacity")
            .filter(|source| source.paths.iter().any(|path| is_call_of(path, functions)))
            .map(|source| source.path.as_str())
            .collect();
        let places: BTreeSet<&str> = places.iter().copied().collect();
        let name = functions.join(", ");
        wrong.extend(callers.difference(&places).map(|path| format!("{path}: calls {name}")));
        let gone = places.difference(&callers);
        wrong.extend(
            gone.map(|path| format!("{path}: no longer calls {name}; take it out of WRITERS")),
        );
    }
    assert_none("planes and leases are changed through leases::change and its like", wrong);
}

/// Whether a path ends with one of `functions`, each `module::function`.
fn is_call_of(path: &[String], functions: &[&str]) -> bool {
    let Some(from) = path.len().checked_sub(2) else { return false };
    functions.contains(&path[from..].join("::").as_str())
}

#[test]
fn axum_is_named_at_the_edge_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.room == "routes" || source.room == "error" || source.is_in(AXUM_PLACES) {
            continue;
        }
        let paths = source.external_paths(&["axum"]).into_iter();
        wrong.extend(paths.map(|path| format!("{}: {path}", source.path)));
    }
    assert_none("axum outside the edge", wrong);
}

#[test]
fn sql_is_lower_case_and_reads_no_clock() {
    let clocks = ["now()", "current_timestamp", "clock_timestamp", "current_date", "localtime"];
    let shouted = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", " FROM ", " WHERE ", " JOIN "];
    let mut wrong = Vec::new();
    let mut check = |place: &str, sql: &str| {
        let lower = sql.to_lowercase();
        for clock in clocks.iter().filter(|clock| lower.contains(*clock)) {
            wrong.push(format!("{place}: {clock}; hand the time in"));
        }
        for word in shouted.iter().filter(|word| sql.contains(*word)) {
            wrong.push(format!("{place}: {}is written in lower case", word.trim_start()));
        }
    };
    for source in
        sources().iter().filter(|source| source.room == "store" || source.is_in(SQL_PLACES))
    {
        for literal in source.strings() {
            check(&source.path, &literal);
        }
    }
    for (path, text) in files_below("migrations", "sql") {
        let statements: Vec<&str> =
            text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
        check(&path, &statements.join("\n"));
    }
    assert_none("SQL that is not as the house writes it", wrong);
}

#[test]
fn every_file_says_what_it_is_about() {
    let silent = files_below("src", "rs")
        .into_iter()
        .chain(files_below("tests", "rs"))
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path);
    assert_none("files without `//!` at the top", silent.collect());
}

#[test]
fn no_file_is_too_long() {
    let mut wrong = Vec::new();
    for (path, text) in files_below("src", "rs").into_iter().chain(files_below("tests", "rs")) {
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        let is_excepted = LONG_FILES.iter().any(|(long, _)| *long == path);
        if lines > LINES_MAX && !is_excepted {
            wrong.push(format!("{path}: {lines} lines; cut it in two"));
        } else if lines <= LINES_MAX && is_excepted {
            wrong.push(format!("{path}: {lines} lines; it needs no exception"));
        }
    }
    assert_none("files too long to hold in one's head", wrong);
}

#[track_caller]
fn assert_none<T: std::fmt::Display>(what: &str, found: Vec<T>) {
    let list: Vec<String> = found.iter().map(|item| format!("  {item}")).collect();
    assert!(found.is_empty(), "{what}:\n{}", list.join("\n"));
}
