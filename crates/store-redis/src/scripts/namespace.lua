-- Marks a key space with userd's versions at its first use, and returns the versions with which it is marked.
--
-- KEYS 1 meta
-- ARGV 1 format version   2 version of the e-mail canonicalisation
-- Answers: {format version, canonicalisation version}
local format, canonical = fields(KEYS[1], 'format', 'canonical')
if format ~= '' or canonical ~= '' then return {format, canonical} end

redis.call('HSET', KEYS[1], 'format', ARGV[1], 'canonical', ARGV[2])
return {ARGV[1], ARGV[2]}
