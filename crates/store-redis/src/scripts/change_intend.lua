-- X1. Writes down that the user is about to move to another e-mail. The fence `ver` is compared and raised;
-- its new value is the op, the token that shuts out everybody who read an older one, a late copy of this
-- message included. The user's own version `rev` grows only when a change commits.
--
-- KEYS 1 record
-- ARGV 1 expected fence   2 expected version   3 new e-mail   4 nonce of this request
--      5 deadline of the intent (ms)
-- Answers: {ok} (also to a repeat) | {missing} | {stale} | {raced} (only the fence has moved: read again)
local st, ver, rev, chg, rel, by = fields(KEYS[1], 'st', 'ver', 'rev', 'chg', 'rel', 'by')
if st ~= 'A' then return {'missing'} end
local op = tonumber(ARGV[1]) + 1
if tonumber(ver) == op and by == ARGV[4] then return {'ok'} end
if rev ~= ARGV[2] then return {'stale'} end
if ver ~= ARGV[1] then return {'raced'} end

rel = add_stale_change(rel, chg)
redis.call('HSET', KEYS[1], 'ver', op, 'by', ARGV[4], 'chg', op .. ' ' .. ARGV[3], 'till', ARGV[5])
if rel ~= '' then redis.call('HSET', KEYS[1], 'rel', rel) end
return {'ok'}
