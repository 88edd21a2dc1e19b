-- The step `remove`, the moment of deletion: in one step the record becomes a tombstone, leaves the listings, and its
-- sessions are deleted.
--
-- Invariant: a tombstone never becomes active again. It outlives every late message, and keeps the nonce, so that a
-- repeat of the deletion is recognised; nothing personal is left.
--
-- Steps: recognise a repeat; compare the version; put the claim, and that of an unfinished change, on the stale
-- claims; remove the listing entries; write the tombstone; delete the sessions; append the event.
--
-- KEYS 1 record   2 the shard's users   3 the shard's e-mails   4 the user's sessions   5 the shard's events
-- ARGV 1 expected version   2 id   3 nonce of this request   4 life of the tombstone (ms)   5-10 the event
-- Answers: {ok, stale claims} (also to a repeat) | {missing} | {stale}
local st, ver, rev, email, eop, chg, rel, by = fields(KEYS[1], 'st', 'ver', 'rev', 'email', 'eop', 'chg', 'rel', 'by')
if st == 'D' and by == ARGV[3] then return {'ok', rel} end
if st ~= 'A' then return {'missing'} end
if rev ~= ARGV[1] then return {'stale'} end
redis.call('ZCARD', KEYS[2])
redis.call('ZCARD', KEYS[3])
redis.call('XLEN', KEYS[5])

rel = add_stale_claim(add_stale_change(rel, chg), eop, email)
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[3], email .. '\0' .. ARGV[2])
write_tombstone(KEYS[1], 'D', ver, ARGV[3], rel, ARGV[4])
redis.call('DEL', KEYS[4])
append_event(KEYS[5], 5)
return {'ok', rel}
