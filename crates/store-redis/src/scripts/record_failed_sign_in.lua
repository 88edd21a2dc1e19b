-- Writes that somebody gave a wrong password for a user. Where there is no such user it is asked the same way and
-- writes nothing, so that its time tells nobody who is a user. It does not know its own repeat, and is sent once.
--
-- KEYS 1 the shard's events
-- ARGV 1 1 if there is such a user   2-7 the event
-- Answers: ok
redis.call('XLEN', KEYS[1])
if ARGV[1] == '1' then append_event(KEYS[1], 2) end
return 'ok'
