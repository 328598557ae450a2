//! Country and network (ASN) of public addresses, offline: from the registries' table in the program, and from a MaxMind DB file
//! (<https://maxmind.github.io/MaxMind-DB/>, format 2.0) that the user brings.

use super::document::{ConfigError, read_capped};
use crate::base::{Addr, Timestamp};
use maxminddb::{PathElement, Reader};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::path::Path;

/// The largest public files hold less than a fifth of this.
const FILE_CAP: u64 = 1 << 30;
/// Records of a file that are looked at to find out what it holds.
const SAMPLE: usize = 2000;
/// Addresses that every complete file knows: two name services (IPv4 and IPv6) and the WIDE project in Japan.
const SENTINELS: [&str; 4] = ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "2001:200::1"];

/// ISO 3166-1 alpha-2 code of a country, or what registries write in its place (`EU`, `AP`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub [u8; 2]);

impl Country {
    fn new(code: &str) -> Option<Country> {
        let code: [u8; 2] = code.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_alphabetic).then(|| Country(code.map(|b| b.to_ascii_uppercase())))
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// Who announces an address on the internet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Network {
    /// Autonomous system number.
    pub asn: u32,
    /// Its holder; empty if the file does not say.
    pub org: String,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}{}{}", self.asn, if self.org.is_empty() { "" } else { " " }, self.org)
    }
}

/// What a file turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GeoReport {
    /// The file.
    pub file: String,
    /// What it calls itself, such as `GeoLite2-Country`.
    pub kind: String,
    /// When it was built.
    pub built: Timestamp,
    /// Knows no IPv6 address.
    pub ipv4_only: bool,
    /// Has countries.
    pub countries: bool,
    /// Has networks (ASN).
    pub networks: bool,
    /// Addresses that a complete file knows but this one does not.
    pub missing: Vec<&'static str>,
}

impl fmt::Display for GeoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holds = match (self.countries, self.networks) {
            (true, true) => "countries and networks",
            (true, false) => "countries",
            _ => "networks",
        };
        let (y, m, d, ..) = self.built.civil();
        write!(f, "{}: {}, built {y:04}-{m:02}-{d:02}, {holds}", self.file, self.kind)?;
        if self.ipv4_only {
            f.write_str(", IPv4 only")?;
        }
        if !self.missing.is_empty() {
            write!(f, "; does not know {}: it is not complete", self.missing.join(", "))?;
        }
        Ok(())
    }
}

/// Answers where public addresses belong. Lookups walk a table in memory and cost less than a cache in front of them would.
#[derive(Debug, Default)]
pub struct Geo {
    files: Vec<Reader<Vec<u8>>>,
}

impl Geo {
    /// Only the table in the program: the country to which a registry gave the address, no networks.
    pub fn embedded() -> Geo {
        Geo::default()
    }

    /// The table in the program with a MaxMind DB file before it.
    pub fn open(path: &Path) -> Result<(Geo, GeoReport), ConfigError> {
        let mut geo = Geo::embedded();
        let report = geo.add(path)?;
        Ok((geo, report))
    }

    /// Adds one more file (countries and networks often come in two). The first file that knows an address answers.
    pub fn add(&mut self, path: &Path) -> Result<GeoReport, ConfigError> {
        let file = path.display().to_string();
        let wrong = |e: String| ConfigError::whole(&file, e);
        let reader = guarded(|| Reader::from_source(read_capped(path, FILE_CAP)?).map_err(|e| wrong(format!("is no whole MaxMind DB file: {e}"))))
            .unwrap_or_else(|| Err(wrong("is a damaged MaxMind DB file".to_owned())))?;
        let (countries, networks) = guarded(|| contents(&reader)).ok_or_else(|| wrong("is a damaged MaxMind DB file".to_owned()))?.map_err(wrong)?;
        let meta = reader.metadata();
        let ipv4_only = meta.ip_version == 4;
        let missing = SENTINELS.into_iter().filter(|s| !(ipv4_only && s.contains(':'))).filter(|s| {
            let a: Addr = s.parse().unwrap_or_default();
            file_country(&reader, a).is_none() && file_network(&reader, a).is_none()
        });
        let report = GeoReport {
            file: file.clone(),
            kind: meta.database_type.chars().filter(|c| !c.is_control()).take(64).collect(),
            built: Timestamp(meta.build_epoch.saturating_mul(1_000_000_000)),
            ipv4_only,
            countries,
            networks,
            missing: missing.collect(),
        };
        self.files.push(reader);
        Ok(report)
    }

    /// The country of a public address: as a file says, else as the registries say. `None` for private, group and documentation addresses.
    pub fn country(&self, a: Addr) -> Option<Country> {
        if !is_public(a) {
            return None;
        }
        let said = self.files.iter().find_map(|f| file_country(f, a));
        said.or_else(|| Country::new(guarded(|| iptocc::country_code(a.ip())).flatten()?))
    }

    /// The network of a public address, if a file has networks.
    pub fn network(&self, a: Addr) -> Option<Network> {
        if is_public(a) { self.files.iter().find_map(|f| file_network(f, a)) } else { None }
    }
}

/// Others' lookup code, kept from ending the program.
fn guarded<T>(f: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).ok()
}

/// Can the internet route this address? RFC 6890's special blocks cannot.
fn is_public(a: Addr) -> bool {
    let special = match a.as_v4() {
        Some(v) => matches!((v >> 8, v >> 17, v >> 28), (0x00c0_0002 | 0x00c6_3364 | 0x00cb_0071 | 0x00c0_0000, ..) | (_, 0x6309, _) | (.., 0xf)),
        None => a.0 >> 96 == 0x2001_0db8 || a.0 >> 108 == 0x3fff0 || a.0 >> 125 != 1,
    };
    !special && !a.is_private() && !a.is_multicast() && !a.is_unspecified()
}

/// The value at a path of the address's record, if there is one of that type.
fn value<T: for<'de> Deserialize<'de>>(r: &Reader<Vec<u8>>, a: Addr, path: &[&str]) -> Option<T> {
    let path: Vec<PathElement<'_>> = path.iter().map(|k| PathElement::Key(k)).collect();
    guarded(|| r.lookup(a.ip()).ok()?.decode_path(&path).ok()?).flatten()
}

/// The schemas of MaxMind (`country.iso_code`), ip-location-db (`country_code`) and IPinfo (`country`).
fn file_country(r: &Reader<Vec<u8>>, a: Addr) -> Option<Country> {
    const PATHS: [&[&str]; 5] = [&["country", "iso_code"], &["country_code"], &["country"], &["registered_country", "iso_code"], &["cc"]];
    PATHS.iter().find_map(|p| Country::new(&value::<String>(r, a, p)?))
}

/// The same for networks; IPinfo writes the number as `AS2497`.
fn file_network(r: &Reader<Vec<u8>>, a: Addr) -> Option<Network> {
    const NUMBERS: [&str; 3] = ["autonomous_system_number", "asn", "as_number"];
    const NAMES: [&str; 5] = ["autonomous_system_organization", "as_organization", "as_name", "organization", "org"];
    // Writers choose the width of the number, so it is read as any value.
    let number = |key: &str| match value::<serde_json::Value>(r, a, &[key])? {
        serde_json::Value::String(s) => s.trim_start_matches("AS").parse().ok(),
        v => u32::try_from(v.as_u64()?).ok(),
    };
    let asn = NUMBERS.iter().find_map(|key| number(key))?;
    let org = NAMES.iter().find_map(|key| value::<String>(r, a, &[key])).unwrap_or_default();
    Some(Network { asn, org: org.chars().take(128).collect() })
}

/// Does the file have countries, networks? An error if neither is found in its first records.
fn contents(r: &Reader<Vec<u8>>) -> Result<(bool, bool), String> {
    let (mut countries, mut networks, mut records) = (false, false, 0);
    for record in r.networks(Default::default()).map_err(|e| format!("is a damaged MaxMind DB file: {e}"))?.take(SAMPLE) {
        let a: Addr = match record.and_then(|r| r.network()) {
            Ok(n) => n.network().into(),
            Err(e) => return Err(format!("is a damaged MaxMind DB file: {e}")),
        };
        records += 1;
        countries |= file_country(r, a).is_some();
        networks |= file_network(r, a).is_some();
        if countries && networks {
            break;
        }
    }
    match (records, countries || networks) {
        (0, _) => Err("is an empty MaxMind DB file".to_owned()),
        (_, true) => Ok((countries, networks)),
        _ => Err(format!("holds neither countries nor networks in a form that spanward knows (it calls itself `{}`)", r.metadata().database_type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(s: &str) -> Addr {
        s.parse().unwrap()
    }
    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/geo").join(name)
    }

    #[test]
    fn the_embedded_table_knows_the_public_and_nothing_else() {
        let g = Geo::embedded();
        assert_eq!(g.country(a("8.8.8.8")).map(|c| c.to_string()).as_deref(), Some("US"));
        assert_eq!(g.country(a("2001:200::1")).map(|c| c.to_string()).as_deref(), Some("JP"));
        for s in [
            "10.0.0.1",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.5",
            "198.18.0.1",
            "198.19.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "2001:db8::1",
            "fd00::1",
            "ff02::1",
            "3fff:1::1",
            "::1",
            "4000::1",
        ] {
            assert_eq!(g.country(a(s)), None, "{s}");
        }
        for s in ["198.17.255.255", "198.20.0.1", "203.0.112.1", "203.0.114.1", "192.0.1.1", "192.0.3.1", "223.255.255.1", "2001:db9::1"] {
            assert!(is_public(a(s)), "{s}");
        }
        assert_eq!(g.network(a("8.8.8.8")), None);
    }

    #[test]
    fn no_address_makes_the_embedded_table_panic() {
        for top in 0..=0xffffu32 {
            for low in [0, 1, 0x7fff, 0xfffe, 0xffff] {
                let _ = iptocc::country_code(std::net::Ipv4Addr::from_bits(top << 16 | low));
            }
            let bits = u128::from(top) << 112 | u128::from(crate::base::mix64(u64::from(top))) << 40;
            let _ = iptocc::country_code(std::net::Ipv6Addr::from_bits(bits));
            let _ = iptocc::country_code(std::net::Ipv6Addr::from_bits((u128::from(top) << 112) | ((1 << 112) - 1)));
        }
    }

    #[test]
    fn both_schemas_are_read() {
        let (g, r) = Geo::open(&fixture("country.mmdb")).unwrap();
        assert_eq!(g.country(a("52.192.0.1")).map(|c| c.to_string()).as_deref(), Some("JP"), "the file answers before the registries");
        assert_eq!(g.country(a("2001:200::1")).map(|c| c.to_string()).as_deref(), Some("JP"));
        assert!(r.countries && !r.networks && !r.ipv4_only && r.missing.is_empty(), "{r}");
        assert!(r.to_string().contains("Test-Country, built 20"), "{r}");

        let (mut g, r) = Geo::open(&fixture("asn.mmdb")).unwrap();
        assert!(!r.countries && r.networks, "{r}");
        assert_eq!(g.network(a("8.8.8.8")), Some(Network { asn: 15169, org: "GOOGLE".into() }));
        assert_eq!(g.network(a("10.0.0.1")), None);
        assert_eq!(g.country(a("8.8.8.8")).map(|c| c.to_string()).as_deref(), Some("US"), "the registries answer what the file does not hold");
        g.add(&fixture("flat.mmdb")).unwrap();
        assert_eq!(g.country(a("52.192.0.1")).map(|c| c.to_string()).as_deref(), Some("JP"));
    }

    #[test]
    fn an_ipv4_file_answers_ipv6_from_the_registries() {
        let (g, r) = Geo::open(&fixture("flat.mmdb")).unwrap();
        assert!(r.ipv4_only && r.missing.is_empty(), "{r}");
        assert_eq!(g.network(a("52.192.0.1")), Some(Network { asn: 16509, org: "AMAZON".into() }), "AS16509 as text");
        assert_eq!(g.country(a("2001:200::1")).map(|c| c.to_string()).as_deref(), Some("JP"));
    }

    #[test]
    fn files_that_are_none_are_refused_in_words() {
        let wrong = |name: &str| Geo::open(&fixture(name)).map(|r| r.1).unwrap_err().message;
        assert!(wrong("truncated.mmdb").starts_with("is no whole MaxMind DB file: "), "{}", wrong("truncated.mmdb"));
        assert!(wrong("RECIPE.md").starts_with("is no whole MaxMind DB file: "));
        assert!(wrong("absent.mmdb").starts_with("cannot be read: "));
        assert_eq!(wrong("other.mmdb"), "holds neither countries nor networks in a form that spanward knows (it calls itself `Test-Other`)");
    }

    #[test]
    fn damaged_files_never_panic() {
        let good = std::fs::read(fixture("country.mmdb")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mmdb");
        for seed in 0..300u64 {
            let mut bytes = good.clone();
            for k in 0..4 {
                let r = crate::base::mix64(seed * 8 + k);
                let at = (r >> 8) as usize % bytes.len();
                bytes[at] = r as u8;
            }
            std::fs::write(&path, &bytes).unwrap();
            if let Ok((g, _)) = Geo::open(&path) {
                for s in SENTINELS {
                    let _ = (g.country(a(s)), g.network(a(s)));
                }
            }
        }
    }
}
