//! The control socket of a running sensor: where it is, and who may do what.

use crate::base::Lang;
use crate::cli::{Exit, Stop, say};
use crate::engine::control::{Desk, Limits, Listening, People, Place, Rights, Seat, Server, Start};
use crate::engine::log::{Log, Priority};
use crate::engine::metrics::Board;
use crate::output::pick;
use crate::site::Site;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the service's socket is, if its directory exists.
pub const SERVICE: &str = "/run/spanward/control.sock";
/// Members may read.
const READERS: &str = "spanward";
/// Members may act.
const ACTORS: &str = "spanward-act";

/// A socket that is open and served by nobody yet.
pub(super) struct Opened {
    socket: Listening,
    path: PathBuf,
    people: People,
}

/// Where the socket is to be: as given, else the service's place, else the sensor's directory.
pub fn place(given: Option<&Path>, dir: &Path) -> PathBuf {
    let service = Path::new(SERVICE);
    match given {
        Some(path) => path.to_owned(),
        None if service.parent().is_some_and(Path::is_dir) => service.to_owned(),
        None => dir.join("control.sock"),
    }
}

/// Opens the socket.
pub(super) fn open(given: Option<&Path>, dir: &Path) -> Result<Opened, Stop> {
    let (people, path) = (People::load(), place(given, dir));
    let socket = Listening::open(&Place { path: path.clone(), group: people.group(READERS) }).map_err(|e| Stop::new(Exit::Output, e))?;
    Ok(Opened { socket, path, people })
}

impl Opened {
    /// Serves it until the server is dropped.
    pub(super) fn serve(self, seat: Seat, desk: Box<dyn Desk>, board: Arc<Board>, site: &Site, lang: Lang) -> Result<Server, Stop> {
        if self.socket.closed_to_group {
            let text = pick(
                lang,
                "the group spanward could not be given the control socket: only this user and root can attach",
                "制御ソケットに spanward グループを設定できませんでした。接続できるのはこのユーザーと root のみです",
            );
            say(text);
        }
        let rights = Rights { service: rustix::process::geteuid().as_raw(), act: self.people.group(ACTORS) };
        let start = Start {
            socket: self.socket,
            seat,
            desk,
            board,
            log: Log::stderr(lang, Priority::Info),
            people: self.people,
            rights,
            lang,
            site: site.name.clone(),
            limits: Limits::default(),
        };
        let server = Server::start(start).map_err(|e| Stop::new(Exit::Output, format!("the control socket {}: {e}", self.path.display())))?;
        say(&format!("{} {}", pick(lang, "control socket:", "制御ソケット:"), self.path.display()));
        Ok(server)
    }
}
