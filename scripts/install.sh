#!/usr/bin/env bash
# install.sh PROGRAM DESTDIR PREFIX SYSCONFDIR: the work of `make install`. DESTDIR may be empty. The program generates
# its manual pages and completions itself; an existing userd.toml is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=$1 root=$2 prefix=$3 settings=$4
[ -x "$program" ] || { echo "install.sh: $program does not exist; build it with 'cargo build --profile dist --locked'." >&2 && exit 1; }

install -D -m 755 "$program" "$root$prefix/bin/userd"

"$program" man --dir "$root$prefix/share/man/man1"
for place in bash:bash-completion/completions/userd zsh:zsh/site-functions/_userd fish:fish/vendor_completions.d/userd.fish; do
    file=$root$prefix/share/${place#*:}
    install -d "$(dirname "$file")"
    "$program" completions "${place%%:*}" >"$file"
done

install -d "$root$prefix/lib/systemd/system" "$root$prefix/lib/sysusers.d"
sed "s|/usr/local/bin/userd|$prefix/bin/userd|; s|/etc/userd/|$settings/userd/|g" deploy/systemd/userd.service \
    >"$root$prefix/lib/systemd/system/userd.service"
install -m 644 deploy/systemd/userd.sysusers "$root$prefix/lib/sysusers.d/userd.conf"

install -D -m 644 userd.default.toml "$root$prefix/share/doc/userd/userd.default.toml"
if [ ! -e "$root$settings/userd/userd.toml" ]; then
    install -D -m 644 deploy/systemd/userd.toml "$root$settings/userd/userd.toml"
fi
