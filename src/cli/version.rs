//! What `--version` says: the program, its embedded tables with their dates, its licence.

/// `-V`.
pub const SHORT: &str = env!("CARGO_PKG_VERSION");

/// `--version`. The tables are as old as the releases of the crates that carry them; a test holds the versions against the lock file.
pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nmakers of network cards: IEEE registries as of 2026-10-17 (oui-data 0.2.4)",
    "\ncountries: delegations of the regional internet registries as of 2026-11-01 (iptocc 1.4.175)",
    "\nlicence: ",
    env!("CARGO_PKG_LICENSE"),
    "; third-party notices in NOTICE"
);

#[cfg(test)]
mod tests {
    #[test]
    fn the_tables_named_are_the_tables_built_in() {
        let lock = include_str!("../../Cargo.lock");
        for (name, version) in [("oui-data", "0.2.4"), ("iptocc", "1.4.175")] {
            assert!(super::LONG.contains(&format!("({name} {version})")), "{name}");
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")), "{name} {version} is not in Cargo.lock");
        }
    }
}
