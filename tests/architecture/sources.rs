//! The sources read as Rust tokens, so that comments and strings do not count and paths inside macros do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{ROOMS, SLICES};

/// A source file, as tokens.
pub struct Source {
    /// Below `src`: `leases/store.rs`.
    pub path: String,
    /// The top module that it belongs to: `leases`.
    pub module: String,
    /// The innermost room that it lies in: `store` for `leases/store.rs` and `leases/store/quotes.rs`.
    pub room: String,
    pub paths: Vec<Vec<String>>,
    strings: Vec<String>,
}

/// A path that begins at the crate.
pub struct CratePath {
    pub target: String,
    pub rest: Vec<String>,
}

impl CratePath {
    pub fn text(&self) -> String {
        [std::slice::from_ref(&self.target), &self.rest].concat().join("::")
    }
}

impl Source {
    fn read(path: String, text: &str) -> Source {
        let tokens: TokenStream =
            text.parse().unwrap_or_else(|error| panic!("{path} is not Rust: {error}"));
        let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        let is_room =
            |part: &&&str| ROOMS.iter().any(|(room, _)| room == *part) || **part == "routes";
        let room = parts.iter().rev().find(is_room).unwrap_or(&"mod").to_string();
        let module = parts[0].to_owned();
        let (mut paths, mut strings) = (Vec::new(), Vec::new());
        read_tokens(tokens, &mut paths, &mut strings);
        Source { path, module, room, paths, strings }
    }

    pub fn is_in_slice(&self) -> bool {
        SLICES.contains(&self.module.as_str())
    }

    pub fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// Paths that begin at the crate: `crate::…`, and `leasehold::…` in the binary.
    pub fn crate_paths(&self) -> impl Iterator<Item = CratePath> {
        let root = if self.module == "main" { "leasehold" } else { "crate" };
        self.paths.iter().filter(move |path| path[0] == root).filter_map(|path| {
            let (target, rest) = path[1..].split_first()?;
            Some(CratePath { target: target.clone(), rest: rest.to_vec() })
        })
    }

    /// Paths to the same slice: `super::…`, `crate::<itself>::…`.
    pub fn own_paths(&self) -> impl Iterator<Item = &[String]> {
        self.paths.iter().filter_map(|path| match path[0].as_str() {
            "super" => Some(&path[1..]),
            "crate" if path.get(1) == Some(&self.module) => Some(&path[2..]),
            _ => None,
        })
    }

    /// Paths that begin with one of `crates`, which are other packages.
    pub fn external_paths(&self, crates: &[&str]) -> Vec<String> {
        let is_one = |path: &&Vec<String>| crates.contains(&path[0].as_str());
        self.paths.iter().filter(is_one).map(|path| path.join("::")).collect()
    }

    pub fn strings(&self) -> impl Iterator<Item = String> {
        self.strings.iter().cloned()
    }
}

/// The sources of the crate as its tree of modules, without the tests at their ends.
pub struct Tree {
    /// By their paths below the crate: `leases`, `store`, `quotes`.
    modules: BTreeMap<Vec<String>, Source>,
}

impl Tree {
    pub fn read() -> Tree {
        let modules = files_below("src", "rs").into_iter().filter_map(|(path, text)| {
            let path = path.trim_start_matches("src/").to_owned();
            let name = path.trim_end_matches(".rs").trim_end_matches("/mod");
            let module = name.split('/').map(str::to_owned).collect();
            let code = text.split("#[cfg(test)]\nmod tests {").next()?.to_owned();
            (path != "lib.rs").then(|| (module, Source::read(path, &code)))
        });
        Tree { modules: modules.collect() }
    }

    /// Which of the files and folders beside each other uses which, by folder. What a file names through the
    /// face of a folder is of the file that defines it.
    pub fn neighbours(&self) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
        let mut uses: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
        for (module, source) in &self.modules {
            for used in source.paths.iter().filter_map(|path| self.find(module, path)) {
                let same = module.iter().zip(&used).take_while(|(a, b)| a == b).count();
                if let (true, Some(from), Some(to)) = (same > 0, module.get(same), used.get(same)) {
                    let beside = uses.entry(module[..same].join("/")).or_default();
                    beside.entry(from.clone()).or_default().insert(to.clone());
                }
            }
        }
        uses
    }

    /// The module that defines what `module` names by `path`; `None` for what is of another crate.
    fn find(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let up = path.iter().take_while(|part| *part == "super").count();
        let (mut at, mut rest) = match path[0].as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (module.to_vec(), &path[1..]),
            "super" => (module[..module.len().saturating_sub(up)].to_vec(), &path[up..]),
            _ => (module.to_vec(), path),
        };
        if rest.first() == path.first() && self.child(&at, &path[0]).is_none() {
            return None;
        }
        while let Some((name, others)) = rest.split_first() {
            if let Some(child) = self.child(&at, name) {
                (at, rest) = (child, others);
            } else if let Some(shown) = self.shown(&at, name) {
                rest = shown;
            } else {
                break;
            }
        }
        Some(at)
    }

    fn child(&self, module: &[String], name: &str) -> Option<Vec<String>> {
        let child = [module, &[name.to_owned()]].concat();
        self.modules.contains_key(&child).then_some(child)
    }

    /// The path, from one of its children on, by which the face `module` shows `name`.
    fn shown(&self, module: &[String], name: &str) -> Option<&[String]> {
        let face = self.modules.get(module).filter(|source| source.path.ends_with("/mod.rs"))?;
        let shows = |path: &&Vec<String>| {
            path.last().is_some_and(|last| last == name) && self.child(module, &path[0]).is_some()
        };
        face.paths.iter().find(shows).map(Vec::as_slice)
    }
}

/// Collects every path (`a::b::c`, with groups `{…}` taken apart) and every string literal. A word
/// alone is no path.
fn read_tokens(tokens: TokenStream, paths: &mut Vec<Vec<String>>, strings: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(_) => {
                let mut found = Vec::new();
                let next = read_path(&tokens, at, Vec::new(), &mut found);
                paths.extend(found.into_iter().filter(|path| path.len() > 1));
                at = next.max(at + 1);
            }
            TokenTree::Group(group) => {
                read_tokens(group.stream(), paths, strings);
                at += 1;
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.starts_with('"') || text.starts_with("r\"") || text.starts_with("r#") {
                    strings.push(text);
                }
                at += 1;
            }
            TokenTree::Punct(_) => at += 1,
        }
    }
}

/// Reads one path, or the tree of a `use`, that begins at `at`; says where it ends.
fn read_path(
    tokens: &[TokenTree],
    mut at: usize,
    mut prefix: Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(name) => {
                prefix.push(name.to_string());
                at += 1;
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut from = 0;
                while from < inner.len() {
                    from = match &inner[from] {
                        TokenTree::Ident(_) => read_path(&inner, from, prefix.clone(), found),
                        _ => from + 1,
                    };
                }
                return at + 1;
            }
            _ => break,
        }
        if !is_double_colon(tokens, at) {
            break;
        }
        at += 2;
    }
    found.push(prefix);
    at
}

fn is_double_colon(tokens: &[TokenTree], at: usize) -> bool {
    let is_colon =
        |at| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    is_colon(at) && is_colon(at + 1)
}

/// The sources of the crate.
pub fn sources() -> Vec<Source> {
    let files = files_below("src", "rs").into_iter();
    files
        .map(|(path, text)| (path.trim_start_matches("src/").to_owned(), text))
        .filter(|(path, _)| path != "lib.rs")
        .map(|(path, text)| Source::read(path, &text))
        .collect()
}

/// Whether `name` is a module of the slice `slice`, and not an item of its face.
pub fn is_module(slice: &str, name: &str) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(slice);
    folder.join(name).is_dir() || folder.join(format!("{name}.rs")).is_file()
}

/// The files below `folder` that end in `.extension`, by path from the package's root.
pub fn files_below(folder: &str, extension: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is there") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = std::fs::read_to_string(&path).expect("a text file");
                let name = path.strip_prefix(root).expect("below the root").display().to_string();
                files.push((name, text));
            }
        }
    }
    files.sort();
    files
}
