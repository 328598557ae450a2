//! `spanward check`: are site file, ledger, signatures and `--geoip` files valid, what was understood of them, and what will run.

mod json;

use super::{Common, Exit, Format, Stop, emit};
use crate::base::{Cidr, Lang};
use crate::detect::DETECTORS;
use crate::detect::signature::Signatures;
use crate::engine;
use crate::output::clean::clean;
use crate::output::pick;
use crate::site::{Action, Geo, LedgerReport, Role, Rule, Site, Vendor, Window, Zone, ZoneId};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use unicode_width::UnicodeWidthStr;

/// Options of `check`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  spanward check -c site.toml
  spanward check -c site.toml --signatures my-signatures --geoip asn.mmdb && spanward replay -c site.toml x.pcap
  spanward check -c site.toml --format json | jq '.detectors[] | select(.runs | not)'

Exit status: 0 valid, 2 a file is wrong.")]
pub struct Args {
    /// What standard output gets: a text to read, or one JSON object (also when something is wrong)
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Checks what the common options name.
pub(super) fn command(args: &Args, common: &Common) -> Result<Exit, Stop> {
    let check = Check {
        site: common.site.as_deref(),
        clinical: &common.clinical,
        signatures: common.signatures.as_deref(),
        geoip: &common.geoip,
        lang: common.lang,
        detectors: &readiness,
    };
    let (page, good) = match args.format {
        Format::Text => {
            let mut page = Vec::new();
            let good = run(&check, &mut page).map_err(|e| Stop::new(Exit::Output, e))?;
            (page, good)
        }
        Format::Json => json::object(&check),
    };
    emit(&page)?;
    Ok(if good { Exit::Done } else { Exit::Usage })
}

/// Asks every detector.
fn readiness(site: &Site, signatures: &Signatures, lang: Lang) -> Result<Readiness, String> {
    let blocked = engine::blocked(site, signatures).map_err(|e| e.to_string())?;
    let reason = |id: &str| blocked.iter().find(|b| b.detector == id).map(|b| pick(lang, b.en, b.ja).to_owned());
    Ok(DETECTORS.iter().map(|(id, _)| ((*id).to_owned(), reason(id).map_or(Ok(()), Err))).collect())
}

/// Which detectors run on a site: id, and why not.
pub type Readiness = Vec<(String, Result<(), String>)>;

/// What is to be checked.
pub struct Check<'a> {
    /// `--site`.
    pub site: Option<&'a Path>,
    /// `--clinical`.
    pub clinical: &'a [Cidr],
    /// `--signatures`.
    pub signatures: Option<&'a Path>,
    /// `--geoip`.
    pub geoip: &'a [PathBuf],
    /// `--lang`; absent = the site's language.
    pub lang: Option<Lang>,
    /// Asks the detectors whether they can run, or says why none could be asked; called once, when site and signatures are read.
    pub detectors: &'a dyn Fn(&Site, &Signatures, Lang) -> Result<Readiness, String>,
}

/// Writes the report. `false` if anything is wrong, so that a run with the same arguments would refuse to start.
pub fn run(check: &Check<'_>, out: &mut dyn Write) -> io::Result<bool> {
    let loaded = Site::open(check.site, check.clinical);
    let lang = check.lang.unwrap_or_else(|| loaded.as_ref().map_or(Lang::En, |s| s.lang));
    let mut page = Page { out, lang, good: true };
    let site = match loaded {
        Ok(site) => {
            page.site(&site)?;
            Some(site)
        }
        Err(e) => {
            page.wrong(&e.to_string())?;
            None
        }
    };
    let signatures = page.signatures(check.signatures)?;
    page.geo(check.geoip)?;
    if let (Some(site), Some(signatures)) = (site, signatures) {
        match (check.detectors)(&site, &signatures, lang) {
            Ok(list) => page.detectors(&list)?,
            Err(e) => page.wrong(&e)?,
        }
    }
    let end = if page.good { ("all valid", "すべて有効です") } else { ("not valid: see ✗ above", "誤りがあります(上の ✗)") };
    page.line(&format!("\n{}", page.say(end)))?;
    Ok(page.good)
}

/// The report as it is written.
struct Page<'a> {
    out: &'a mut dyn Write,
    lang: Lang,
    good: bool,
}

impl Page<'_> {
    fn say<'t>(&self, (en, ja): (&'t str, &'t str)) -> &'t str {
        match self.lang {
            Lang::En => en,
            Lang::Ja => ja,
        }
    }
    /// Names come from files: what could steer a terminal is escaped. A line break at the start is a blank line before.
    fn line(&mut self, text: &str) -> io::Result<()> {
        let (gap, text) = text.strip_prefix('\n').map_or(("", text), |rest| ("\n", rest));
        writeln!(self.out, "{gap}{}", clean(text))
    }
    fn head(&mut self, title: (&str, &str)) -> io::Result<()> {
        self.line(&format!("\n{}", self.say(title)))
    }
    fn wrong(&mut self, text: &str) -> io::Result<()> {
        self.good = false;
        self.line(&format!("✗ {text}"))
    }
    fn doubt(&mut self, text: &str) -> io::Result<()> {
        self.line(&format!("  ! {text}"))
    }

    fn site(&mut self, site: &Site) -> io::Result<()> {
        match &site.path {
            Some(path) => {
                let name = if site.name.is_empty() { "-" } else { &site.name };
                let head = self.say(("site", "サイト"));
                let days = self.say(("holidays", "休日"));
                let zone = if site.calendar.declared {
                    site.calendar.timezone.clone()
                } else {
                    self.say(("no time zone: night is unknown, times are UTC", "timezone なし（夜間の判定不可、時刻は UTC）")).to_owned()
                };
                self.line(&format!("✓ {head} {}: {name}, {}, {}, {days} {}", path.display(), site.lang, zone, site.calendar.holidays.len()))?;
            }
            None if site.declared => self.line(self.say(("✓ clinical networks from --clinical", "✓ 診療系ネットワークは --clinical の指定")))?,
            None => self.line(self.say((
                "✓ no site file: private addresses are one undeclared inside zone; what needs a declaration reports at `info`",
                "✓ サイト定義なし: プライベートアドレスを未定義の内部として扱い、定義が要る検知は info で報告します",
            )))?,
        }
        self.zones(site)?;
        self.policy(site)?;
        self.vendors(site)?;
        if let Some(report) = &site.ledger_report {
            self.ledger(site, report)?;
        }
        if !site.warnings.is_empty() {
            self.head(("Probably not meant", "確認してください"))?;
            site.warnings.iter().try_for_each(|w| self.doubt(w))?;
        }
        Ok(())
    }

    fn zones(&mut self, site: &Site) -> io::Result<()> {
        let row = |(_, z): (ZoneId, &Zone)| {
            let list = |l: Vec<String>| if l.is_empty() { "-".to_owned() } else { l.join(" ") };
            let kind = format!("{:?}", z.kind).to_lowercase();
            vec![z.name.clone(), kind, list(z.vlans.iter().map(u16::to_string).collect()), list(z.networks.iter().map(Cidr::to_string).collect())]
        };
        let rows: Vec<Vec<String>> = site.zones.iter().map(row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        self.head((
            "Zones (the longest prefix decides; a VLAN only for frames without an address of any zone)",
            "ゾーン(最長プレフィックスで決定。VLAN はどのゾーンの IP も持たないフレームのみ)",
        ))?;
        let head = [("name", "名前"), ("kind", "種別"), ("VLANs", "VLAN"), ("networks", "ネットワーク")].map(|t| self.say(t).to_owned());
        self.table([vec![head.to_vec()], rows].concat())
    }

    fn table(&mut self, rows: Vec<Vec<String>>) -> io::Result<()> {
        let rows: Vec<Vec<Cow<'_, str>>> = rows.iter().map(|r| r.iter().map(|c| clean(c)).collect()).collect();
        let columns = rows.first().map_or(0, Vec::len);
        let width = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| c.width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).map(|(c, w)| format!("{c}{}", " ".repeat(w.saturating_sub(c.width()))));
            let text = cells.collect::<Vec<_>>().join("  ");
            self.line(&format!("  {}", text.trim_end()))?;
        }
        Ok(())
    }

    fn policy(&mut self, site: &Site) -> io::Result<()> {
        self.head(("Policy (the first rule that fits decides)", "通信ポリシー(最初に当てはまる規則で決定)"))?;
        for (i, rule) in site.policy.rules.iter().enumerate() {
            let text = self.rule(site, rule);
            self.line(&format!("  {}. {text}", i + 1))?;
        }
        self.line(self.say((
            "  else: inside ↔ inside allowed; clinical, vendor → internet alert; all other internet traffic noted",
            "  上記以外: 内部 ↔ 内部は許可、clinical・vendor → internet は警告、その他の internet 通信は記録",
        )))
    }

    fn rule(&self, site: &Site, rule: &Rule) -> String {
        let name = |z: Option<ZoneId>| z.and_then(|z| site.zones.get(z)).map_or("internet", |z| z.name.as_str());
        let services = match rule.services.as_slice() {
            [] => self.say(("everything", "すべて")).to_owned(),
            some => some.iter().map(|s| s.word()).collect::<Vec<_>>().join(", "),
        };
        let action = self.say(match rule.action {
            Action::Allow => ("allowed", "許可"),
            Action::Info => ("noted", "記録"),
            Action::Alert => ("alert", "警告"),
        });
        let until = rule.expires.map(|end| {
            let day = site.calendar.local(end - crate::base::Span(1)).date();
            format!("{} {day}", self.say((", until", "、期限")))
        });
        let why = match (rule.owner.as_str(), rule.reason.as_str()) {
            ("", "") => String::new(),
            (who, why) => format!(" ({})", [who, why].iter().filter(|t| !t.is_empty()).copied().collect::<Vec<_>>().join(": ")),
        };
        format!("{} → {}: {services} {action}{}{why}", name(rule.from), name(rule.to), until.unwrap_or_default())
    }

    fn vendors(&mut self, site: &Site) -> io::Result<()> {
        if site.vendors.is_empty() {
            return Ok(());
        }
        self.head(("Suppliers", "保守業者"))?;
        site.vendors.iter().try_for_each(|v| self.vendor(site, v))
    }

    fn vendor(&mut self, site: &Site, v: &Vendor) -> io::Result<()> {
        let list = |l: &[Cidr]| l.iter().map(Cidr::to_string).collect::<Vec<_>>().join(" ");
        let windows: Vec<String> = v.windows.iter().map(|w| window(site, w)).collect();
        let windows = if windows.is_empty() { self.say(("at any time", "常時")).to_owned() } else { windows.join("; ") };
        self.line(&format!("  {}: {} → {} ({windows})", v.name, list(&v.sources), if v.hosts.is_empty() { "-".into() } else { list(&v.hosts) }))
    }

    fn ledger(&mut self, site: &Site, r: &LedgerReport) -> io::Result<()> {
        let separator = match r.separator {
            '\t' => "tab".to_owned(),
            c => format!("`{c}`"),
        };
        let head = self.say(("ledger", "台帳"));
        let rows = self.say(("rows", "行"));
        self.line(&format!("\n✓ {head} {}: {}, {separator}, {} {rows}", r.file, r.encoding, r.rows))?;
        for g in &r.columns {
            let by = self.say(match g.by {
                "site file" => ("named in the site file", "サイト定義で指定"),
                "header" => ("by its header", "見出しから"),
                _ => ("by what it holds", "内容から"),
            });
            let header = if g.header.is_empty() { String::new() } else { format!(" `{}`", g.header) };
            let column = self.say(("column", "列"));
            self.line(&format!("  {:<5} = {column} {}{header}, {by}", g.column, g.index + 1))?;
        }
        let mut roles: BTreeMap<Role, usize> = BTreeMap::new();
        site.ledger.iter().for_each(|e| *roles.entry(e.role).or_default() += 1);
        let roles: Vec<String> = roles.iter().map(|(r, n)| format!("{} {n}", r.word())).collect();
        let macs = site.ledger.iter().filter(|e| e.mac.is_some()).count();
        let used = self.say(("usable lines", "有効な登録"));
        let with = self.say(("with MAC", "うち MAC あり"));
        let refused = self.say(("unusable rows", "使えない行"));
        self.line(&format!("  {used} {}, {with} {macs}, {refused} {}: {}", site.ledger.len(), r.refused, roles.join(", ")))?;
        r.lines().iter().try_for_each(|w| self.doubt(w))
    }

    fn signatures(&mut self, dir: Option<&Path>) -> io::Result<Option<Signatures>> {
        let mut all = match Signatures::embedded() {
            Ok(all) => all,
            Err(e) => return self.wrong(&e.to_string()).map(|()| None),
        };
        let replaced = match dir.map(|d| all.replace_from(d)) {
            Some(Err(e)) => return self.wrong(&e.to_string()).map(|()| None),
            Some(Ok(ids)) => ids,
            None => Vec::new(),
        };
        let head = self.say(("signatures", "シグネチャ"));
        let what = self.say(("replaced", "置き換え"));
        let replaced = if replaced.is_empty() { String::new() } else { format!(", {what}: {}", replaced.join(", ")) };
        self.line(&format!("\n✓ {head}: {}{replaced}", all.iter().count()))?;
        Ok(Some(all))
    }

    fn geo(&mut self, files: &[PathBuf]) -> io::Result<()> {
        let mut geo = Geo::embedded();
        for file in files {
            match geo.add(file) {
                Ok(report) => self.line(&format!("✓ geoip {report}"))?,
                Err(e) => self.wrong(&e.to_string())?,
            }
        }
        Ok(())
    }

    fn detectors(&mut self, list: &Readiness) -> io::Result<()> {
        let runs: Vec<&str> = list.iter().filter(|d| d.1.is_ok()).map(|d| d.0.as_str()).collect();
        self.head(("Detectors that will run", "動作する検知"))?;
        self.line(&format!("  {}", if runs.is_empty() { "-".to_owned() } else { runs.join(" ") }))?;
        if runs.len() < list.len() {
            self.head(("Detectors that cannot run", "動作しない検知"))?;
        }
        for (id, why) in list {
            if let Err(why) = why {
                self.line(&format!("  {id}: {why}"))?;
            }
        }
        Ok(())
    }
}

/// A window in the hospital's local time.
fn window(site: &Site, w: &Window) -> String {
    let note = if w.note().is_empty() { String::new() } else { format!(" {}", w.note()) };
    match w {
        Window::Once { from, to, .. } => {
            format!("{} – {}{note}", site.calendar.local(*from).strftime("%F %H:%M"), site.calendar.local(*to).strftime("%F %H:%M"))
        }
        Window::Weekly { days, from, to, .. } => {
            let days: Vec<String> = days.iter().map(|d| format!("{d:?}").chars().take(3).collect::<String>().to_lowercase()).collect();
            format!("{} {} – {}{note}", days.join(" "), from.strftime("%H:%M"), to.strftime("%H:%M"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "[site]\nname = \"市立\u{202e}病院\"\nlanguage = \"ja\"\ntimezone = \"Asia/Tokyo\"\n\
        [zones.\"病棟\"]\nkind = \"clinical\"\nnetworks = [\"10.1.0.0/16\"]\nvlans = [10]\n\
        [zones.server]\nkind = \"server\"\nnetworks = [\"10.2.0.0/24\", \"fd00::/64\"]\n\
        [[policy]]\nfrom = \"病棟\"\nto = \"internet\"\nservices = [\"dns\", \"tls\"]\naction = \"allow\"\nowner = \"IT\"\nreason = \"r\"\nexpires = 2026-12-31\n\
        [vendors.acme]\nsources = [\"10.9.0.1\"]\nwindows = [{ from = \"2026-11-21T09:00\", to = \"2026-11-21T17:00\", note = \"CT\" }]\n\
        [ledger]\nfile = \"ledger.csv\"\n";

    fn report(dir: &Path, lang: Option<Lang>, site: &str) -> (String, bool) {
        let path = dir.join("site.toml");
        std::fs::write(&path, site).unwrap();
        let mut out = Vec::new();
        let detectors = |site: &Site, _: &Signatures, _: Lang| {
            assert!(site.declared);
            Ok(vec![("scan".to_owned(), Ok(())), ("clinical-egress".to_owned(), Err("no clinical zone declared".to_owned()))])
        };
        let check = Check { site: Some(&path), clinical: &[], signatures: None, geoip: &[], lang, detectors: &detectors };
        let good = run(&check, &mut out).unwrap();
        (String::from_utf8(out).unwrap().replace(&format!("{}/", dir.display()), ""), good)
    }

    #[test]
    fn a_valid_site_is_told_in_words() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ledger.csv"), "mac,ip,役割\n00:00:0e:00:00:01,10.2.0.1,サーバ\nx,,\n").unwrap();
        let (text, good) = report(dir.path(), Some(Lang::En), SITE);
        assert!(good, "{text}");
        for line in [
            "✓ site site.toml: 市立\\u{202e}病院, ja, Asia/Tokyo, holidays 0",
            "  name    kind      VLANs  networks",
            "  病棟    clinical  10     10.1.0.0/16",
            "  server  server    -      10.2.0.0/24 fd00::/64",
            "  1. 病棟 → internet: dns, tls allowed, until 2026-12-31 (IT: r)",
            "  acme: 10.9.0.1/32 → - (2026-11-21 09:00 – 2026-11-21 17:00 CT)",
            "✓ ledger ledger.csv: UTF-8, `,`, 2 rows",
            "  role  = column 3 `役割`, by its header",
            "  usable lines 1, with MAC 1, unusable rows 1: server 1",
            "  ! ledger.csv:3: `x` is no MAC address",
            "  scan",
            "  clinical-egress: no clinical zone declared",
            "all valid",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n--- in\n{text}");
        }
        let (text, _) = report(dir.path(), None, SITE);
        assert!(text.contains("動作しない検知") && text.ends_with("すべて有効です\n"), "{text}");
    }

    #[test]
    fn what_is_wrong_is_said_and_the_rest_is_checked() {
        let dir = tempfile::tempdir().unwrap();
        let (text, good) = report(dir.path(), None, "[zonse]\n");
        assert!(!good);
        assert!(text.starts_with("✗ site.toml:1:2: unknown key `zonse` in the file; did you mean `zones`?\n"), "{text}");
        assert!(text.contains("✓ signatures: ") && text.ends_with("not valid: see ✗ above\n"), "{text}");
    }
}
