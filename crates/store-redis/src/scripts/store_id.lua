-- Gives a key space its store id at the first use, and returns the id that it has. Of two userd that start at once
-- both get the id of the first.
--
-- KEYS 1 meta
-- ARGV 1 the id to give
-- Answers: the id
local id = fields(KEYS[1], 'id')
if id ~= '' then return id end

redis.call('HSET', KEYS[1], 'id', ARGV[1])
return ARGV[1]
