-- A change that stays within the record: name, spelling of the same e-mail, password. Compares and raises
-- the version, raises the fence, and supersedes an e-mail change in flight: what was authenticated against
-- an older state must not commit after this one was acknowledged.
--
-- KEYS 1 record
-- ARGV 1 expected version   2 nonce of this request   3… fields and values
-- Answers: {ok, claims to release} (also to a repeat) | {missing} | {stale}
local st, ver, rev, chg, rel, by = fields(KEYS[1], 'st', 'ver', 'rev', 'chg', 'rel', 'by')
if st ~= 'A' then return {'missing'} end
local next = tonumber(ARGV[1]) + 1
if tonumber(rev) == next and by == ARGV[2] then return {'ok', rel} end
if rev ~= ARGV[1] then return {'stale'} end

rel = owe_change(rel, chg)
ver = tonumber(ver) + 1
redis.call('HSET', KEYS[1], 'ver', ver, 'rev', next, 'by', ARGV[2], unpack(ARGV, 3))
if chg ~= '' then
  redis.call('HSET', KEYS[1], 'rel', rel)
  redis.call('HDEL', KEYS[1], 'chg', 'till')
end
return {'ok', rel}
