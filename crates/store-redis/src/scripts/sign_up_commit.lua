-- The step `sign_up_commit`, the moment of signing up: the pending record becomes an active user and is listed, in
-- one step.
--
-- Invariant: only a pending record can be committed. `resolve` turns an overdue one into a tombstone before it
-- answers DEAD, so a sign-up whose claim was taken over never commits.
--
-- KEYS 1 record   2 the shard's users   3 the shard's e-mails   4 the shard's events
-- ARGV 1 id   2-7 the event
-- Answers: ok (also to a repeat) | dead (another process aborted this sign-up)
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
