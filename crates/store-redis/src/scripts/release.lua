-- The step `release`: deletes a claim if it is exactly this pointer.
--
-- Invariant: user *and* operation id must match. A later claim of the same user on the same address is another claim.
--
-- KEYS 1 claim
-- ARGV 1 pointer "<id>:<operation id>"
-- Answers: ok
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'ok'
