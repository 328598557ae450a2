#!/bin/sh
# The Debian packages that the clinic of live.py needs; nothing if they are there. Remote desktops are taken where the distribution has them.
set -e
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
export DEBIAN_FRONTEND=noninteractive
missing=
want() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }
want ip iproute2
want tc iproute2
want ethtool ethtool
want ping iputils-ping
want unshare util-linux
want sysctl procps
want openssl openssl
want smbd samba
want smbclient smbclient
want net samba-common-bin
want dnsmasq dnsmasq-base
want udhcpc udhcpc
want tcpdump tcpdump
want python3 python3
want Xvfb xvfb
desktop=
command -v xfreerdp >/dev/null || command -v xfreerdp3 >/dev/null || desktop=yes
command -v freerdp-shadow-cli >/dev/null || command -v freerdp-shadow-cli3 >/dev/null || desktop=yes
[ -n "$missing$desktop" ] || exit 0
command -v apt-get >/dev/null || { echo "please install what is called on Debian:$missing freerdp2-x11 freerdp2-shadow-x11" >&2; exit 1; }
echo "installing$missing${desktop:+ freerdp}"
get() { $sudo apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@" >/dev/null; }
$sudo apt-get -o DPkg::Lock::Timeout=300 update -qq
[ -z "$missing" ] || get $missing
if [ -n "$desktop" ]; then
	get freerdp2-x11 freerdp2-shadow-x11 2>/dev/null || get freerdp3-x11 freerdp3-shadow-x11 2>/dev/null ||
		echo "no freerdp in this distribution: the scene of remote desktops will be skipped" >&2
fi
