#!/bin/sh
# Builds the Debian package from a binary that is there already: packaging/build-deb.sh target/release/spanward [directory for the package]
set -eu

binary=${1:?usage: build-deb.sh BINARY [DIRECTORY]}
to=${2:-.}
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
version=$("$binary" --version | awk 'NR == 1 { print $2 }')
arch=$(dpkg --print-architecture)

put() { install -D -m "$1" "$2" "$root/$3"; }
put 0755 "$binary" usr/bin/spanward
strip --strip-unneeded "$root/usr/bin/spanward"
put 0644 "$here/spanward.service" usr/lib/systemd/system/spanward.service
put 0644 "$here/spanward.sysusers" usr/lib/sysusers.d/spanward.conf
put 0640 "$here/site.toml" etc/spanward/site.toml
for page in SITE JSON STORE SERVICE; do
    put 0644 "$here/../docs/$page.md" "usr/share/doc/spanward/$page.md"
done
cat "$here/../LICENSE-MIT" "$here/../LICENSE-APACHE" "$here/../NOTICE" > "$root/usr/share/doc/spanward/copyright"
chmod 0644 "$root/usr/share/doc/spanward/copyright"

mkdir -p "$root/usr/share/man/man1"
"$binary" man "$root/usr/share/man/man1"
gzip -9n "$root"/usr/share/man/man1/*
completion() {
    mkdir -p "$root/$(dirname "$2")"
    "$binary" completions "$1" > "$root/$2"
}
completion bash usr/share/bash-completion/completions/spanward
completion zsh usr/share/zsh/vendor-completions/_spanward
completion fish usr/share/fish/vendor_completions.d/spanward.fish
find "$root" -type d -exec chmod 0755 {} +

mkdir -p "$root/DEBIAN"
cat > "$root/DEBIAN/control" <<CONTROL
Package: spanward
Version: $version
Architecture: $arch
Maintainer: spanward <root@localhost>
Section: net
Priority: optional
Depends: libc6, libpcap0.8 | libpcap0.8t64, systemd
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Description: watches the mirror port of a hospital's network
 Reads what a switch mirrors and names devices without permission, what leaves
 the clinical network, and who spreads inside it. Sends nothing on the mirror
 interface.
CONTROL
echo /etc/spanward/site.toml > "$root/DEBIAN/conffiles"
install -m 0755 "$here/postinst" "$here/prerm" "$root/DEBIAN/"
dpkg-deb --root-owner-group --build "$root" "$to/spanward_${version}_$arch.deb"
