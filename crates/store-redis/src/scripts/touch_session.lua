-- Records that a session was used. The time is never set back, so copies may arrive late and in any order.
--
-- KEYS 1 the user's sessions
-- ARGV 1 id   2 at (ms)
-- Answers: ok (also if there is no such session: then nothing is written)
local core = fields(KEYS[1], ARGV[1])
if not is_core(core) then return 'ok' end
local seen = with_last_used_at(core, tonumber(ARGV[2]))
if seen ~= core then redis.call('HSET', KEYS[1], ARGV[1], seen) end
return 'ok'
