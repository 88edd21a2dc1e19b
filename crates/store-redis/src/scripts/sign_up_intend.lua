-- The step `sign_up_intend`: records that a sign-up begins. The pending record is invisible to every reader.
--
-- Invariant: a record that was aborted or deleted does not come back. Its tombstone rejects late copies of this
-- message; copies that arrive after the tombstone has expired are rejected by the not-after time, which is far
-- shorter than the life of a tombstone.
--
-- Steps: recognise a repeat by the address; reject an existing record; check the not-after time; write the record
-- with the deadline of the intent and an expiry.
--
-- KEYS 1 record
-- ARGV 1 not after (ms, the server's clock)   2 deadline of the intent (ms, callers' clock)
--      3 life of the pending record (ms)      4 canonical e-mail      5… fields and values of the user
-- Answers: ok (also to a repeat) | done (already active) | dead (aborted or deleted) | late
local st, email = fields(KEYS[1], 'st', 'email')
if st == 'P' and email == ARGV[4] then return 'ok' end
if st == 'A' then return 'done' end
if st ~= '' then return 'dead' end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[1]) then return 'late' end

redis.call('HSET', KEYS[1], 'st', 'P', 'ver', 1, 'rev', 1, 'eop', 1, 'email', ARGV[4], 'till', ARGV[2], unpack(ARGV, 5))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'ok'
