-- A change that stays within the record: name, spelling of the same e-mail, password. Compares and raises
-- the version, raises the fence, and supersedes an e-mail change in flight: what was authenticated against
-- an older state must not commit after this one was acknowledged.
--
-- A new password begins a new epoch in the same step: every session but the one that stays has ended with it.
--
-- KEYS 1 record   2 the shard's events   3 the user's sessions. A change of which nobody has to hear has the first
--      alone, one that ends no session the first two.
-- ARGV 1 expected version   2 nonce of this request   3 the session that stays ('' for none)   4-9 the event
--      10… fields and values
-- Answers: {ok, claims to release} (also to a repeat) | {missing} | {stale}
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
