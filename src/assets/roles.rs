//! What a device is for, as far as its services tell. The ledger's word counts more.

use super::Services;
use crate::base::{Addr, Service};
use crate::site::Role;

/// Distinct users that make a host a server. Lower, and a terminal that the inventory and two colleagues reach becomes one.
const USERS: u32 = 4;

/// The role that a host's services tell, if any.
pub(super) fn learned(services: &Services, a: Addr, service: Service) -> Option<Role> {
    let users = services.users_of(a, service);
    match service {
        Service::Print => Some(Role::Printer),
        Service::Dicom if users >= 2 => Some(Role::Pacs),
        Service::Sip if users >= USERS => Some(Role::Server),
        Service::Dns
        | Service::Smb
        | Service::Rdp
        | Service::Http
        | Service::Tls
        | Service::Kerberos
        | Service::Ldap
        | Service::Sql
        | Service::Hl7
        | Service::Ntp
        | Service::Dhcp
        | Service::Storage
        | Service::Smtp
            if users >= USERS =>
        {
            Some(Role::Server)
        }
        _ => None,
    }
}

/// May `new` replace `old`? A gateway stays one; a print server is a server; an image archive is more than a server.
pub(super) fn outranks(new: Role, old: Role) -> bool {
    let rank = |r| match r {
        Role::Unknown => 0,
        Role::Printer | Role::Phone => 1,
        Role::Server => 2,
        Role::Pacs => 3,
        _ => 9,
    };
    rank(new) > rank(old)
}
