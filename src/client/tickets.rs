//! What makes coming back cheap: TLS resumption tickets, kept from one connection for the next.
//!
//! A ticket is used once and replaced by the connection it made. Only people's connections keep any: a
//! certificate is shown and checked anew each time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Servers whose tickets are kept.
const SERVERS_MAX: usize = 8;

/// Tickets by server, the latest used first, a bounded number of each.
#[derive(Debug)]
pub(super) struct Tickets {
    per_server_max: usize,
    of_servers: Mutex<HashMap<ServerName<'static>, OfServer>>,
}

#[derive(Debug, Default)]
struct OfServer {
    tickets: VecDeque<Tls13ClientSessionValue>,
    group: Option<NamedGroup>,
}

impl Tickets {
    pub(super) fn new(per_server_max: usize) -> Self {
        Self {
            per_server_max,
            of_servers: Mutex::default(),
        }
    }

    fn with<T>(&self, server: &ServerName<'_>, f: impl FnOnce(&mut OfServer) -> T) -> T {
        let servers = self.of_servers.lock();
        let mut servers = servers.unwrap_or_else(PoisonError::into_inner);
        let server = server.to_owned();
        if servers.len() >= SERVERS_MAX && !servers.contains_key(&server) {
            servers.clear();
        }
        f(servers.entry(server).or_default())
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.with(&server_name, |server| server.group = Some(group));
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.with(server_name, |server| server.group)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.with(&name, |server| {
            server.tickets.push_back(ticket);
            if server.tickets.len() > self.per_server_max {
                server.tickets.pop_front();
            }
        });
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.with(name, |server| server.tickets.pop_back())
    }
}
