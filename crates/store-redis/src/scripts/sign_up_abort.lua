-- The step `sign_up_abort`: aborts the caller's own sign-up.
--
-- Invariant: the pending record becomes a tombstone, so that no late copy revives it. If an earlier copy of the same
-- request has been committed, the answer says so, and nothing is aborted.
--
-- KEYS 1 record
-- ARGV 1 life of the tombstone (ms)
-- Answers: dead | committed
local st, ver = fields(KEYS[1], 'st', 'ver')
if st == 'A' then return 'committed' end
if st == 'P' then write_tombstone(KEYS[1], 'X', ver, '', '', ARGV[1]) end
return 'dead'
