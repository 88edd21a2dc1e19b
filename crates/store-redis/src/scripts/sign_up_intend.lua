-- C1. Writes down that somebody is about to sign up: a pending record, invisible to every reader.
--
-- KEYS 1 record
-- ARGV 1 not after (ms, the server's clock)   2 deadline of the intent (ms, callers' clock)
--      3 life of the pending record (ms)      4 canonical e-mail      5… fields and values of the user
-- Answers: ok (also to a repeat) | done (already active) | dead (given up by others) | late
--
-- A copy of this message that arrives after everything about it was forgotten would bring the dead back;
-- hence the not-after time, far shorter than any tombstone's life.
local st, email = fields(KEYS[1], 'st', 'email')
if st == 'P' and email == ARGV[4] then return 'ok' end
if st == 'A' then return 'done' end
if st ~= '' then return 'dead' end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[1]) then return 'late' end

redis.call('HSET', KEYS[1], 'st', 'P', 'ver', 1, 'rev', 1, 'eop', 1, 'email', ARGV[4], 'till', ARGV[2], unpack(ARGV, 5))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'ok'
