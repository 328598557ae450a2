//! Findings become incidents: one story, its path, its score, its words.
use super::*;
use crate::assets::Assets;
use crate::base::{Lang, Outcome, Service, Severity, Span};
use crate::detect::testing::{a, at, hospital, mac_of};
use crate::detect::{Finding, Subject};
use crate::event::Coverage;
use crate::site::Site;
use std::sync::Arc;

struct Desk {
    site: Arc<Site>,
    assets: Assets,
    book: Book,
}

impl Desk {
    fn new() -> Desk {
        let site = Arc::new(hospital());
        Desk { assets: Assets::new(site.clone()), site, book: Book::default() }
    }
    fn admit(&mut self, f: Finding) -> (usize, bool) {
        self.book.admit(f, &self.site, &self.assets, &Coverage::default())
    }
}

fn finding(detector: &'static str, ts: f64, orig: &str, resp: &[&str], severity: Severity) -> Finding {
    let mut f = Finding::new(detector, format!("{orig}>{resp:?}"), at(ts), severity, Subject::addr(a(orig)));
    f.outcome = Outcome::Succeeded;
    for r in resp {
        f.add_resp(a(r));
    }
    f
}

fn path(ts: f64, hosts: &[&str]) -> Finding {
    let mut f = finding("spread-path", ts, hosts[0], &hosts[1..], Severity::High);
    let step =
        |(i, w): (usize, &[&str])| crate::detect::hop(at(ts + i as f64), a(w[0]), a(w[1]), Service::Rdp, Some("HOSP\\admin"), Outcome::Succeeded);
    let hops: Vec<_> = hosts.windows(2).enumerate().map(step).collect();
    f.set("path", hops);
    f
}

#[test]
fn one_story_from_guess_to_upload_is_one_critical_incident() {
    let mut d = Desk::new();
    d.admit(finding("password-guessing", 0.0, "10.10.40.10", &["10.10.20.20"], Severity::Medium));
    d.admit(finding("scan", 10.0, "10.10.20.20", &["10.10.10.1", "10.10.10.2"], Severity::Medium));
    let mut fan = finding("smb-fanout", 12.0, "10.10.20.20", &["10.10.10.11", "10.10.10.13"], Severity::High);
    let hop = |to: &str| crate::detect::hop(at(12.0), a("10.10.20.20"), a(to), Service::Smb, None, Outcome::Succeeded);
    fan.set("hops", vec![hop("10.10.10.11"), hop("10.10.10.13")]);
    d.admit(fan);
    d.admit(finding("clinical-egress", 20.0, "10.10.10.13", &["198.51.100.20"], Severity::High));
    d.admit(finding("clinical-egress", 30.0, "10.10.10.17", &["198.51.100.20"], Severity::High));
    let all = d.book.incidents();
    assert_eq!(all.len(), 2, "a stranger to the story opens its own");
    let i = &all[0];
    assert_eq!((i.severity, i.stage, i.patient_zero.as_str(), i.origin), (Severity::Critical, Stage::Staging, "10.10.40.10", "supplier"));
    assert_eq!((i.findings.len(), i.path.len()), (4, 2));
    assert!(!i.hosts.contains(&"10.10.10.1".to_owned()), "a scanned address is no host of the story");
    assert!(d.book.findings().iter().take(4).all(|k| k.incident == "I0001"));
}

#[test]
fn a_finding_that_connects_two_incidents_folds_the_younger() {
    let mut d = Desk::new();
    d.admit(finding("scan", 0.0, "10.10.30.11", &[], Severity::Medium));
    d.admit(finding("clinical-egress", 5.0, "10.10.10.13", &[], Severity::High));
    assert_eq!(d.book.incidents().len(), 2);
    d.admit(path(6.0, &["10.10.30.11", "10.10.20.20", "10.10.10.13"]));
    assert_eq!(d.book.incidents().len(), 1);
    let i = &d.book.incidents()[0];
    assert_eq!((i.id.as_str(), i.findings.len(), i.path.len(), i.origin), ("I0001", 3, 2, "local"));
    assert!(d.book.findings().iter().all(|k| k.incident == "I0001"));
    d.admit(finding("scan", 7.0, "10.10.30.12", &[], Severity::Medium));
    assert_eq!(d.book.incidents()[1].id, "I0003", "ids are not used twice");
}

#[test]
fn low_findings_join_but_do_not_open_and_a_day_apart_is_another_story() {
    let mut d = Desk::new();
    d.admit(finding("dark-contact", 0.0, "10.10.10.12", &[], Severity::Low));
    assert!(d.book.incidents().is_empty());
    d.admit(finding("scan", 1.0, "10.10.10.12", &[], Severity::Medium));
    let (i, new) = d.admit(finding("dark-contact", 0.0, "10.10.10.12", &[], Severity::Low));
    assert!(!new && d.book.findings()[i].rev == 2 && d.book.findings()[i].incident == "I0001");
    let mut late = finding("smb-fanout", 2.0, "10.10.10.12", &["10.10.10.11"], Severity::High);
    late.first_ts = at(1.0) + Span::hours(30);
    late.last_ts = late.first_ts;
    d.admit(late);
    assert_eq!(d.book.incidents().len(), 2);
}

#[test]
fn an_unlisted_device_is_the_origin_by_whatever_name() {
    let mut d = Desk::new();
    let both = Subject::both(a("10.10.10.78"), mac_of(a("10.10.10.78")));
    d.admit(Finding::new("unknown-device", "x".into(), at(0.0), Severity::High, both));
    d.admit(finding("scan", 1.0, "10.10.10.78", &[], Severity::Medium));
    let i = &d.book.incidents()[0];
    assert_eq!((d.book.incidents().len(), i.origin, i.patient_zero.as_str(), i.hosts.len()), (1, "unlisted-device", "10.10.10.78", 1));
}

#[test]
fn words_in_both_languages_name_the_first_host() {
    let mut d = Desk::new();
    d.admit(path(0.0, &["10.10.40.10", "10.10.20.20", "10.10.20.10", "10.10.10.13"]));
    let i = &d.book.incidents()[0];
    for lang in [Lang::En, Lang::Ja] {
        assert!(i.summary(lang).contains("10.10.40.10") && i.summary(lang).contains("10.10.10.13"));
        assert!(i.next(lang)[0].contains("10.10.40.10") && i.next(lang).len() >= 4);
        assert!(i.next(lang).iter().any(|s| s.contains("HOSP\\admin")));
    }
    assert!(i.summary(Lang::Ja).contains("業者の回線"));
}

#[test]
fn many_stories_stay_bounded_and_linking_is_quick() {
    let mut d = Desk::new();
    for n in 0..3_000u32 {
        let orig = format!("10.{}.{}.{}", 20 + n / 60_000, n / 250 % 250, n % 250);
        d.admit(finding("scan", f64::from(n), &orig, &[], if n % 2 == 0 { Severity::Info } else { Severity::Medium }));
    }
    assert_eq!((d.book.findings().len(), d.book.incidents().len(), d.book.evicted()), (3_000, 1_500, (0, 0)));
}
