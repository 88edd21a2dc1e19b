-- Revokes one session. A session id is never reused, so a late copy of this message finds nothing.
--
-- KEYS 1 the user's sessions   2 the shard's events
-- ARGV 1 id   2-7 the event
-- Answers: ok | none (there is no such session; also to a repeat)
local id = ARGV[1]
if fields(KEYS[1], id) == '' then return 'none' end
redis.call('XLEN', KEYS[2])

local short = id_prefix(id)
redis.call('HDEL', KEYS[1], id, short .. 'u', short .. 'r', short .. 's', short .. 't')
append_event(KEYS[2], 2)
return 'ok'
