-- C2. Compare-and-set of the pure pointer from an e-mail to the user who has, or is about to get, it.
--
-- KEYS 1 claim
-- ARGV 1 expected pointer ('' for none): what was judged DEAD   2 own pointer "<id>:<op>"
-- Answers: {ok} (also if it is ours already) | {held, the present pointer or ''}
local present = redis.call('GET', KEYS[1]) or ''
if present == ARGV[2] then return {'ok'} end
if present ~= ARGV[1] then return {'held', present} end

redis.call('SET', KEYS[1], ARGV[2])
return {'ok'}
