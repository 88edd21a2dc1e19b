-- Revokes all sessions, or all but one: begins a new epoch, in which only the kept session continues.
--
-- Invariant: the epoch is compared first, so a late copy of this message revokes no session that was opened since.
--
-- KEYS 1 record   2 the user's sessions   3 the shard's events
-- ARGV 1 expected epoch   2 nonce of this request   3 the session to keep ('' for none)   4-9 the event
-- Answers: ok (also to a repeat) | missing | raced (another epoch has begun: read again)
local st, epo, nonce = fields(KEYS[1], 'st', 'epo', 'eby')
if st ~= 'A' then return 'missing' end
if nonce == ARGV[2] then return 'ok' end
local epoch = tonumber(epo) or 0
if epoch ~= tonumber(ARGV[1]) then return 'raced' end
redis.call('XLEN', KEYS[3])

begin_epoch(KEYS[2], ARGV[3], epoch, epoch + 1)
redis.call('HSET', KEYS[1], 'epo', epoch + 1, 'eby', ARGV[2])
append_event(KEYS[3], 4)
return 'ok'
