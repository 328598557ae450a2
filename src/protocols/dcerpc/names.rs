//! Interfaces by their UUID, with the names that the MS-* documents give them.

use super::operations::{
    ATSVC, DFSNM, DNS_SERVER, DRSUAPI, EFSRPC, EPM, EVENTLOG, EVENTLOG6, FSSAGENT, LSARPC, MGMT, NETLOGON, OXID, REM_UNKNOWN, SAMR, SHUTDOWN,
    SPOOLSS, SRVSVC, SVCCTL, TASKS, WBEM, WBEM_LOGIN, WINREG, WINSPOOL, WKSSVC,
};

/// An RPC interface (C706, 3.1): its UUID as it is written, and a name where we have one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Interface {
    /// The UUID, its text read as one number.
    pub uuid: u128,
    /// Short name, or empty.
    pub name: &'static str,
}

impl Interface {
    /// The interface with this UUID.
    pub fn of(uuid: u128) -> Interface {
        Interface { uuid, name: known(uuid).map_or("", |k| k.1) }
    }
    /// The interface with this short name.
    pub fn named(name: &str) -> Option<Interface> {
        KNOWN.iter().find(|k| k.1 == name).map(|k| Interface { uuid: k.0, name: k.1 })
    }
    /// An operation's name, or empty.
    pub fn operation(&self, number: u16) -> &'static str {
        let ops = known(self.uuid).map_or(&[][..], |k| k.2);
        ops.binary_search_by_key(&number, |o| o.0).ok().and_then(|i| ops.get(i)).map_or("", |o| o.1)
    }
}

fn known(uuid: u128) -> Option<&'static Known> {
    KNOWN.iter().find(|k| k.0 == uuid)
}

/// UUID, short name, operations in order of their numbers.
type Known = (u128, &'static str, &'static [(u16, &'static str)]);

static KNOWN: &[Known] = &[
    (0x367abb81_9844_35f1_ad32_98f038001003, "svcctl", SVCCTL),
    (0x1ff70682_0a51_30e8_076d_740be8cee98b, "atsvc", ATSVC),
    (0x86d35949_83c9_4044_b424_db363231fd0c, "ITaskSchedulerService", TASKS),
    (0x9556dc99_828c_11cf_a37e_00aa003240c7, "IWbemServices", WBEM),
    (0xf309ad18_d86a_11d0_a075_00c04fb68820, "IWbemLevel1Login", WBEM_LOGIN),
    (0xd4781cd6_e5d3_44df_ad94_930efe48a887, "IWbemLoginClientID", &[(3, "SetClientInfo")]),
    (0x00000131_0000_0000_c000_000000000046, "IRemUnknown", REM_UNKNOWN),
    (0x00000143_0000_0000_c000_000000000046, "IRemUnknown2", REM_UNKNOWN),
    (0x000001a0_0000_0000_c000_000000000046, "IRemoteSCMActivator", &[(3, "RemoteGetClassObject"), (4, "RemoteCreateInstance")]),
    (0x4d9f4ab8_7d1c_11cf_861e_0020af6e7c57, "IActivation", &[(0, "RemoteActivation")]),
    (0x99fcfec4_5260_101b_bbcb_00aa0021347a, "IObjectExporter", OXID),
    (0x00020400_0000_0000_c000_000000000046, "IDispatch", &[(3, "GetTypeInfoCount"), (4, "GetTypeInfo"), (5, "GetIDsOfNames"), (6, "Invoke")]),
    (0xe3514235_4b06_11d1_ab04_00c04fc2dcd2, "drsuapi", DRSUAPI),
    (0x12345778_1234_abcd_ef00_0123456789ac, "samr", SAMR),
    (0x12345778_1234_abcd_ef00_0123456789ab, "lsarpc", LSARPC),
    (0x4b324fc8_1670_01d3_1278_5a47bf6ee188, "srvsvc", SRVSVC),
    (0x6bffd098_a112_3610_9833_46c3f87e345a, "wkssvc", WKSSVC),
    (0x338cd001_2244_31f1_aaaa_900038001003, "winreg", WINREG),
    (0x12345678_1234_abcd_ef00_0123456789ab, "spoolss", SPOOLSS),
    (0x76f03f96_cdfd_44fc_a22c_64950a001209, "IRemoteWinspool", WINSPOOL),
    (0xc681d488_d850_11d0_8c52_00c04fd90f7e, "efsrpc", EFSRPC),
    (0xdf1941c5_fe89_4e79_bf10_463657acf44d, "efsrpc", EFSRPC),
    (0x82273fdc_e32a_18c3_3f78_827929dc23ea, "eventlog", EVENTLOG),
    (0xf6beaff7_1e19_4fbb_9f8f_b89e2018337c, "eventlog6", EVENTLOG6),
    (0x12345678_1234_abcd_ef00_01234567cffb, "netlogon", NETLOGON),
    (0xe1af8308_5d1f_11c9_91a4_08002b14a0fa, "epmapper", EPM),
    (0x894de0c0_0d55_11d3_a322_00c04fa321a1, "initshutdown", SHUTDOWN),
    (0xd95afe70_a6d5_4259_822e_2c84da1ddb0d, "WindowsShutdown", &[(0, "WsdrInitiateShutdown"), (1, "WsdrAbortShutdown")]),
    (0x4fc742e0_4a10_11cf_8273_00aa004ae673, "dfsnm", DFSNM),
    (0xa8e0653c_2744_4389_a61d_7373df8b2292, "fssagentrpc", FSSAGENT),
    (0xafa8bd80_7d8a_11c9_bef4_08002b102989, "mgmt", MGMT),
    (0x50abc2a4_574d_40b3_9d66_ee4fd5fba076, "DnsServer", DNS_SERVER),
    (0x3919286a_b10c_11d0_9ba8_00c04fd92ef5, "dssetup", &[(0, "DsRolerGetPrimaryDomainInformation")]),
    (0x91ae6020_9e3c_11cf_8d7c_00aa00c091be, "ICertPassage", &[(0, "CertServerRequest")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order_and_names_lead_back() {
        for (uuid, name, ops) in KNOWN {
            assert!(ops.windows(2).all(|w| w[0].0 < w[1].0), "{name}");
            assert_eq!(Interface::of(*uuid).name, *name);
            assert!(Interface::named(name).is_some());
        }
        let svcctl = Interface::named("svcctl").unwrap();
        assert_eq!((svcctl.operation(12), svcctl.operation(999)), ("CreateServiceW", ""));
        assert_eq!(Interface::of(7), Interface { uuid: 7, name: "" });
    }
}
