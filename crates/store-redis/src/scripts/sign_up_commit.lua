-- C3, the moment of signing up: the pending record becomes an active user and is listed, in one step.
--
-- KEYS 1 record   2 the shard's users   3 the shard's e-mails   4 the shard's events
-- ARGV 1 id   2-7 the event
-- Answers: ok (also to a repeat) | dead (others gave this sign-up up; it can never commit)
local st, email = fields(KEYS[1], 'st', 'email')
if st == 'A' then return 'ok' end
if st ~= 'P' then return 'dead' end
redis.call('ZCARD', KEYS[2])
redis.call('ZCARD', KEYS[3])
redis.call('XLEN', KEYS[4])

redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], 0, email .. '\0' .. ARGV[1])
redis.call('HSET', KEYS[1], 'st', 'A')
redis.call('HDEL', KEYS[1], 'till')
redis.call('PERSIST', KEYS[1])
append_event(KEYS[4], 2)
return 'ok'
