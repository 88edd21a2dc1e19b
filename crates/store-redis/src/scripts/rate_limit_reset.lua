-- Refills buckets: a full bucket has no key.
--
-- KEYS the buckets
-- Answers: ok
redis.call('DEL', unpack(KEYS))
return 'ok'
