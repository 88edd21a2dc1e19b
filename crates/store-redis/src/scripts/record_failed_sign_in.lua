-- Appends a failed sign-in to the events. If there is no such user, the same message is sent and nothing is written,
-- so that the response time does not reveal whether a user exists. Not idempotent: it is sent once.
--
-- KEYS 1 the shard's events
-- ARGV 1 1 if there is such a user   2-7 the event
-- Answers: ok
redis.call('XLEN', KEYS[1])
if ARGV[1] == '1' then append_event(KEYS[1], 2) end
return 'ok'
