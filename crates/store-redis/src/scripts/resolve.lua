-- Asked of the *holder's* record: may the claim "<id>:<op>" on this e-mail be taken over?
--
-- DEAD is final: once answered, that op can never commit. So if an overdue intent is what stands in the
-- way, it is killed here, in the same step, before the answer leaves. A time-out alone is no fence.
--
-- KEYS 1 the holder's record
-- ARGV 1 e-mail   2 op   3 now (ms, callers' clock)   4 life of a tombstone (ms)
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
