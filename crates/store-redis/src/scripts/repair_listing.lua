-- Sets the listing entries of one record from that record, in one step: the only write of the consistency check that
-- is not a step of the claim protocol.
--
-- Invariant: an active user is listed by id and by their own address. All other records are not listed, and no user
-- is listed by another address.
--
-- A record in a state that no step writes is damaged. It proves nothing about the listings, so nothing is changed.
--
-- KEYS 1 record   2 the shard's users   3 the shard's e-mails
-- ARGV 1 id   2… entries by address that were found for this id
-- Answers: ok | damaged
local st, email = fields(KEYS[1], 'st', 'email')
if st ~= '' and st ~= 'P' and st ~= 'A' and st ~= 'X' and st ~= 'D' then return 'damaged' end
if st == 'A' and email == '' then return 'damaged' end
redis.call('ZCARD', KEYS[2])
redis.call('ZCARD', KEYS[3])

local own = email .. '\0' .. ARGV[1]
for i = 2, #ARGV do
  if st ~= 'A' or ARGV[i] ~= own then redis.call('ZREM', KEYS[3], ARGV[i]) end
end
if st == 'A' then
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
  redis.call('ZADD', KEYS[3], 0, own)
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 'ok'
