//! Findings become incidents: one story, its path, its score, its words.
use super::*;
use crate::assets::Assets;
use crate::base::{Lang, Outcome, Service, Severity, Span};
use crate::detect::testing::{a, arp, at, contact, ended, flow, hospital, mac_of, record, session, smb_session_as};
use crate::detect::{Finding, Subject};
use crate::event::{Coverage, Event, Shape};
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
    fn see(&mut self, mut events: Vec<Event>) {
        events.sort_by_key(|e| e.ts);
        for e in &events {
            self.assets.update(e);
        }
    }
    fn outlook(&self, n: usize) -> Outlook {
        let of = |around: &Around| Outlook::of(&self.book.incidents()[n], &self.site, &self.assets, around);
        let all = of(&Around::of(&self.assets, &self.book));
        assert_eq!(all, of(&Around::about(&self.assets, &self.book, [&self.book.incidents()[n]])), "what one incident needs is in both");
        all
    }
    fn admit(&mut self, f: Finding) -> Admitted {
        let at = self.book.admit(f, &self.site, &self.assets, &Coverage::default());
        self.book.settle(&self.site, &self.assets);
        at
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
    let Admitted::Revised(i) = d.admit(finding("dark-contact", 0.0, "10.10.10.12", &[], Severity::Low)) else { panic!() };
    assert!(d.book.findings()[i].rev == 2 && d.book.findings()[i].incident == "I0001");
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
        assert!(i.next(&Outlook::default(), lang)[0].contains("10.10.40.10") && i.next(&Outlook::default(), lang).len() >= 4);
        assert!(i.next(&Outlook::default(), lang).iter().any(|s| s.contains("HOSP\\admin")));
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
    assert_eq!((d.book.findings().len(), d.book.incidents().len(), d.book.held().map(|t| t.2)), (3_000, 1_500, [0; 4]));
}

/// A flow that was used: an answered opening, data both ways, its end.
fn used(ts: f64, from: &str, to: &str, port: u16) -> Vec<Event> {
    let f = flow(at(ts), from, to, port);
    vec![contact(at(ts), f, Outcome::Answered, Shape::Syn), ended(record(f, at(ts + 2.0), [900, 4_000]))]
}

#[test]
fn a_card_tells_who_works_with_a_host_and_what_is_next() {
    let mut d = Desk::new();
    let mut ev: Vec<Event> = (11..17).flat_map(|n| used(f64::from(n), &format!("10.10.10.{n}"), "10.10.20.10", 1433)).collect();
    ev.extend(used(30.0, "10.10.30.11", "10.10.20.10", 443));
    // A search for open ports makes nobody a user.
    ev.push(contact(at(31.0), flow(at(31.0), "10.10.30.12", "10.10.20.10", 443), Outcome::Answered, Shape::Syn));
    ev.extend(session(at(40.0), "10.10.20.10", "10.10.20.20", 3389, 30));
    ev.extend(used(41.0, "10.10.10.13", "10.10.20.10", 445));
    // The intruder's account is known to another server too.
    ev.extend(smb_session_as(at(42.0), "10.10.30.11", "10.10.20.5", &["netlogon"], "HOSP\\admin"));
    d.see(ev);
    d.admit(path(50.0, &["10.10.40.10", "10.10.20.10", "10.10.10.13"]));
    let o = d.outlook(0);
    let card = o.card("10.10.20.10").unwrap();
    assert_eq!(card.users, (6, 5), "the terminal of the story is nobody to be asked");
    let served: Vec<_> = card.serves.iter().map(|s| (s.service, s.port, s.users, s.clinical)).collect();
    assert_eq!(served, [(Service::Sql, 1433, 5, 5), (Service::Tls, 443, 1, 0)]);
    assert_eq!(o.next.iter().map(|n| n.host).collect::<Vec<_>>(), [a("10.10.20.5"), a("10.10.20.20")]);
    assert_eq!(o.next[0].why, [Why::Account("HOSP\\admin".into())]);
    assert_eq!(o.next[1].why, [Why::Reached { via: Service::Rdp, from: vec![a("10.10.20.10")], ts: at(40.0) }]);
    for lang in [Lang::En, Lang::Ja] {
        assert!(card.words(lang).contains("1433") && card.words(lang).contains('6'), "{}", card.words(lang));
        assert!(o.next[0].why[0].words(lang).contains("admin") && o.next[1].why[0].words(lang).contains("10.10.20.10"));
        assert!(d.book.incidents()[0].next(&o, lang).iter().any(|s| s.contains("10.10.20.20")), "what may be next is a step");
    }
    assert!(o.card("10.10.10.13").unwrap().words(Lang::En).contains("nobody"));
}

#[test]
fn the_origin_is_what_came_in_before_it_began() {
    // It begins at this time.
    const T: f64 = 200_000.0;
    let origin = |before: Vec<Event>| {
        let mut d = Desk::new();
        // Watched for two hours: the first frame that was seen.
        let mut ev = vec![arp(at(T - 7_200.0), 1, "10.10.10.11", "10.10.10.1")];
        ev.extend(before);
        d.see(ev);
        d.admit(finding("scan", T, "10.10.20.20", &["10.10.10.1"], Severity::Medium));
        let i = &d.book.incidents()[0];
        (i.origin, i.clues.clone())
    };
    let came = |from: &str, hours: f64| session(at(T - 3_600.0 * hours), from, "10.10.20.20", 3389, 60);
    let (word, clues) = origin(vec![]);
    assert_eq!(word, "local");
    assert!(matches!(clues[..], [Clue::Nobody(watched)] if watched >= Span::hours(1)), "{clues:?}");
    let (word, clues) = origin(came("10.10.40.10", 1.0));
    assert_eq!(word, "supplier");
    assert!(matches!(clues[..], [Clue::Came { from, via: Service::Rdp, expected: false, .. }] if from == a("10.10.40.10")), "{clues:?}");
    assert_eq!(origin(came("203.0.113.9", 1.0)).0, "internet");
    assert_eq!(origin(came("10.10.30.11", 1.0)).0, "unknown", "a colleague came in: nobody can tell");
    let (word, clues) = origin(came("10.10.20.5", 1.0));
    assert_eq!(word, "local", "to administer others is that host's task");
    assert!(matches!(clues[..], [Clue::Nobody(_), Clue::Came { expected: true, .. }]), "{clues:?}");
    for lang in [Lang::En, Lang::Ja] {
        assert!(clues.iter().all(|c| !c.words(lang).is_empty()) && clues[1].words(lang).contains("10.10.20.5"));
    }
    assert_eq!(origin(came("10.10.40.10", 30.0)).0, "local", "a day is over");
}

#[test]
fn stages_and_accounts_stand_with_their_first_evidence() {
    let mut d = Desk::new();
    let mut guess = finding("password-guessing", 0.0, "10.10.40.10", &["10.10.20.20"], Severity::High);
    guess.user = Some("HOSP\\vendor".into());
    d.admit(guess);
    d.admit(finding("scan", 3.0, "10.10.20.20", &[], Severity::Medium));
    d.admit(path(5.0, &["10.10.20.20", "10.10.20.10", "10.10.10.13"]));
    let i = &d.book.incidents()[0];
    assert_eq!(
        i.stages.iter().map(|(s, ts)| (*s, *ts)).collect::<Vec<_>>(),
        [(Stage::Recon, at(3.0)), (Stage::Privilege, at(0.0)), (Stage::Spread, at(5.0))]
    );
    let mut lost = finding("ransomware-smb", 9.0, "10.10.20.20", &["10.10.20.10"], Severity::Critical);
    lost.set("files_lost", 12);
    d.admit(lost);
    let i = &d.book.incidents()[0];
    assert!([Lang::En, Lang::Ja].iter().all(|l| i.summary(*l).contains("12")));
    assert_eq!(i.accounts, [("HOSP\\vendor".to_owned(), at(0.0)), ("HOSP\\admin".to_owned(), at(5.0))]);
    assert_eq!(i.path.iter().map(|h| h.after).collect::<Vec<_>>(), [None, Some(0)]);
}

/// The book on paper and back, as a store does it.
fn reopened(d: &Desk) -> Book {
    let pages = d.book.pages();
    let text = |s: &Story| serde_json::to_string(s).unwrap();
    let stories = pages.stories.iter().map(|s| serde_json::from_str(&text(s)).unwrap()).collect();
    let findings = pages.findings.iter().map(|k| serde_json::from_str(&serde_json::to_string(k).unwrap()).unwrap()).collect();
    let mut book = Book::restore(Pages { findings, stories, numbers: pages.numbers });
    let detectors: Vec<&str> = crate::detect::DETECTORS.iter().map(|d| d.0).collect();
    assert_eq!(book.resume(&detectors).len(), d.book.findings().len());
    book
}

#[test]
fn a_book_that_was_closed_and_opened_goes_on_where_it_was() {
    let mut d = Desk::new();
    d.admit(finding("password-guessing", 0.0, "10.10.40.10", &["10.10.20.20"], Severity::Medium));
    d.admit(path(5.0, &["10.10.40.10", "10.10.20.20", "10.10.20.10"]));
    d.admit(finding("scan", 10.0, "10.10.30.30", &["10.10.30.1"], Severity::High));
    let (findings, incidents) = (d.book.findings().to_vec(), d.book.incidents().to_vec());
    d.book = reopened(&d);
    assert_eq!((d.book.findings(), d.book.incidents()), (&findings[..], &incidents[..]));
    // Said again, word for word: nothing is told.
    assert!(matches!(d.admit(path(5.0, &["10.10.40.10", "10.10.20.20", "10.10.20.10"])), Admitted::Same(1)));
    assert_eq!(d.book.findings()[1].rev, findings[1].rev);
    // The story goes on with less than was known before: nothing is lost, and the id stays.
    let mut more = finding("scan", 500.0, "10.10.30.30", &["10.10.30.9"], Severity::Medium);
    more.story.clone_from(&findings[2].finding.story);
    assert!(matches!(d.admit(more), Admitted::Revised(2)));
    let k = &d.book.findings()[2];
    assert_eq!((k.id.as_str(), k.rev, k.finding.severity, k.finding.resp.len()), ("F000003", 2, Severity::High, 2));
    assert_eq!((k.finding.first_ts, k.incident.as_str()), (at(10.0), "I0002"));
    // What is new gets the next numbers, and joins the incident of before.
    assert!(matches!(d.admit(finding("ransomware-smb", 60.0, "10.10.20.10", &["10.10.20.30"], Severity::Critical)), Admitted::New(3)));
    assert_eq!((d.book.findings()[3].id.as_str(), d.book.findings()[3].incident.as_str()), ("F000004", "I0001"));
    d.admit(finding("scan", 70.0, "10.10.60.1", &["10.10.60.2"], Severity::Medium));
    assert_eq!(d.book.incidents().last().unwrap().id, "I0003");
    assert_eq!(d.book.incidents()[0].path.len(), 2);
}

#[test]
fn numbers_are_given_once_even_when_their_findings_are_gone() {
    let mut d = Desk::new();
    d.book = Book::restore(Pages { numbers: (41, 7), ..Pages::default() });
    d.admit(finding("scan", 0.0, "10.10.30.30", &["10.10.30.1"], Severity::High));
    assert_eq!((d.book.findings()[0].id.as_str(), d.book.incidents()[0].id.as_str()), ("F000042", "I0008"));
    let mut pages = d.book.pages();
    pages.findings[0].id = "Fnone".into();
    pages.stories[0].incident.id = String::new();
    let book = Book::restore(pages);
    assert_eq!((book.findings().len(), book.incidents().len()), (0, 0), "an id that is none of ours");
}

#[test]
fn what_is_muted_is_kept_opens_no_incident_and_speaks_when_the_mute_is_over() {
    let mut d = Desk::new();
    let fits = Fits { detector: Some("scan".into()), ..Fits::default() };
    assert!(d.book.mutes.add(Mute { number: 5, fits, until: at(100.0) }));
    d.admit(finding("scan", 0.0, "10.10.30.30", &["10.10.30.1"], Severity::High));
    d.admit(finding("dark-contact", 0.0, "10.10.60.1", &["10.10.30.1"], Severity::High));
    assert_eq!((d.book.findings()[0].muted, d.book.findings()[1].muted, d.book.incidents().len(), d.book.mutes.hidden()), (5, 0, 1, 1));
    d.admit(finding("scan", 101.0, "10.10.30.30", &["10.10.30.1"], Severity::High));
    assert_eq!((d.book.findings()[0].muted, d.book.findings()[0].rev, d.book.findings()[0].incident.as_str()), (0, 2, "I0002"));
}

#[test]
fn an_incident_is_over_after_a_day_or_when_a_person_says_so_until_it_goes_on() {
    let mut d = Desk::new();
    d.admit(finding("scan", 0.0, "10.10.30.30", &["10.10.30.1"], Severity::Medium));
    assert!(!d.book.is_tense(at(1.0)), "not serious enough");
    d.admit(finding("ransomware-smb", 5.0, "10.10.30.30", &["10.10.20.30"], Severity::Critical));
    assert!(d.book.is_tense(at(6.0)) && !d.book.is_tense(at(5.0) + Span::hours(24)));
    assert!(d.book.close("I0001", Some(at(60.0))) && !d.book.close("I0009", None));
    assert!(!d.book.is_tense(at(61.0)));
    d.book = reopened(&d);
    assert!(!d.book.is_tense(at(61.0)), "closed stays closed");
    d.admit(finding("backup-attack", 300.0, "10.10.30.30", &["10.10.20.30"], Severity::High));
    assert!(d.book.is_tense(at(301.0)), "it goes on");
}

#[test]
fn a_book_that_is_full_of_what_is_over_still_opens_incidents() {
    let mut d = Desk::new();
    let day = 86_400.0;
    for n in 0..10_050u32 {
        let orig = format!("10.{}.{}.{}", 100 + n / 62_500, n / 250 % 250, n % 250 + 1);
        let mut f = finding("scan", f64::from(n) * 60.0, &orig, &[], Severity::Medium);
        f.set("n", n);
        d.book.admit(f, &d.site, &d.assets, &Coverage::default());
    }
    d.book.settle(&d.site, &d.assets);
    let [_, (_, held, gone), (_, names, _), _] = d.book.held();
    assert!(held <= 10_000 && gone == 100 && names == held, "{held} {gone} {names}");
    assert_eq!(d.book.incidents().last().unwrap().id, "I10050");
    // Who was in one that has left opens another; nothing refers to what is gone.
    d.admit(finding("smb-fanout", 10_060.0 * 60.0 + day, "10.100.0.1", &["10.10.10.11"], Severity::High));
    assert_eq!(d.book.incidents().last().unwrap().id, "I10051");
}
