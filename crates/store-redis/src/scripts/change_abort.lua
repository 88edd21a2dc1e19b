-- The step `change_abort`: aborts the caller's own e-mail change. Its claim becomes a stale claim.
--
-- Invariant: an aborted change never commits, because `change_commit` requires `chg`. If an earlier copy of the same
-- request has been committed, the answer says so, and nothing is aborted.
--
-- KEYS 1 record
-- ARGV 1 operation id
-- Answers: {dead, stale claims} | {committed, stale claims}
local st, eop, chg, rel = fields(KEYS[1], 'st', 'eop', 'chg', 'rel')
if st == 'A' and eop == ARGV[1] then return {'committed', rel} end
if st ~= 'A' or string.match(chg, '^%d+') ~= ARGV[1] then return {'dead', rel} end

rel = add_stale_change(rel, chg)
redis.call('HSET', KEYS[1], 'rel', rel)
redis.call('HDEL', KEYS[1], 'chg', 'till')
return {'dead', rel}
