-- Gives an own sign-up up: the pending record becomes a tombstone, so that no late copy revives it.
--
-- KEYS 1 record
-- ARGV 1 life of the tombstone (ms)
-- Answers: dead | committed (another delivery of the same request got through)
local st, ver = fields(KEYS[1], 'st', 'ver')
if st == 'A' then return 'committed' end
if st == 'P' then write_tombstone(KEYS[1], 'X', ver, '', '', ARGV[1]) end
return 'dead'
