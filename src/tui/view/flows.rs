//! Flows: the largest ones, living or ended.

use super::list::{Column, Row, Sort, column, number};
use super::pen::Part;
use crate::engine::journal::TopFlow;
use crate::tui::app::App;
use crate::tui::filter::Field;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use std::borrow::Cow;

impl Row for TopFlow {
    const COLUMNS: &'static [Column] = &[
        column(T::ColLive, 6, 0, 0),
        column(T::ColFrom, 19, 1, 0),
        column(T::ColTo, 19, 1, 0),
        column(T::ColService, 8, 0, 0),
        number(T::ColOut, 9, 0),
        number(T::ColIn, 9, 0),
        number(T::ColPackets, 8, 90),
        column(T::ColState, 6, 0, 100),
        column(T::ColFirst, 14, 0, 120),
        column(T::ColLast, 8, 0, 110),
    ];
    fn cells(&self, app: &App) -> Vec<Part> {
        let l = &app.look;
        let end = |a: &str, port: u16| format!("{a}:{port} {}", app.names.name(a));
        vec![
            (if self.live { Tone::Good } else { Tone::Dim }, l.t(if self.live { T::FlowLive } else { T::FlowEnded }).to_owned()),
            (Tone::Text, end(&self.orig, self.orig_port)),
            (Tone::Text, end(&self.resp, self.resp_port)),
            (Tone::Strong, if self.service == "unknown" { self.proto.clone() } else { self.service.clone() }),
            (Tone::Text, l.bytes(self.orig_bytes)),
            (Tone::Text, l.bytes(self.resp_bytes)),
            (Tone::Dim, self.packets.to_string()),
            (Tone::Dim, self.conn_state.clone()),
            (Tone::Dim, l.day_clock(&self.ts)),
            (Tone::Dim, l.clock(&self.last_ts)),
        ]
    }
    fn sort(&self, _: &App, column: usize) -> Sort {
        match column {
            0 => Sort::n(u64::from(self.live)),
            1 => Sort::Text(super::devices::padded(&self.orig)),
            2 => Sort::Text(super::devices::padded(&self.resp)),
            3 => Sort::t(&self.service),
            4 => Sort::n(self.orig_bytes),
            5 => Sort::n(self.resp_bytes),
            6 => Sort::n(self.packets),
            7 => Sort::t(&self.conn_state),
            8 => Sort::t(&self.ts),
            _ => Sort::n(crate::tui::app::stamp(&self.last_ts).0),
        }
    }
    fn order(&self, _: &App) -> (u64, String) {
        (u64::MAX - (self.orig_bytes + self.resp_bytes), String::new())
    }
    fn see<'a>(&'a self, app: &'a App, see: &mut dyn FnMut(Field, Cow<'a, str>)) {
        see(Field::Src, self.orig.as_str().into());
        see(Field::Dst, self.resp.as_str().into());
        see(Field::Src, app.names.name(&self.orig).into());
        see(Field::Dst, app.names.name(&self.resp).into());
        see(Field::Port, self.orig_port.to_string().into());
        see(Field::Port, self.resp_port.to_string().into());
        see(Field::App, self.service.as_str().into());
        see(Field::Status, if self.live { "live" } else { "ended" }.into());
        for t in [&self.proto, &self.conn_state] {
            see(Field::Other, t.as_str().into());
        }
    }
    fn last(&self) -> &str {
        &self.last_ts
    }
}
