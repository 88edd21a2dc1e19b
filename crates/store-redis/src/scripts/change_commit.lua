-- The step `change_commit`, the moment of an e-mail change: record and listing get the new address in one step.
--
-- Invariant: only the change that is still in flight can commit; a later operation has superseded every other one.
--
-- Steps: check that `chg` has this operation id (a repeat finds it in `eop`); put the old claim on the stale claims;
-- replace the listing entry; write the new address under the operation id; append the event.
--
-- KEYS 1 record   2 the shard's e-mails   3 the shard's events
-- ARGV 1 operation id   2 id   3-8 the event   9… fields and values that change with it
-- Answers: {ok, stale claims} (also to a repeat) | {dead, stale claims}
local st, rev, email, eop, chg, rel = fields(KEYS[1], 'st', 'rev', 'email', 'eop', 'chg', 'rel')
if st ~= 'A' then return {'dead', rel} end
local op, to = string.match(chg, '^(%d+) (.+)$')
if op ~= ARGV[1] then
  if eop == ARGV[1] then return {'ok', rel} end
  return {'dead', rel}
end
redis.call('ZCARD', KEYS[2])
redis.call('XLEN', KEYS[3])
rev = tonumber(rev) + 1

rel = add_stale_claim(rel, eop, email)
redis.call('ZREM', KEYS[2], email .. '\0' .. ARGV[2])
redis.call('ZADD', KEYS[2], 0, to .. '\0' .. ARGV[2])
redis.call('HSET', KEYS[1], 'rev', rev, 'email', to, 'eop', op, 'rel', rel, unpack(ARGV, 9))
redis.call('HDEL', KEYS[1], 'chg', 'till')
append_event(KEYS[3], 3)
return {'ok', rel}
