//! One association: fragments in each direction, binds joined to their answers by order, requests to their responses by call id (C706, 12.6.2), in
//! tables of fixed size.

use super::super::kerberos::find_ap_req;
use super::super::ntlmssp::Ntlm;
use super::super::stream::{Pending, Step};
use super::super::{Message, Side};
use super::pdu::{self, Header};
use super::{Auth, Bind, Call, Interface, Offer, Outcome, PRIVACY, Pipe, Rpc, stub};
use crate::bounded::BoundedMap;

/// The most that is held of one fragment. Windows sends 5,840 bytes at most; a bind with a Kerberos ticket is as long as the ticket.
const HELD: usize = 8 * 1024;
/// Bytes kept of a request's arguments, over all of its fragments.
const STUB: usize = 4 * 1024;
/// Presentation contexts of one association.
const CONTEXTS: usize = 32;
/// Requests that wait for their answer; beyond, the oldest is told without one.
const CALLS: usize = 16;
/// Kinds of calls that are counted; beyond, the oldest kind is told and forgotten.
const KINDS: usize = 64;
/// So many equal calls are told one by one.
const ALL_TOLD: u32 = 16;
/// Bytes searched without finding a header, after which the association is given up.
const HOPELESS: u64 = 1 << 20;

/// Both directions of an association.
#[derive(Debug)]
pub(crate) struct Channel {
    sides: [(Pending, Place); 2],
    state: State,
}

/// Where a direction stands.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Before a fragment.
    #[default]
    Boundary,
    /// Out of step: so many bytes were searched.
    Lost(u64),
}

/// What both directions share.
#[derive(Debug)]
struct State {
    pipe: Option<Pipe>,
    auth: Auth,
    contexts: BoundedMap<u16, Context>,
    /// The last bind while nobody has answered it, and its contexts in order.
    bind: Option<(Box<Bind>, Vec<u16>)>,
    calls: BoundedMap<u32, Waiting>,
    kinds: BoundedMap<(u128, u16, Outcome), Kind>,
    answered: bool,
    out_of_step: bool,
    /// Bytes of stubs, and of what was read of them.
    stubs: usize,
}

#[derive(Clone, Copy, Debug)]
struct Context {
    interface: Interface,
    ndr64: bool,
}

/// A request without its answer.
#[derive(Debug)]
struct Waiting {
    context: u16,
    op: u16,
    /// Its arguments are wanted and not read yet.
    collects: bool,
    stub: Vec<u8>,
    read: stub::Read,
    sent: u32,
    received: u32,
    sealed: bool,
}

/// Equal calls.
#[derive(Debug)]
struct Kind {
    count: u32,
    /// The last one, while it is not told.
    untold: Option<Box<Call>>,
}

impl Channel {
    /// Over TCP, or over a named pipe.
    pub(crate) fn new(pipe: Option<Pipe>) -> Channel {
        let side = || (Pending::new(HELD), Place::Boundary);
        Channel {
            sides: [side(), side()],
            state: State {
                pipe,
                auth: Auth::default(),
                contexts: BoundedMap::new(CONTEXTS),
                bind: None,
                calls: BoundedMap::new(CALLS),
                kinds: BoundedMap::new(KINDS),
                answered: false,
                out_of_step: false,
                stubs: 0,
            },
        }
    }
    /// Does content begin as a fragment does?
    pub(crate) fn begins(b: &[u8]) -> bool {
        Header::read(b).is_some()
    }
    /// The next bytes of one direction.
    pub(crate) fn data(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Message>) {
        let Channel { sides, state } = self;
        let Some((pending, place)) = sides.get_mut(from.index()) else { return };
        pending.feed(bytes, |w| state.step(place, w, out));
    }
    /// So many bytes of one direction were not seen.
    pub(crate) fn gap(&mut self, from: Side, lost: u64) {
        let Some((pending, place)) = self.sides.get_mut(from.index()) else { return };
        if !pending.gap(lost) {
            *place = Place::Lost(0);
        }
    }
    /// The association is over: what waits is told.
    pub(crate) fn end(&mut self, out: &mut Vec<Message>) {
        self.state.tell_bind(None, out);
        let waiting: Vec<u32> = self.state.calls.iter().map(|c| *c.0).collect();
        for id in waiting {
            self.state.finish(id, Outcome::Unanswered, out);
        }
        self.state.kinds.retain(|_, k| {
            out.extend(k.untold.take().map(|c| rpc(Rpc::Call(*c))));
            false
        });
    }
    /// Bytes searched for a header have become too many.
    pub(super) fn hopeless(&self) -> bool {
        self.sides.iter().any(|s| matches!(s.1, Place::Lost(n) if n > HOPELESS))
    }
    /// Bytes this takes in memory.
    pub(crate) fn held(&self) -> usize {
        let s = &self.state;
        let pending: usize = self.sides.iter().map(|s| s.0.held()).sum();
        let tables =
            s.calls.len() * (size_of::<Waiting>() + 64) + s.contexts.len() * 64 + s.kinds.len() * (size_of::<Kind>() + size_of::<Call>() + 64);
        pending + s.stubs + tables
    }
}

fn rpc(r: Rpc) -> Message {
    Message::Rpc(Box::new(r))
}

impl State {
    fn step(&mut self, place: &mut Place, w: &[u8], out: &mut Vec<Message>) -> Step {
        if let Place::Lost(searched) = *place {
            return match search(w) {
                Step::Take(0) => {
                    *place = Place::Boundary;
                    self.fragment(place, w, out)
                }
                Step::Take(n) => {
                    *place = Place::Lost(searched + n);
                    Step::Take(n)
                }
                step => step,
            };
        }
        self.fragment(place, w, out)
    }
    fn fragment(&mut self, place: &mut Place, w: &[u8], out: &mut Vec<Message>) -> Step {
        if w.len() < pdu::HEADER {
            return Step::Need(pdu::HEADER);
        }
        let Some(h) = Header::read(w) else {
            if !std::mem::replace(&mut self.out_of_step, true) {
                out.push(Message::Weird("rpc_out_of_step", 0));
            }
            *place = Place::Lost(1);
            return Step::Take(1);
        };
        let wanted = match self.wanted(&h, w) {
            Some(n) => n.min(h.len).min(HELD),
            None => return Step::Need(h.stub().min(h.len)),
        };
        let Some(m) = w.get(..wanted) else { return Step::Need(wanted) };
        self.read(&h, m, out);
        Step::Take(h.len as u64)
    }
    /// How much of a fragment is looked at; None if that shows only when the header of the call is whole.
    fn wanted(&self, h: &Header, w: &[u8]) -> Option<usize> {
        match h.kind {
            pdu::REQUEST | pdu::RESPONSE if w.len() < h.stub().min(h.len) => None,
            pdu::REQUEST if h.first() => Some(h.stub() + if self.reads(h, w) { STUB } else { 0 }),
            pdu::REQUEST => Some(h.stub() + if self.calls.get(&h.call).is_some_and(|c| c.collects) { STUB } else { 0 }),
            pdu::RESPONSE if h.last() && self.calls.get(&h.call).is_some_and(|c| self.has_code(c)) => Some(h.len),
            pdu::RESPONSE => Some(pdu::CALL),
            _ => Some(h.len),
        }
    }
    /// Does a request have arguments that somebody reads, in the clear?
    fn reads(&self, h: &Header, m: &[u8]) -> bool {
        let (Some(context), Some(op)) = (h.u16(m, 20), h.u16(m, 22)) else { return false };
        !self.sealed(h) && self.contexts.get(&context).is_some_and(|c| stub::layout(c.interface, op).is_some())
    }
    /// Contents of this fragment are encrypted, or nobody saw the bind that says so.
    fn sealed(&self, h: &Header) -> bool {
        h.auth_len > 0 && (self.auth.level == PRIVACY || self.auth.level == 0)
    }
    /// Results in the clear end with a code, on the interfaces we have names for.
    fn has_code(&self, c: &Waiting) -> bool {
        !c.sealed && self.contexts.get(&c.context).is_some_and(|x| !matches!(x.interface.name, "" | "IDispatch" | "mgmt"))
    }
    fn read(&mut self, h: &Header, m: &[u8], out: &mut Vec<Message>) {
        if let Some((_, token)) = h.auth(m).filter(|_| !matches!(h.kind, pdu::REQUEST | pdu::RESPONSE | pdu::FAULT)) {
            State::token(token, out);
        }
        match h.kind {
            pdu::BIND | pdu::ALTER => self.bind(h, m, out),
            pdu::BIND_ACK | pdu::ALTER_ACK => self.tell_bind(Some(&pdu::answer(h, m, CONTEXTS)), out),
            pdu::BIND_NAK => self.tell_bind(Some(&pdu::Answer::default()), out),
            pdu::REQUEST => self.request(h, m, out),
            pdu::RESPONSE => self.response(h, m, out),
            pdu::FAULT => {
                self.answered = true;
                let status = h.u32(m, pdu::CALL).unwrap_or(0);
                self.finish(h.call, Outcome::Fault(status), out);
            }
            _ => {}
        }
    }
    fn token(token: &[u8], out: &mut Vec<Message>) {
        match Ntlm::find(token) {
            Some(n) => out.push(rpc(Rpc::Ntlm(n))),
            None => out.extend(find_ap_req(token)),
        }
    }
    fn bind(&mut self, h: &Header, m: &[u8], out: &mut Vec<Message>) {
        self.tell_bind(None, out);
        if let Some((auth, _)) = h.auth(m) {
            self.auth = auth;
        }
        let mut bind = Bind { pipe: self.pipe.clone(), auth: h.auth(m).map_or_else(Auth::default, |a| a.0), ..Bind::default() };
        let mut ids = Vec::new();
        for c in pdu::contexts(h, m, CONTEXTS) {
            let interface = Interface::of(c.interface);
            self.contexts.insert(c.id, Context { interface, ndr64: false });
            ids.push(c.id);
            if !bind.interfaces.iter().any(|o| o.interface == interface) {
                bind.interfaces.push(Offer { interface, version: c.version, accepted: false });
            }
        }
        if ids.is_empty() {
            out.push(Message::Weird("rpc_bind_unreadable", 28));
        }
        self.bind = Some((Box::new(bind), ids));
    }
    /// The bind that waits, with its answer if there is one (that accepts nothing when it is empty).
    fn tell_bind(&mut self, answer: Option<&pdu::Answer>, out: &mut Vec<Message>) {
        self.answered |= answer.is_some();
        let Some((mut bind, ids)) = self.bind.take() else { return };
        if let Some(a) = answer {
            bind.accepted = Some(a.results.iter().any(|r| r.0));
            bind.endpoint = super::super::field::oem(super::super::field::before_nul(&a.endpoint), 256);
            for (id, (accepted, ndr64)) in ids.iter().zip(&a.results).filter(|r| r.1.0) {
                let Some(c) = self.contexts.get_mut(id) else { continue };
                c.ndr64 = *ndr64;
                bind.interfaces.iter_mut().filter(|o| o.interface == c.interface).for_each(|o| o.accepted = *accepted);
            }
        }
        out.push(rpc(Rpc::Bind(*bind)));
    }
    fn request(&mut self, h: &Header, m: &[u8], out: &mut Vec<Message>) {
        if self.bind.is_some() {
            self.tell_bind(None, out);
        }
        if h.first() {
            self.begin(h, m, out);
        }
        let Some(c) = self.calls.get_mut(&h.call) else { return };
        c.sent = c.sent.saturating_add(h.stub_len() as u32);
        if !c.collects {
            return;
        }
        let part = m.get(h.stub()..h.trailer().min(m.len())).unwrap_or_default();
        let part = part.get(..STUB - c.stub.len().min(STUB)).unwrap_or(part);
        c.stub.extend_from_slice(part);
        self.stubs += part.len();
        if h.last() || c.stub.len() >= STUB {
            self.arguments(h);
        }
    }
    /// All arguments that will be looked at are there.
    fn arguments(&mut self, h: &Header) {
        let Some(c) = self.calls.get_mut(&h.call) else { return };
        let bytes = std::mem::take(&mut c.stub);
        self.stubs = self.stubs.saturating_sub(bytes.len());
        c.collects = false;
        let Some(context) = self.contexts.get(&c.context) else { return };
        if let Some(layout) = stub::layout(context.interface, c.op) {
            c.read = stub::read(layout, &bytes, h.little(), context.ndr64);
            self.stubs += c.read.weight();
        }
    }
    /// A request's first fragment. Where no answer was ever seen, requests before it are told now: nobody will answer them.
    fn begin(&mut self, h: &Header, m: &[u8], out: &mut Vec<Message>) {
        let oldest = self.calls.iter().next().map(|c| *c.0);
        if let Some(id) = oldest.filter(|id| *id == h.call || self.calls.len() >= CALLS || !self.answered) {
            self.finish(id, Outcome::Unanswered, out);
        }
        if self.calls.contains(&h.call) {
            self.finish(h.call, Outcome::Unanswered, out);
        }
        let waiting = Waiting {
            context: h.u16(m, 20).unwrap_or(0),
            op: h.u16(m, 22).unwrap_or(0),
            collects: self.reads(h, m),
            stub: Vec::new(),
            read: stub::Read::default(),
            sent: 0,
            received: 0,
            sealed: self.sealed(h),
        };
        self.calls.insert(h.call, waiting);
    }
    fn response(&mut self, h: &Header, m: &[u8], out: &mut Vec<Message>) {
        self.answered = true;
        let Some(c) = self.calls.get_mut(&h.call) else { return };
        c.received = c.received.saturating_add(h.stub_len() as u32);
        if !h.last() {
            return;
        }
        let code = self.calls.get(&h.call).filter(|c| self.has_code(c)).and_then(|_| {
            let end = h.stub_end(m)?.checked_sub(4).filter(|at| *at >= pdu::CALL)?;
            h.u32(m, end)
        });
        self.finish(h.call, Outcome::Returned(code), out);
    }
    /// A call is over: counts it, and tells it unless there were many like it.
    fn finish(&mut self, id: u32, outcome: Outcome, out: &mut Vec<Message>) {
        let Some(c) = self.calls.remove(&id) else { return };
        self.stubs = self.stubs.saturating_sub(c.stub.len() + c.read.weight());
        let interface = self.contexts.get(&c.context).map_or(Interface { uuid: 0, name: "" }, |x| x.interface);
        let key = (interface.uuid, c.op, outcome);
        let oldest = if self.kinds.len() >= KINDS && !self.kinds.contains(&key) { self.kinds.iter().next().map(|k| *k.0) } else { None };
        if let Some(oldest) = oldest {
            out.extend(self.kinds.remove(&oldest).and_then(|k| k.untold).map(|c| rpc(Rpc::Call(*c))));
        }
        let kind = self.kinds.entry(key, || Kind { count: 0, untold: None });
        kind.count = kind.count.saturating_add(1);
        let call = Call {
            pipe: self.pipe.clone(),
            interface,
            op: c.op,
            auth: self.auth,
            sealed: c.sealed,
            outcome,
            sent: c.sent,
            received: c.received,
            nth: kind.count,
            target: c.read.target,
            value: c.read.value,
        };
        if kind.count <= ALL_TOLD || kind.count.is_power_of_two() {
            kind.untold = None;
            out.push(rpc(Rpc::Call(call)));
        } else {
            kind.untold = Some(Box::new(Call { target: String::new(), value: String::new(), ..call }));
        }
    }
}

/// Where the next header begins: `Take(0)` if here.
fn search(w: &[u8]) -> Step {
    for at in memchr::memchr_iter(5, w) {
        let rest = w.get(at..).unwrap_or_default();
        let may = if rest.len() < pdu::HEADER { Header::begun(rest) } else { Header::read(rest).is_some() };
        if !may {
            continue;
        }
        return match at {
            0 if rest.len() < pdu::HEADER => Step::Need(pdu::HEADER),
            at => Step::Take(at as u64),
        };
    }
    Step::Take(w.len() as u64)
}
