#!/usr/bin/env bash
# image-root.sh PROGRAM FOLDER: creates the file system of the image in FOLDER: the program, the shared libraries that it
# links, and what a container without a distribution needs. No shell and no package manager: what is not there needs no
# update and is of no use to an attacker. The Dockerfile runs this script; a test runs userd in its result.
set -euo pipefail

program=${1:?which program?}
root=${2:?into which folder?}

# An unprivileged id, the one of distroless images; it owns the data directory only.
user=65532

install -D -m 755 "$program" "$root/usr/local/bin/userd"
libraries=$(ldd "$program") || { echo "image-root.sh: ldd can't read $program." >&2 && exit 1; }
if grep 'not found' <<<"$libraries" >&2; then
    echo "image-root.sh: these libraries of $program are missing on this machine." >&2
    exit 1
fi
# Lines are `libc.so.6 => /lib/…/libc.so.6 (0x…)`, and `/lib64/ld-linux-x86-64.so.2 (0x…)`.
grep -oE '(^|[[:space:]])/[^ ]+' <<<"$libraries" | while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
done

# The platform's DNS resolves host names; since glibc 2.34 that needs no further libraries.
install -d -m 755 "$root/etc"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
echo "userd:x:$user:$user:userd:/var/lib/userd:/sbin/nologin" >"$root/etc/passwd"
echo "userd:x:$user:" >"$root/etc/group"

install -d -m 1777 "$root/tmp"
install -d -m 700 "$root/var/lib/userd"
if [ "$(id -u)" -eq 0 ]; then
    chown "$user:$user" "$root/var/lib/userd"
fi
