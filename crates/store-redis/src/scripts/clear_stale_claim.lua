-- The step `clear_stale_claim`: removes one claim from the stale claims of a record, after it was released.
--
-- KEYS 1 record
-- ARGV 1 operation id   2 e-mail
-- Answers: ok
local rel = fields(KEYS[1], 'rel')
local one = line(ARGV[1], ARGV[2])
local at = string.find('\n' .. rel, '\n' .. one, 1, true)
if not at then return 'ok' end

rel = string.sub(rel, 1, at - 1) .. string.sub(rel, at + #one)
if rel == '' then redis.call('HDEL', KEYS[1], 'rel') else redis.call('HSET', KEYS[1], 'rel', rel) end
return 'ok'
