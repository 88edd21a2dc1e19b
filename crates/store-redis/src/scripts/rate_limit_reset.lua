-- Fills buckets: a full one has no key.
--
-- KEYS the buckets
-- Answers: ok
redis.call('DEL', unpack(KEYS))
return 'ok'
