-- The step `resolve`, on the *holder's* record: may the claim "<id>:<operation id>" on this address be taken over?
--
-- Invariant: DEAD is final. Once answered, that operation can never commit. So if an overdue intent is in the way, it
-- is aborted here, in the same step, before the answer leaves. A timeout alone would be no fence.
--
-- Steps: a pending sign-up under this operation id is BUSY until its deadline, then becomes a tombstone. An active
-- user who has the address under this operation id is OWNED. An e-mail change in flight under it is BUSY until its
-- deadline, then is put on the stale claims. Everything else is DEAD.
--
-- KEYS 1 the holder's record
-- ARGV 1 e-mail   2 operation id   3 now (ms, callers' clock)   4 life of a tombstone (ms)
-- Answers: {DEAD} | {OWNED} | {BUSY, ms left}
local st, ver, email, eop, chg, rel, till = fields(KEYS[1], 'st', 'ver', 'email', 'eop', 'chg', 'rel', 'till')
if st == 'P' and email == ARGV[1] and eop == ARGV[2] then
  local left = left_ms(till, ARGV[3])
  if left > 0 then return {'BUSY', left} end
  write_tombstone(KEYS[1], 'X', ver, '', '', ARGV[4])
  return {'DEAD'}
end
if st == 'A' and email == ARGV[1] and eop == ARGV[2] then return {'OWNED'} end
if st == 'A' and chg == ARGV[2] .. ' ' .. ARGV[1] then
  local left = left_ms(till, ARGV[3])
  if left > 0 then return {'BUSY', left} end
  redis.call('HSET', KEYS[1], 'rel', add_stale_change(rel, chg))
  redis.call('HDEL', KEYS[1], 'chg', 'till')
end
return {'DEAD'}
