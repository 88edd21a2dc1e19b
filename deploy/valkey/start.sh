#!/bin/sh
# start.sh: starts Valkey with the two users that compose.yaml needs. The password is read from a file and passed to the
# server on standard input, so that it appears in no process list and no log.
#
# A test keeps userd's rights equal to the ACL line in docs/operations/redis.md.
set -eu

password=$(cat "${VALKEY_PASSWORD_FILE:-/run/secrets/valkey_password}")
case "$password" in
'' | *[!A-Za-z0-9_+/=-]*)
    echo "start.sh: the password is empty, or has characters that a line of the configuration can't hold." >&2
    exit 1
    ;;
esac

# `health` can ping the server and do nothing else.
exec "${VALKEY_SERVER:-valkey-server}" "${VALKEY_CONF:-/etc/valkey/valkey.conf}" "$@" - <<END
user default off
user health on nopass resetkeys resetchannels -@all +ping
user userd on >$password resetkeys ~userd:* resetchannels -@all +select +ping +time +info +script|load +evalsha +eval +get +set +del +hset +hmget +hgetall +hdel +pexpire +persist +zadd +zrem +zcard +zscore +zrangebylex +zrevrangebylex +xadd +xlen +xrange +xrevrange +exists +scan
END
