-- Compares and sets one of the service's own keys.
--
-- KEYS 1 the keys of a kind
-- ARGV 1 id   2 1 if the key is expected to exist   3 its expected value   4 1 if it is to exist   5 its new value
-- Answers: ok (also to a repeat) | other (the value is another one)
local present = redis.call('HMGET', KEYS[1], ARGV[1])[1]
local expected = ARGV[2] == '1' and ARGV[3]
local next = ARGV[4] == '1' and ARGV[5]
if present == next then return 'ok' end
if present ~= expected then return 'other' end

if next then redis.call('HSET', KEYS[1], ARGV[1], next) else redis.call('HDEL', KEYS[1], ARGV[1]) end
return 'ok'
