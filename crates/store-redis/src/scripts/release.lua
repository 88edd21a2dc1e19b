-- Takes a claim back, but only if it is exactly the one meant: same user *and* same op. A later claim of
-- the same user on the same e-mail is another claim.
--
-- KEYS 1 claim
-- ARGV 1 pointer "<id>:<op>"
-- Answers: ok
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'ok'
