//! Interfaces by their UUID, and the operations of them that attackers use, by the names that the MS-* documents give them.

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

/// [MS-SCMR] 3.1.4.
static SVCCTL: &[(u16, &str)] = &[
    (0, "CloseServiceHandle"),
    (1, "ControlService"),
    (2, "DeleteService"),
    (3, "LockServiceDatabase"),
    (4, "QueryServiceObjectSecurity"),
    (5, "SetServiceObjectSecurity"),
    (6, "QueryServiceStatus"),
    (11, "ChangeServiceConfigW"),
    (12, "CreateServiceW"),
    (13, "EnumDependentServicesW"),
    (14, "EnumServicesStatusW"),
    (15, "OpenSCManagerW"),
    (16, "OpenServiceW"),
    (17, "QueryServiceConfigW"),
    (18, "QueryServiceLockStatusW"),
    (19, "StartServiceW"),
    (20, "GetServiceDisplayNameW"),
    (21, "GetServiceKeyNameW"),
    (23, "ChangeServiceConfigA"),
    (24, "CreateServiceA"),
    (27, "OpenSCManagerA"),
    (28, "OpenServiceA"),
    (31, "StartServiceA"),
    (36, "ChangeServiceConfig2A"),
    (37, "ChangeServiceConfig2W"),
    (38, "QueryServiceConfig2A"),
    (39, "QueryServiceConfig2W"),
    (40, "QueryServiceStatusEx"),
    (41, "EnumServicesStatusExA"),
    (42, "EnumServicesStatusExW"),
    (44, "CreateServiceWOW64A"),
    (45, "CreateServiceWOW64W"),
    (50, "ControlServiceExA"),
    (51, "ControlServiceExW"),
    (60, "CreateWowService"),
    (64, "OpenSCManager2"),
];

/// [MS-TSCH] 3.2.5.2.
static ATSVC: &[(u16, &str)] = &[(0, "NetrJobAdd"), (1, "NetrJobDel"), (2, "NetrJobEnum"), (3, "NetrJobGetInfo")];

/// [MS-TSCH] 3.2.5.4.
static TASKS: &[(u16, &str)] = &[
    (0, "SchRpcHighestVersion"),
    (1, "SchRpcRegisterTask"),
    (2, "SchRpcRetrieveTask"),
    (3, "SchRpcCreateFolder"),
    (4, "SchRpcSetSecurity"),
    (5, "SchRpcGetSecurity"),
    (6, "SchRpcEnumFolders"),
    (7, "SchRpcEnumTasks"),
    (8, "SchRpcEnumInstances"),
    (9, "SchRpcGetInstanceInfo"),
    (10, "SchRpcStopInstance"),
    (11, "SchRpcStop"),
    (12, "SchRpcRun"),
    (13, "SchRpcDelete"),
    (14, "SchRpcRename"),
    (17, "SchRpcGetTaskInfo"),
    (19, "SchRpcEnableTask"),
];

/// [MS-WMI] 3.1.4.3.
static WBEM: &[(u16, &str)] = &[
    (3, "OpenNamespace"),
    (4, "CancelAsyncCall"),
    (5, "QueryObjectSink"),
    (6, "GetObject"),
    (7, "GetObjectAsync"),
    (8, "PutClass"),
    (9, "PutClassAsync"),
    (10, "DeleteClass"),
    (11, "DeleteClassAsync"),
    (12, "CreateClassEnum"),
    (13, "CreateClassEnumAsync"),
    (14, "PutInstance"),
    (15, "PutInstanceAsync"),
    (16, "DeleteInstance"),
    (17, "DeleteInstanceAsync"),
    (18, "CreateInstanceEnum"),
    (19, "CreateInstanceEnumAsync"),
    (20, "ExecQuery"),
    (21, "ExecQueryAsync"),
    (22, "ExecNotificationQuery"),
    (23, "ExecNotificationQueryAsync"),
    (24, "ExecMethod"),
    (25, "ExecMethodAsync"),
];

/// [MS-WMI] 3.1.4.1.
static WBEM_LOGIN: &[(u16, &str)] = &[(3, "EstablishPosition"), (4, "RequestChallenge"), (5, "WBEMLogin"), (6, "NTLMLogin")];

/// [MS-DCOM] 3.1.1.5.6 and 3.1.1.5.7.
static REM_UNKNOWN: &[(u16, &str)] = &[(3, "RemQueryInterface"), (4, "RemAddRef"), (5, "RemRelease"), (6, "RemQueryInterface2")];

/// [MS-DCOM] 3.1.2.5.1.
static OXID: &[(u16, &str)] =
    &[(0, "ResolveOxid"), (1, "SimplePing"), (2, "ComplexPing"), (3, "ServerAlive"), (4, "ResolveOxid2"), (5, "ServerAlive2")];

/// [MS-DRSR] 4.1.
static DRSUAPI: &[(u16, &str)] = &[
    (0, "DRSBind"),
    (1, "DRSUnbind"),
    (2, "DRSReplicaSync"),
    (3, "DRSGetNCChanges"),
    (4, "DRSUpdateRefs"),
    (5, "DRSReplicaAdd"),
    (6, "DRSReplicaDel"),
    (7, "DRSReplicaModify"),
    (8, "DRSVerifyNames"),
    (9, "DRSGetMemberships"),
    (10, "DRSInterDomainMove"),
    (11, "DRSGetNT4ChangeLog"),
    (12, "DRSCrackNames"),
    (13, "DRSWriteSPN"),
    (14, "DRSRemoveDsServer"),
    (15, "DRSRemoveDsDomain"),
    (16, "DRSDomainControllerInfo"),
    (17, "DRSAddEntry"),
    (18, "DRSExecuteKCC"),
    (19, "DRSGetReplInfo"),
    (20, "DRSAddSidHistory"),
];

/// [MS-SAMR] 3.1.5.
static SAMR: &[(u16, &str)] = &[
    (0, "SamrConnect"),
    (1, "SamrCloseHandle"),
    (3, "SamrQuerySecurityObject"),
    (5, "SamrLookupDomainInSamServer"),
    (6, "SamrEnumerateDomainsInSamServer"),
    (7, "SamrOpenDomain"),
    (8, "SamrQueryInformationDomain"),
    (9, "SamrSetInformationDomain"),
    (10, "SamrCreateGroupInDomain"),
    (11, "SamrEnumerateGroupsInDomain"),
    (12, "SamrCreateUserInDomain"),
    (13, "SamrEnumerateUsersInDomain"),
    (14, "SamrCreateAliasInDomain"),
    (15, "SamrEnumerateAliasesInDomain"),
    (16, "SamrGetAliasMembership"),
    (17, "SamrLookupNamesInDomain"),
    (18, "SamrLookupIdsInDomain"),
    (19, "SamrOpenGroup"),
    (20, "SamrQueryInformationGroup"),
    (22, "SamrAddMemberToGroup"),
    (25, "SamrGetMembersInGroup"),
    (27, "SamrOpenAlias"),
    (28, "SamrQueryInformationAlias"),
    (31, "SamrAddMemberToAlias"),
    (33, "SamrGetMembersInAlias"),
    (34, "SamrOpenUser"),
    (35, "SamrDeleteUser"),
    (36, "SamrQueryInformationUser"),
    (37, "SamrSetInformationUser"),
    (38, "SamrChangePasswordUser"),
    (39, "SamrGetGroupsForUser"),
    (40, "SamrQueryDisplayInformation"),
    (44, "SamrGetUserDomainPasswordInformation"),
    (46, "SamrQueryInformationDomain2"),
    (47, "SamrQueryInformationUser2"),
    (48, "SamrQueryDisplayInformation2"),
    (50, "SamrCreateUser2InDomain"),
    (51, "SamrQueryDisplayInformation3"),
    (54, "SamrOemChangePasswordUser2"),
    (55, "SamrUnicodeChangePasswordUser2"),
    (56, "SamrGetDomainPasswordInformation"),
    (57, "SamrConnect2"),
    (58, "SamrSetInformationUser2"),
    (62, "SamrConnect4"),
    (64, "SamrConnect5"),
    (65, "SamrRidToSid"),
    (66, "SamrSetDSRMPassword"),
    (67, "SamrValidatePassword"),
];

/// [MS-LSAD] 3.1.4 and [MS-LSAT] 3.1.4.
static LSARPC: &[(u16, &str)] = &[
    (0, "LsarClose"),
    (2, "LsarEnumeratePrivileges"),
    (6, "LsarOpenPolicy"),
    (7, "LsarQueryInformationPolicy"),
    (8, "LsarSetInformationPolicy"),
    (10, "LsarCreateAccount"),
    (11, "LsarEnumerateAccounts"),
    (13, "LsarEnumerateTrustedDomains"),
    (14, "LsarLookupNames"),
    (15, "LsarLookupSids"),
    (17, "LsarOpenAccount"),
    (18, "LsarEnumeratePrivilegesAccount"),
    (19, "LsarAddPrivilegesToAccount"),
    (28, "LsarOpenSecret"),
    (30, "LsarQuerySecret"),
    (35, "LsarEnumerateAccountsWithUserRight"),
    (36, "LsarEnumerateAccountRights"),
    (37, "LsarAddAccountRights"),
    (42, "LsarStorePrivateData"),
    (43, "LsarRetrievePrivateData"),
    (44, "LsarOpenPolicy2"),
    (45, "LsarGetUserName"),
    (46, "LsarQueryInformationPolicy2"),
    (50, "LsarEnumerateTrustedDomainsEx"),
    (57, "LsarLookupSids2"),
    (58, "LsarLookupNames2"),
    (68, "LsarLookupNames3"),
    (76, "LsarLookupSids3"),
    (77, "LsarLookupNames4"),
];

/// [MS-SRVS] 3.1.4.
static SRVSVC: &[(u16, &str)] = &[
    (8, "NetrConnectionEnum"),
    (9, "NetrFileEnum"),
    (10, "NetrFileGetInfo"),
    (11, "NetrFileClose"),
    (12, "NetrSessionEnum"),
    (13, "NetrSessionDel"),
    (14, "NetrShareAdd"),
    (15, "NetrShareEnum"),
    (16, "NetrShareGetInfo"),
    (17, "NetrShareSetInfo"),
    (18, "NetrShareDel"),
    (21, "NetrServerGetInfo"),
    (22, "NetrServerSetInfo"),
    (23, "NetrServerDiskEnum"),
    (28, "NetrRemoteTOD"),
    (30, "NetprPathType"),
    (31, "NetprPathCanonicalize"),
    (32, "NetprPathCompare"),
    (36, "NetrShareEnumSticky"),
];

/// [MS-WKST] 3.2.4.
static WKSSVC: &[(u16, &str)] = &[
    (0, "NetrWkstaGetInfo"),
    (1, "NetrWkstaSetInfo"),
    (2, "NetrWkstaUserEnum"),
    (5, "NetrWkstaTransportEnum"),
    (8, "NetrUseAdd"),
    (13, "NetrWorkstationStatisticsGet"),
    (20, "NetrGetJoinInformation"),
    (22, "NetrJoinDomain2"),
    (23, "NetrUnjoinDomain2"),
];

/// [MS-RRP] 3.1.5.
static WINREG: &[(u16, &str)] = &[
    (0, "OpenClassesRoot"),
    (1, "OpenCurrentUser"),
    (2, "OpenLocalMachine"),
    (3, "OpenPerformanceData"),
    (4, "OpenUsers"),
    (5, "BaseRegCloseKey"),
    (6, "BaseRegCreateKey"),
    (7, "BaseRegDeleteKey"),
    (8, "BaseRegDeleteValue"),
    (9, "BaseRegEnumKey"),
    (10, "BaseRegEnumValue"),
    (11, "BaseRegFlushKey"),
    (12, "BaseRegGetKeySecurity"),
    (13, "BaseRegLoadKey"),
    (15, "BaseRegOpenKey"),
    (16, "BaseRegQueryInfoKey"),
    (17, "BaseRegQueryValue"),
    (18, "BaseRegReplaceKey"),
    (19, "BaseRegRestoreKey"),
    (20, "BaseRegSaveKey"),
    (21, "BaseRegSetKeySecurity"),
    (22, "BaseRegSetValue"),
    (23, "BaseRegUnLoadKey"),
    (26, "BaseRegGetVersion"),
    (27, "OpenCurrentConfig"),
    (29, "BaseRegQueryMultipleValues"),
    (31, "BaseRegSaveKeyEx"),
    (35, "BaseRegDeleteKeyEx"),
];

/// [MS-RPRN] 3.1.4.
static SPOOLSS: &[(u16, &str)] = &[
    (0, "RpcEnumPrinters"),
    (1, "RpcOpenPrinter"),
    (2, "RpcSetJob"),
    (4, "RpcEnumJobs"),
    (5, "RpcAddPrinter"),
    (8, "RpcGetPrinter"),
    (9, "RpcAddPrinterDriver"),
    (10, "RpcEnumPrinterDrivers"),
    (11, "RpcGetPrinterDriver"),
    (12, "RpcGetPrinterDriverDirectory"),
    (17, "RpcStartDocPrinter"),
    (26, "RpcGetPrinterData"),
    (29, "RpcClosePrinter"),
    (53, "RpcGetPrinterDriver2"),
    (56, "RpcFindClosePrinterChangeNotification"),
    (62, "RpcRemoteFindFirstPrinterChangeNotification"),
    (65, "RpcRemoteFindFirstPrinterChangeNotificationEx"),
    (69, "RpcOpenPrinterEx"),
    (70, "RpcAddPrinterEx"),
    (84, "RpcDeletePrinterDriverEx"),
    (89, "RpcAddPrinterDriverEx"),
];

/// [MS-PAR] 3.1.4.
static WINSPOOL: &[(u16, &str)] = &[
    (0, "RpcAsyncOpenPrinter"),
    (39, "RpcAsyncAddPrinterDriver"),
    (58, "RpcSyncRegisterForRemoteNotifications"),
    (62, "RpcAsyncInstallPrinterDriverFromPackage"),
    (63, "RpcAsyncUploadPrinterDriverPackage"),
];

/// [MS-EFSR] 3.1.4.2.
static EFSRPC: &[(u16, &str)] = &[
    (0, "EfsRpcOpenFileRaw"),
    (1, "EfsRpcReadFileRaw"),
    (2, "EfsRpcWriteFileRaw"),
    (3, "EfsRpcCloseRaw"),
    (4, "EfsRpcEncryptFileSrv"),
    (5, "EfsRpcDecryptFileSrv"),
    (6, "EfsRpcQueryUsersOnFile"),
    (7, "EfsRpcQueryRecoveryAgents"),
    (8, "EfsRpcRemoveUsersFromFile"),
    (9, "EfsRpcAddUsersToFile"),
    (12, "EfsRpcFileKeyInfo"),
    (13, "EfsRpcDuplicateEncryptionInfoFile"),
    (15, "EfsRpcAddUsersToFileEx"),
    (16, "EfsRpcFileKeyInfoEx"),
    (18, "EfsRpcGetEncryptedFileMetadata"),
    (19, "EfsRpcSetEncryptedFileMetadata"),
    (20, "EfsRpcFlushEfsCache"),
    (21, "EfsRpcEncryptFileExSrv"),
    (22, "EfsRpcQueryProtectors"),
];

/// [MS-EVEN] 3.1.4.
static EVENTLOG: &[(u16, &str)] = &[
    (0, "ElfrClearELFW"),
    (1, "ElfrBackupELFW"),
    (2, "ElfrCloseEL"),
    (4, "ElfrNumberOfRecords"),
    (5, "ElfrOldestRecord"),
    (7, "ElfrOpenELW"),
    (8, "ElfrRegisterEventSourceW"),
    (9, "ElfrOpenBELW"),
    (10, "ElfrReadELW"),
    (11, "ElfrReportEventW"),
    (12, "ElfrClearELFA"),
];

/// [MS-EVEN6] 3.1.4.
static EVENTLOG6: &[(u16, &str)] =
    &[(0, "EvtRpcRegisterRemoteSubscription"), (5, "EvtRpcRegisterLogQuery"), (6, "EvtRpcClearLog"), (7, "EvtRpcExportLog"), (11, "EvtRpcQueryNext")];

/// [MS-NRPC] 3.5.4.
static NETLOGON: &[(u16, &str)] = &[
    (2, "NetrLogonSamLogon"),
    (3, "NetrLogonSamLogoff"),
    (4, "NetrServerReqChallenge"),
    (5, "NetrServerAuthenticate"),
    (6, "NetrServerPasswordSet"),
    (7, "NetrDatabaseDeltas"),
    (8, "NetrDatabaseSync"),
    (14, "NetrLogonControl2"),
    (15, "NetrServerAuthenticate2"),
    (16, "NetrDatabaseSync2"),
    (18, "NetrLogonControl2Ex"),
    (20, "DsrGetDcName"),
    (21, "NetrLogonGetCapabilities"),
    (26, "NetrServerAuthenticate3"),
    (27, "DsrGetDcNameEx"),
    (28, "DsrGetSiteName"),
    (29, "NetrLogonGetDomainInfo"),
    (30, "NetrServerPasswordSet2"),
    (31, "NetrServerPasswordGet"),
    (34, "DsrGetDcNameEx2"),
    (36, "NetrEnumerateTrustedDomainsEx"),
    (39, "NetrLogonSamLogonEx"),
    (40, "DsrEnumerateDomainTrusts"),
    (42, "NetrServerTrustPasswordsGet"),
    (45, "NetrLogonSamLogonWithFlags"),
    (46, "NetrServerGetTrustInfo"),
];

/// C706, appendix O.
static EPM: &[(u16, &str)] = &[
    (0, "ept_insert"),
    (1, "ept_delete"),
    (2, "ept_lookup"),
    (3, "ept_map"),
    (4, "ept_lookup_handle_free"),
    (5, "ept_inq_object"),
    (6, "ept_mgmt_delete"),
];

/// [MS-RSP] 3.1.4.
static SHUTDOWN: &[(u16, &str)] = &[(0, "BaseInitiateShutdown"), (1, "BaseAbortShutdown"), (2, "BaseInitiateShutdownEx")];

/// [MS-DFSNM] 3.1.4.
static DFSNM: &[(u16, &str)] = &[
    (0, "NetrDfsManagerGetVersion"),
    (1, "NetrDfsAdd"),
    (2, "NetrDfsRemove"),
    (5, "NetrDfsEnum"),
    (12, "NetrDfsAddStdRoot"),
    (13, "NetrDfsRemoveStdRoot"),
    (14, "NetrDfsManagerInitialize"),
    (21, "NetrDfsEnumEx"),
];

/// [MS-FSRVP] 3.1.4.
static FSSAGENT: &[(u16, &str)] = &[
    (0, "GetSupportedVersion"),
    (1, "SetContext"),
    (2, "StartShadowCopySet"),
    (3, "AddToShadowCopySet"),
    (4, "CommitShadowCopySet"),
    (5, "ExposeShadowCopySet"),
    (6, "RecoveryCompleteShadowCopySet"),
    (7, "AbortShadowCopySet"),
    (8, "IsPathSupported"),
    (9, "IsPathShadowCopied"),
    (10, "GetShareMapping"),
    (11, "DeleteShareMapping"),
    (12, "PrepareShadowCopySet"),
];

/// C706, appendix Q.
static MGMT: &[(u16, &str)] = &[(0, "inq_if_ids"), (1, "inq_stats"), (2, "is_server_listening"), (3, "stop_server_listening"), (4, "inq_princ_name")];

/// [MS-DNSP] 3.1.4.
static DNS_SERVER: &[(u16, &str)] = &[(0, "DnssrvOperation"), (1, "DnssrvQuery"), (5, "DnssrvOperation2"), (6, "DnssrvQuery2")];

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
