-- Gives an own e-mail change up; its claim goes on the list of those to release.
--
-- KEYS 1 record
-- ARGV 1 op
-- Answers: {dead, claims to release} | {committed, claims to release} (another delivery got through)
local st, eop, chg, rel = fields(KEYS[1], 'st', 'eop', 'chg', 'rel')
if st == 'A' and eop == ARGV[1] then return {'committed', rel} end
if st ~= 'A' or string.match(chg, '^%d+') ~= ARGV[1] then return {'dead', rel} end

rel = add_stale_change(rel, chg)
redis.call('HSET', KEYS[1], 'rel', rel)
redis.call('HDEL', KEYS[1], 'chg', 'till')
return {'dead', rel}
