//! The terminal: set up and given back whatever happens, one thread that reads keys, one that reads the feed, and the loop that draws. A key is on
//! the screen before anything else is looked at; news are drawn at most twenty times a second.

use super::acts::{Act, Acts};
use super::app::{App, Effect, Msg};
use super::export::Export;
use super::feed::{Feed, News, Order};
use super::plain::Plain;
use super::view;
use crate::base::Timestamp;
use crossbeam::channel::{Receiver, Sender, bounded, unbounded};
use hdrhistogram::Histogram;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use std::fs::OpenOptions;
use std::io::{self, BufRead, Stdout, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Shortest time between two drawings of news.
const FRAME: Duration = Duration::from_millis(50);
/// News waiting to be drawn; the feed waits when there are more, so that what is drawn is not old.
const QUEUE: usize = 2;

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Lines instead of a screen.
    pub plain: bool,
    /// Take the mouse.
    pub mouse: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Ended {
    /// From a key to its screen, in microseconds.
    pub latency: Histogram<u64>,
}

/// Runs the UI until a person ends it.
pub fn run(app: App, feed: Box<dyn Feed>, acts: Box<dyn Acts>, options: Options) -> io::Result<Ended> {
    if options.plain { plain(app, feed, acts) } else { Screen::open(options.mouse)?.run(app, feed, acts) }
}

fn plain(app: App, mut feed: Box<dyn Feed>, mut acts: Box<dyn Acts>) -> io::Result<Ended> {
    let (tx, rx) = bounded(16);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if tx.send(line).is_err() {
                return;
            }
        }
    });
    let mut out = io::stdout().lock();
    Plain::new(app, &mut out, &mut |x| save(x, Path::new("."))).run(&mut *feed, &mut *acts, &rx)?;
    Ok(Ended { latency: histogram() })
}

/// The terminal while it is ours.
struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

/// Gives the terminal back: at every end, and before a panic is told.
fn restore() {
    let _ = disable_raw_mode();
    let _ = execute!(io::stdout(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen);
    let _ = write!(io::stdout(), "\x1b[?25h");
    let _ = io::stdout().flush();
}

impl Screen {
    fn open(mouse: bool) -> io::Result<Screen> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                before(info);
            }));
        });
        enable_raw_mode()?;
        let opened = execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)
            .and_then(|()| if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) })
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match opened {
            Ok(terminal) => Ok(Screen { terminal }),
            Err(e) => {
                restore();
                Err(e)
            }
        }
    }
    fn run(mut self, mut app: App, feed: Box<dyn Feed>, acts: Box<dyn Acts>) -> io::Result<Ended> {
        let stop = Arc::new(AtomicBool::new(false));
        let (events, from_keys) = unbounded();
        let (news, from_feed) = bounded(QUEUE);
        let (orders, to_feed) = unbounded();
        let (to_acts, refused) = acting(acts);
        let threads = [reading(events, stop.clone())?, feeding(feed, news, to_feed, stop.clone())?];
        let size = self.terminal.size()?;
        app.update(Msg::Size(size.width, size.height));
        let ended = self.follow(&mut app, &from_keys, &from_feed, &orders, &to_acts, &refused);
        stop.store(true, Ordering::Relaxed);
        drop((from_feed, orders, to_acts));
        let [_, feed] = threads;
        // The thread that reads keys ends with its next look; the feed's is waited for, so that what it holds is closed.
        let _ = feed.join();
        ended
    }
    fn follow(
        &mut self,
        app: &mut App,
        keys: &Receiver<(Instant, Event)>,
        news: &Receiver<News>,
        orders: &Sender<Order>,
        acts: &Sender<Act>,
        refused: &Receiver<String>,
    ) -> io::Result<Ended> {
        let mut ended = Ended { latency: histogram() };
        let mut drawn = now() - FRAME;
        let mut due = true;
        loop {
            let wait = if due { FRAME.saturating_sub(now().duration_since(drawn)) } else { Duration::from_secs(1) };
            let mut pressed = None;
            let msg = crossbeam::channel::select_biased! {
                recv(keys) -> k => match k {
                    Ok((at, e)) => {
                        pressed = Some(at);
                        message(e)
                    }
                    Err(_) => return Ok(ended),
                },
                recv(refused) -> why => why.ok().map(Msg::Refused),
                recv(news) -> n => n.ok().map(Msg::News),
                default(wait) => Some(Msg::Clock(clock())),
            };
            due |= msg.is_some();
            for effect in msg.map(|m| app.update(m)).unwrap_or_default() {
                match effect {
                    Effect::Quit => return Ok(ended),
                    Effect::Order(o) => drop(orders.send(o)),
                    Effect::Act(a) => drop(acts.send(a)),
                    Effect::Export(x) => drop(app.update(Msg::Done(save(&x, Path::new("."))))),
                }
            }
            let is_time = now().duration_since(drawn) >= FRAME;
            // Keys that wait already are taken first: holding a key down does not fall behind.
            if due && (pressed.is_some() || is_time) && keys.is_empty() {
                app.update(Msg::Clock(clock()));
                self.terminal.draw(|f| view::draw(app, f.buffer_mut()))?;
                (drawn, due) = (now(), false);
                if let Some(at) = pressed {
                    ended.latency.saturating_record(u64::try_from(now().duration_since(at).as_micros()).unwrap_or(u64::MAX));
                }
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 2).unwrap_or_else(|_| unreachable!("the bounds are constants that fit"))
}

/// What a terminal event means.
fn message(e: Event) -> Option<Msg> {
    match e {
        Event::Key(k) => Some(Msg::Key(k)),
        Event::Mouse(m) => Some(Msg::Mouse(m)),
        Event::Paste(s) => Some(Msg::Paste(s)),
        Event::Resize(w, h) => Some(Msg::Size(w, h)),
        _ => None,
    }
}

type Thread = std::thread::JoinHandle<()>;

/// Reads keys.
fn reading(tx: Sender<(Instant, Event)>, stop: Arc<AtomicBool>) -> io::Result<Thread> {
    std::thread::Builder::new().name("keys".into()).spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            match event::poll(Duration::from_millis(200)) {
                Ok(false) => {}
                Ok(true) => {
                    if event::read().ok().and_then(|e| tx.send((now(), e)).ok()).is_none() {
                        return;
                    }
                }
                // The terminal went away: that is an end.
                Err(_) => return,
            }
        }
    })
}

/// Reads the feed and gives it its orders.
fn feeding(mut feed: Box<dyn Feed>, tx: Sender<News>, orders: Receiver<Order>, stop: Arc<AtomicBool>) -> io::Result<Thread> {
    std::thread::Builder::new().name("feed".into()).spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            while let Ok(o) = orders.try_recv() {
                feed.order(o);
            }
            match feed.next(Duration::from_millis(20)) {
                News::Nothing => {}
                n => {
                    if tx.send(n).is_err() {
                        return;
                    }
                }
            }
        }
    })
}

/// Does acts, one after the other, beside the screen: a sensor that does not answer must not hold it up.
fn acting(mut acts: Box<dyn Acts>) -> (Sender<Act>, Receiver<String>) {
    let (tx, rx) = unbounded::<Act>();
    let (told, refused) = unbounded();
    std::thread::spawn(move || {
        for act in rx {
            if let Err(why) = acts.act(&act)
                && told.send(why).is_err()
            {
                return;
            }
        }
    });
    (tx, refused)
}

/// Writes an export into a directory. An older file of that name stays: the new one gets a number.
fn save(x: &Export, dir: &Path) -> Result<String, String> {
    for n in 0..1000 {
        let name = match (n, x.name.rsplit_once('.')) {
            (0, _) | (_, None) => x.name.clone(),
            (n, Some((stem, ending))) => format!("{stem}-{n}.{ending}"),
        };
        let path = dir.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut f) => return f.write_all(&x.bytes).map(|()| path.display().to_string()).map_err(|e| format!("{}: {e}", path.display())),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(format!("{}: {e}", path.display())),
        }
    }
    Err(format!("{}: exists a thousand times", x.name))
}

/// When something was pressed or drawn.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// The wall clock: how old what a sensor shows is.
#[allow(clippy::disallowed_methods)]
fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_overwrites_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let x = Export { name: "spanward-x.txt".into(), bytes: b"one".to_vec() };
        assert!(save(&x, dir.path()).unwrap().ends_with("spanward-x.txt"));
        assert!(save(&Export { bytes: b"two".to_vec(), ..x.clone() }, dir.path()).unwrap().ends_with("spanward-x-1.txt"));
        assert_eq!(std::fs::read(dir.path().join("spanward-x.txt")).unwrap(), b"one");
        assert!(save(&x, &dir.path().join("no such place")).unwrap_err().contains("no such place"));
    }
}
