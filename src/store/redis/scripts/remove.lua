-- D1, the moment of deletion: the record becomes a tombstone and leaves the listings, in one step.
--
-- KEYS 1 record   2 the shard's users   3 the shard's e-mails
-- ARGV 1 expected version   2 id   3 nonce of this request   4 life of the tombstone (ms)
-- Answers: {ok, claims to release} (also to a repeat) | {missing} | {stale}
local st, ver, rev, email, eop, chg, rel, by = fields(KEYS[1], 'st', 'ver', 'rev', 'email', 'eop', 'chg', 'rel', 'by')
if st == 'D' and by == ARGV[3] then return {'ok', rel} end
if st ~= 'A' then return {'missing'} end
if rev ~= ARGV[1] then return {'stale'} end
redis.call('ZCARD', KEYS[2])
redis.call('ZCARD', KEYS[3])

rel = owe(owe_change(rel, chg), eop, email)
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[3], email .. '\0' .. ARGV[2])
bury(KEYS[1], 'D', ver, ARGV[3], rel, ARGV[4])
return {'ok', rel}
