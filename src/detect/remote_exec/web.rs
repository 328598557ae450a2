//! WS-Management ([MS-WSMV]) as HTTP shows it: a logon that passed and requests to `/wsman` behind it. What they say is encrypted. Subscriptions to
//! events are what every host of a collector does.

use crate::base::Outcome;
use crate::bounded::BoundedMap;
use crate::event::FlowInfo;
use crate::protocols::Message;
use crate::protocols::http::Auth;

/// Requests behind a logon that make it work: one alone asks who is there (Identify).
const WORK: u32 = 3;

/// One connection to a `/wsman`.
#[derive(Clone, Debug, Default)]
struct Session {
    requests: u32,
    target: String,
    passed: bool,
    told: bool,
}

/// All of them; the longest untouched leaves.
#[derive(Debug)]
pub(super) struct Sessions(BoundedMap<u64, Session>);

impl Sessions {
    pub(super) fn new(cap: usize) -> Sessions {
        Sessions(BoundedMap::new(cap))
    }
    pub(super) fn held(&self) -> (usize, u64) {
        (self.0.len(), self.0.evicted())
    }
    pub(super) fn ended(&mut self, uid: u64) {
        self.0.remove(&uid);
    }
    /// What a message makes of its connection: a session that is worked in, or a logon that was refused; told once.
    pub(super) fn update(&mut self, flow: &FlowInfo, message: &Message) -> Option<(Outcome, String)> {
        match message {
            Message::Http(r) if is_work(&r.method, &r.target) => {
                let s = self.0.entry(flow.uid, Session::default);
                s.requests = s.requests.saturating_add(1);
                s.target = r.target.chars().take(64).collect();
            }
            Message::HttpAuth(a) => {
                let Auth::Answered { status } = a.as_ref() else { return None };
                let s = self.0.touch(&flow.uid)?;
                match status {
                    200..=299 => s.passed = true,
                    401 | 403 if !s.passed && !s.told => {
                        s.told = true;
                        return Some((Outcome::Refused, s.target.clone()));
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
        let s = self.0.get_mut(&flow.uid)?;
        (s.passed && s.requests >= WORK && !std::mem::replace(&mut s.told, true)).then(|| (Outcome::Succeeded, s.target.clone()))
    }
}

/// A request that may carry work: not one of event forwarding.
fn is_work(method: &str, target: &str) -> bool {
    let path = target.to_ascii_lowercase();
    method == "POST" && path.starts_with("/wsman") && !path.starts_with("/wsman/subscription")
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::*;
    use super::*;
    use crate::protocols::http::Request;

    fn post(target: &str) -> Message {
        let r = Request { method: "POST".into(), host: None, target: target.into(), user_agent: None, proxied: false };
        Message::Http(Box::new(r))
    }

    #[test]
    fn a_logon_that_passed_and_requests_behind_it_are_work_once() {
        let (mut s, f) = (Sessions::new(4), flow(at(0.0), "10.0.0.5", "10.0.0.9", 5985));
        let answer = |status| Message::HttpAuth(Box::new(Auth::Answered { status }));
        assert_eq!(s.update(&f, &post("/wsman?PSVersion=5.1")), None);
        assert_eq!(s.update(&f, &answer(200)), None);
        assert_eq!(s.update(&f, &post("/wsman?PSVersion=5.1")), None);
        assert_eq!(s.update(&f, &post("/wsman?PSVersion=5.1")).map(|w| w.0), Some(Outcome::Succeeded));
        assert_eq!(s.update(&f, &post("/wsman?PSVersion=5.1")), None, "told");
        s.ended(f.uid);
        assert_eq!((s.held().0, s.update(&f, &answer(401))), (0, None), "no request to judge");
        s.update(&f, &post("/wsman"));
        assert_eq!(s.update(&f, &answer(401)).map(|w| w.0), Some(Outcome::Refused));
    }

    #[test]
    fn event_forwarding_and_web_pages_are_none() {
        let (mut s, f) = (Sessions::new(4), flow(at(0.0), "10.0.0.5", "10.0.0.9", 5985));
        for target in ["/wsman/SubscriptionManager/WEC", "/wsman/subscriptions/91F-3/1", "/index.html"] {
            (0..5).for_each(|_| assert_eq!(s.update(&f, &post(target)), None));
        }
        assert_eq!(s.held().0, 0);
    }
}
