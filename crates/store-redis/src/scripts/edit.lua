-- The step `edit`: a change within the record, such as name, spelling of the same address, password or account
-- status.
--
-- Invariant: compares and raises the version `rev`, and raises the fencing token `ver`. So it supersedes an e-mail
-- change in flight: an operation that was authenticated against an older state must not commit after this one was
-- acknowledged.
--
-- Invariant: a change that revokes sessions begins a new epoch in the same step, so that no session but the kept one
-- is valid after it.
--
-- Steps: recognise a repeat by the nonce; compare the version; begin the epoch; put the claim of an unfinished change
-- on the stale claims; write the fields; append the event.
--
-- KEYS 1 record   2 the shard's events   3 the user's sessions. Without an event only 1; without revocation only 1
--      and 2.
-- ARGV 1 expected version   2 nonce of this request   3 the session to keep ('' for none)   4-9 the event
--      10… fields and values
-- Answers: {ok, stale claims} (also to a repeat) | {missing} | {stale}
local st, ver, rev, chg, rel, by, epo = fields(KEYS[1], 'st', 'ver', 'rev', 'chg', 'rel', 'by', 'epo')
if st ~= 'A' then return {'missing'} end
local next = tonumber(ARGV[1]) + 1
if tonumber(rev) == next and by == ARGV[2] then return {'ok', rel} end
if rev ~= ARGV[1] then return {'stale'} end
if KEYS[2] then redis.call('XLEN', KEYS[2]) end

if KEYS[3] then
  local epoch = tonumber(epo) or 0
  begin_epoch(KEYS[3], ARGV[3], epoch, epoch + 1)
  redis.call('HSET', KEYS[1], 'epo', epoch + 1)
end
rel = add_stale_change(rel, chg)
ver = tonumber(ver) + 1
redis.call('HSET', KEYS[1], 'ver', ver, 'rev', next, 'by', ARGV[2], unpack(ARGV, 10))
if chg ~= '' then
  redis.call('HSET', KEYS[1], 'rel', rel)
  redis.call('HDEL', KEYS[1], 'chg', 'till')
end
if KEYS[2] then append_event(KEYS[2], 4) end
return {'ok', rel}
