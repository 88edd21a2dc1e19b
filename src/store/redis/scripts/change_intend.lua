-- X1. Writes down that the user is about to move to another e-mail. The user's version is compared and
-- raised; the new version is the op, the token that fences everybody who read the old one.
--
-- KEYS 1 record
-- ARGV 1 expected version   2 new e-mail   3 nonce of this request   4 deadline of the intent (ms)
-- Answers: {ok, op} (also to a repeat) | {missing} | {stale}
local st, ver, chg, rel, by = fields(KEYS[1], 'st', 'ver', 'chg', 'rel', 'by')
if st ~= 'A' then return {'missing'} end
local op = tonumber(ARGV[1]) + 1
if tonumber(ver) == op and by == ARGV[3] then return {'ok', op} end
if ver ~= ARGV[1] then return {'stale'} end

rel = owe_change(rel, chg)
redis.call('HSET', KEYS[1], 'ver', op, 'by', ARGV[3], 'chg', op .. ' ' .. ARGV[2], 'till', ARGV[4])
if rel ~= '' then redis.call('HSET', KEYS[1], 'rel', rel) end
return {'ok', op}
