//! SMB multichannel ([MS-SMB2] 3.2.4.20.8): one session over several connections. A file may be opened on one and written on another, where nobody sees its
//! name. The server's GUID, the session and the file id are the same on all of them, whatever the addresses: they give such a handle the name that it has
//! on the connection on which it was opened.

use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind};
use crate::protocols::Message;
use crate::protocols::smb::Smb;
use crate::protocols::smb::life::{Life, Work};
use std::sync::Arc;

/// Connections whose server is known by its GUID.
const FLOWS: usize = 16_384;
/// Handles with a name. A server gives an id again only long after; more handles than these are open at no time.
const HANDLES: usize = 16_384;

/// A handle, the same on every channel: server, session, file.
type Handle = ([u8; 16], u64, u128);

/// Names of handles across the channels of a session.
#[derive(Debug)]
pub(super) struct Channels {
    servers: BoundedMap<u64, [u8; 16]>,
    names: BoundedMap<Handle, (Arc<str>, Box<str>)>,
}

impl Default for Channels {
    fn default() -> Self {
        Channels { servers: BoundedMap::new(FLOWS), names: BoundedMap::new(HANDLES) }
    }
}

impl Channels {
    /// Learns a name, or gives one to a handle that has none.
    pub(super) fn amend(&mut self, event: &mut Event) {
        let EventKind::Message { flow, message, .. } = &mut event.kind else { return };
        match message {
            Message::Smb(m) => {
                if let Smb::Negotiated { server_guid, .. } = m.as_ref()
                    && *server_guid != [0; 16]
                {
                    self.servers.insert(flow.uid, *server_guid);
                }
            }
            Message::SmbWork(w) => {
                if let Work::Life(life) = w.as_mut()
                    && life.session != 0
                    && life.file != 0
                    && let Some(server) = self.servers.touch(&flow.uid).copied()
                {
                    self.name((server, life.session, life.file), life);
                }
            }
            _ => {}
        }
    }
    fn name(&mut self, handle: Handle, life: &mut Life) {
        if life.named {
            self.names.insert(handle, (life.share.clone(), life.path.clone()));
        } else if let Some((share, path)) = self.names.get(&handle) {
            (life.share, life.path, life.named) = (share.clone(), path.clone(), true);
        }
    }
    pub(super) fn held(&self) -> [(&'static str, usize, u64); 2] {
        [("smb channels", self.servers.len(), self.servers.evicted()), ("smb handles", self.names.len(), self.names.evicted())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::event::FlowInfo;

    fn on(uid: u64, message: Message) -> Event {
        let flow = FlowInfo { uid, ..FlowInfo::default() };
        Event { ts: Timestamp(1), packet: 1, kind: EventKind::Message { flow, from_orig: true, message } }
    }
    fn greeting(uid: u64, guid: u8) -> Event {
        let m = Smb::Negotiated { dialect: 0x0311, server_guid: [guid; 16], system_time: 0 };
        on(uid, Message::Smb(Box::new(m)))
    }
    fn work(uid: u64, session: u64, file: u128, path: Option<&str>) -> Event {
        let mut life = Life { session, file, named: path.is_some(), ..Life::default() };
        if let Some(p) = path {
            (life.share, life.path) = (Arc::from("\\\\files\\karte"), p.into());
        }
        on(uid, Message::SmbWork(Box::new(Work::Life(life))))
    }
    fn path(e: &Event) -> Option<&str> {
        let EventKind::Message { message: Message::SmbWork(w), .. } = &e.kind else { return None };
        let Work::Life(l) = w.as_ref() else { return None };
        l.named.then_some(&*l.path)
    }

    #[test]
    fn a_handle_has_its_name_on_every_channel_of_its_session_and_on_no_other() {
        let mut c = Channels::default();
        for mut e in [greeting(1, 7), greeting(2, 7), greeting(3, 8), work(1, 5, 99, Some("a.doc"))] {
            c.amend(&mut e);
        }
        for (uid, session, file, want) in
            [(2, 5, 99, Some("a.doc")), (2, 6, 99, None), (2, 5, 98, None), (3, 5, 99, None), (4, 5, 99, None), (2, 0, 99, None)]
        {
            let mut e = work(uid, session, file, None);
            c.amend(&mut e);
            assert_eq!(path(&e), want, "{uid} {session} {file}");
        }
        // The id is given to another file: the newer name counts.
        c.amend(&mut work(2, 5, 99, Some("b.doc")));
        let mut e = work(1, 5, 99, None);
        c.amend(&mut e);
        assert_eq!(path(&e), Some("b.doc"));
    }
}
