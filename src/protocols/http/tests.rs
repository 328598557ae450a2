//! Heads in every split and state of repair; logons inside.
use super::*;
use crate::protocols::kerberos::tests::{ap_req, gss};
use crate::protocols::ntlmssp::tests::{authenticate_message, challenge_message, negotiate_message};
use crate::protocols::stream::tests::{probe_of, read_split};
use proptest::prelude::*;

const GET: &[u8] = b"GET /emr/patients?id=1 HTTP/1.1\r\nHost: intranet.hosp.local\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0)\r\n\r\n";
const POST: &[u8] = b"POST /a HTTP/1.1\r\nhost: h\r\nContent-Length: 33\r\n\r\nGET /not/a/request HTTP/1.1\r\n\r\n..";
const CHUNKED: &[u8] = b"PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";

fn requests(bytes: &[u8], cuts: &[usize]) -> Vec<Request> {
    let (got, _) = read_split(Requests::new(), Side::Orig, bytes, cuts);
    got.into_iter().map(|m| if let Message::Http(r) = m { *r } else { panic!("{m:?}") }).collect()
}

#[test]
fn heads_of_a_kept_alive_flow() {
    let got = requests(&[POST, b"\r\n", GET, CHUNKED, GET].concat(), &[]);
    let targets: Vec<_> = got.iter().map(|r| r.target.as_str()).collect();
    assert_eq!(targets, ["/a", "/emr/patients?id=1", "/b", "/emr/patients?id=1"]);
    assert_eq!(got[1].host.as_deref(), Some("intranet.hosp.local"));
    assert_eq!(got[1].user_agent.as_deref(), Some("Mozilla/5.0 (Windows NT 10.0)"));
    assert!(!got[1].proxied);
}

#[test]
fn proxies() {
    let got = requests(b"GET http://u:p@updates.example:8080/x HTTP/1.0\r\nHost: other\r\n\r\n", &[]);
    assert_eq!((got[0].host.as_deref(), got[0].proxied), (Some("updates.example:8080"), true));
    let mut p = Requests::new();
    let mut out = Vec::new();
    p.data(Side::Orig, Timestamp(0), b"CONNECT relay.example:443 HTTP/1.1\r\n\r\n\x16\x03\x01", &mut out);
    p.data(Side::Resp, Timestamp(0), b"HTTP/1.1 200 OK\r\n\r\n", &mut out);
    assert!(p.done() && p.held() == 0);
    assert!(matches!(&out[0], Message::Http(r) if r.method == "CONNECT" && r.host.as_deref() == Some("relay.example:443") && r.proxied));
    assert_eq!(requests(b"GET /?u=http://a/ HTTP/1.1\r\nHost: h\r\n\r\n", &[])[0].host.as_deref(), Some("h"));
}

#[test]
fn long_heads_and_many_requests() {
    let long = [b"GET /long HTTP/1.1\r\nHost: h\r\nX: ".as_slice(), &[b'x'; 20_000], b"\r\n\r\n", GET].concat();
    let got = requests(&long, &[]);
    assert_eq!((got[0].target.as_str(), got[0].host.as_deref(), got[1].target.as_str()), ("/long", Some("h"), "/emr/patients?id=1"));
    assert_eq!(requests(&GET.repeat(100), &[]).len(), REQUESTS as usize);
}

#[test]
fn a_hole_costs_only_what_it_hides() {
    let mut p = Requests::new();
    let mut out = Vec::new();
    p.data(Side::Orig, Timestamp(0), &GET[..30], &mut out);
    p.gap(Side::Orig, 50);
    p.data(Side::Orig, Timestamp(0), &GET[80..], &mut out);
    p.data(Side::Orig, Timestamp(0), GET, &mut out);
    assert_eq!(out.len(), 1);
    p.data(Side::Orig, Timestamp(0), &POST[..60], &mut out);
    p.gap(Side::Orig, (POST.len() - 60) as u64);
    p.data(Side::Orig, Timestamp(0), GET, &mut out);
    assert_eq!(out.len(), 3);
}

#[test]
fn probes_by_content() {
    for (payload, verdict) in [
        (GET, Verdict::Certain),
        (b"HTTP/1.1 200 OK\r\n", Verdict::Certain),
        (b"GET /half", Verdict::Unsure),
        (b"GE", Verdict::NotForUs),
        (b"OPTIONS rtsp://cam/ RTSP/1.0\r\n", Verdict::NotForUs),
        (b"OPTIONS sip:a@b SIP/2.0\r\n", Verdict::NotForUs),
        (b"GET \x00\x01\x02\r\n", Verdict::NotForUs),
        (b"\x16\x03\x01", Verdict::NotForUs),
        (b"", Verdict::NotForUs),
    ] {
        assert_eq!(probe_of(probe, payload, 8080), verdict, "{payload:?}");
    }
}

proptest! {
    #[test]
    fn any_split(cuts in prop::collection::vec(0usize..400, 0..8)) {
        let bytes = [POST, GET, b"\r\n", POST, GET].concat();
        prop_assert_eq!(requests(&bytes, &cuts), requests(&bytes, &[]));
    }
    #[test]
    fn any_bytes(mut bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' '), Just(b'G')], 0..300), cuts in prop::collection::vec(0usize..300, 0..8)) {
        bytes.splice(0..0, GET[..bytes.len().min(40)].iter().copied());
        let (_, held) = read_split(Requests::new(), Side::Orig, &bytes, &cuts);
        prop_assert!(held <= 4 * HEAD);
    }
}

fn base64(b: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(b)
}

fn ask(token: &str) -> Vec<u8> {
    format!("POST /wsman HTTP/1.1\r\nHost: emr:5985\r\n{token}Content-Length: 4\r\n\r\nbody").into_bytes()
}

fn say(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nServer: Microsoft-HTTPAPI/2.0\r\n{headers}\r\n").into_bytes()
}

/// What a conversation of requests and answers yields besides the requests.
fn logons(turns: &[(Side, Vec<u8>)]) -> (Vec<Auth>, Requests) {
    let (mut p, mut out) = (Requests::new(), Vec::new());
    for (side, bytes) in turns {
        p.data(*side, Timestamp(0), bytes, &mut out);
    }
    (out.into_iter().filter_map(|m| if let Message::HttpAuth(a) = m { Some(*a) } else { None }).collect(), p)
}

/// A whole logon: refused, negotiate, challenge, authenticate, and the answer.
fn logon(scheme: &str, wrap: &[u8], last: &str) -> Vec<(Side, Vec<u8>)> {
    let token = |m: Vec<u8>| format!("{scheme} {}\r\n", base64(&[wrap, &m].concat()));
    vec![
        (Side::Orig, ask("")),
        (
            Side::Resp,
            [say("401 Unauthorized", "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Length: 3\r\n"), b"no!".to_vec()].concat(),
        ),
        (Side::Orig, ask(&format!("authorization: {}", token(negotiate_message())))),
        (
            Side::Resp,
            say("401 Unauthorized", &format!("WWW-Authenticate: {}Content-Length: 0\r\n", token(challenge_message("HOSP", "EMR", "emr.hosp.local")))),
        ),
        (Side::Orig, ask(&format!("Authorization: {}", token(authenticate_message("HOSP", "受付", "TERM2"))))),
        (Side::Resp, say(last, "Content-Length: 9999\r\n")),
    ]
}

#[test]
fn a_logon_with_ntlm_bare_and_in_spnego() {
    for (scheme, wrap, last, status) in [("NTLM", &b""[..], "200 OK", 200), ("negotiate", b"\xa1\x82\x02\x01\x30", "401 Unauthorized", 401)] {
        let (got, p) = logons(&logon(scheme, wrap, last));
        let [Auth::Ntlm(hello), Auth::Ntlm(challenge), Auth::Ntlm(claim), Auth::Answered { status: s }] = &got[..] else { panic!("{got:?}") };
        assert_eq!((hello.kind, challenge.challenge, challenge.server_dns.as_deref()), (1, Some([1, 2, 3, 4, 5, 6, 7, 8]), Some("emr.hosp.local")));
        assert_eq!((claim.user.as_deref(), claim.domain.as_deref(), claim.workstation.as_deref()), (Some("受付"), Some("HOSP"), Some("TERM2")));
        assert_eq!(*s, status);
        // Once logged on, answers are no longer read.
        assert_eq!(p.sides[1].0.stopped(), status == 200);
    }
}

#[test]
fn a_logon_at_a_proxy_and_one_with_kerberos() {
    let claim = base64(&authenticate_message("HOSP", "doctor", "TERM2"));
    let (got, _) = logons(&[(Side::Orig, format!("CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: NTLM {claim}\r\n\r\n").into_bytes())]);
    assert!(matches!(&got[..], [Auth::Ntlm(n)] if n.user.as_deref() == Some("doctor")));
    let ap_req = [&[0x60, 0x82][..], &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00], b"\x6e\x82"].concat();
    // A ticket longer than what is held of a head: told all the same.
    for size in [100, 20_000] {
        let ticket = base64(&[&ap_req[..], &vec![7; size]].concat());
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Negotiate {ticket}\r\n\r\n").into_bytes();
        let (got, _) = logons(&[(Side::Orig, request), (Side::Resp, say("403 Forbidden", ""))]);
        assert_eq!(got, [Auth::Kerberos, Auth::Answered { status: 403 }], "{size}");
    }
}

#[test]
fn a_ticket_in_a_head_is_read() {
    let shown = |size: usize| {
        let ticket = base64(&gss(&ap_req(&["HTTP", "emr"], &vec![9; size])));
        let (mut p, mut out) = (Requests::new(), Vec::new());
        p.data(Side::Orig, Timestamp(1), format!("POST /wsman HTTP/1.1\r\nAuthorization: Kerberos {ticket}\r\n\r\n").as_bytes(), &mut out);
        out
    };
    let out = shown(900);
    let Some(Message::Kerberos(k)) = out.last() else { panic!("{out:?}") };
    assert_eq!((k.kind, k.service.as_deref(), k.ticket.is_some()), (14, Some("HTTP/emr"), true));
    // One that is longer than what is held of a head is shown, but not read.
    assert!(matches!(shown(9_000).last(), Some(Message::HttpAuth(a)) if **a == Auth::Kerberos));
}

#[test]
fn answers_without_a_logon_and_other_schemes_say_nothing() {
    let (got, p) = logons(&[
        (Side::Orig, ask("Authorization: Basic dXNlcjpwYXNz\r\n")),
        (Side::Resp, [say("100 Continue", ""), say("200 OK", "WWW-Authenticate: NTLM TlRMTVNTUAACAAAA\r\n")].concat()),
        (Side::Orig, ask("Authorization: NTLM\r\nAuthorization: NTLM !!!!\r\nAuthorization: Negotiate QQ\r\n")),
        (Side::Orig, ask("X-Authorization: NTLM TlRMTVNTUAABAAAA\r\n")),
    ]);
    assert!(got.is_empty() && p.sides[1].0.stopped(), "{got:?}");
}

#[test]
fn bodies_of_refusals_are_passed_over() {
    let claim = |user: &str| ask(&format!("Authorization: NTLM {}\r\n", base64(&authenticate_message("D", user, "W"))));
    let chunked = [say("401 No", "Transfer-Encoding: chunked\r\n"), b"5\r\nHTTP/\r\n0\r\n\r\n".to_vec()].concat();
    let (got, _) = logons(&[(Side::Orig, claim("a")), (Side::Resp, chunked), (Side::Orig, claim("b")), (Side::Resp, say("200 OK", ""))]);
    let told: Vec<u16> = got.iter().filter_map(|a| if let Auth::Answered { status } = a { Some(*status) } else { None }).collect();
    assert_eq!(told, [401, 200]);
    // The answer to HEAD has a length and no body.
    let head = format!("HEAD / HTTP/1.1\r\nAuthorization: NTLM {}\r\n\r\n", base64(&authenticate_message("D", "u", "W")));
    let (got, _) = logons(&[
        (Side::Orig, head.into_bytes()),
        (Side::Resp, say("401 No", "Content-Length: 500\r\n")),
        (Side::Orig, claim("b")),
        (Side::Resp, say("204 Done", "")),
    ]);
    assert!(matches!(got.last(), Some(Auth::Answered { status: 204 })), "{got:?}");
}

#[test]
fn a_server_that_refuses_for_ever_is_given_up() {
    let challenge = format!("WWW-Authenticate: NTLM {}\r\nContent-Length: 0\r\n", base64(&challenge_message("A", "B", "c")));
    let (got, p) = logons(&[(Side::Resp, say("401 No", &challenge).repeat(500))]);
    assert!(got.len() <= REQUESTS as usize && p.sides[1].0.stopped(), "{}", got.len());
    let (_, p) = logons(&[(Side::Resp, [say("401 No", ""), vec![b'x'; 5 << 20]].concat())]);
    assert!(p.held() <= 4 * HEAD);
}

proptest! {
    #[test]
    fn any_split_of_a_logon(cuts in prop::collection::vec(0usize..1500, 0..8)) {
        for side in [Side::Orig, Side::Resp] {
            let bytes: Vec<u8> = logon("NTLM", b"", "200 OK").into_iter().filter(|t| t.0 == side).flat_map(|t| t.1).collect();
            prop_assert_eq!(read_split(Requests::new(), side, &bytes, &cuts).0, read_split(Requests::new(), side, &bytes, &[]).0);
        }
    }
    #[test]
    fn any_token(token in prop::collection::vec(any::<u8>(), 0..600), scheme in 0usize..3) {
        let head = [b"GET / HTTP/1.1\r\nAuthorization: ", [&b"NTLM "[..], b"Negotiate ", b"Kerberos"][scheme], &token, b"\r\n\r\n"].concat();
        let _ = (auth::of_request(&head), auth::of_answer(&head));
        let coded = format!("\nWWW-Authenticate: NTLM {}", base64(&[b"NTLMSSP\0\x02\0\0\0".as_slice(), &token].concat()));
        let _ = auth::of_answer(coded.as_bytes());
    }
}
