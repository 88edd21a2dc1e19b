-- The step `change_intend`: records that the user is about to change their e-mail address.
--
-- Invariant: `ver` is compared and raised. Its new value is the operation id of the change, the fencing token: it
-- rejects every message that was based on an older value, including a late copy of this one. The user's version `rev`
-- is raised only when a change commits.
--
-- Steps: recognise a repeat by the nonce; compare `rev`, then `ver`; put the claim of an unfinished change on the
-- stale claims; write the change in flight and its deadline.
--
-- KEYS 1 record
-- ARGV 1 expected fencing token   2 expected version   3 new e-mail   4 nonce of this request
--      5 deadline of the intent (ms)
-- Answers: {ok} (also to a repeat) | {missing} | {stale} | {raced} (only the fencing token has changed: read again)
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
