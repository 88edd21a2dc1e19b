-- Sets the listing entries of one record from that record, in one step: the doctor's only own step. An active
-- user is listed under id and e-mail; everybody else is not, nor is anybody under another e-mail.
--
-- A record in a state that no step writes is damaged: what it says of listings is not known, so nothing is done.
--
-- KEYS 1 record   2 the shard's users   3 the shard's e-mails
-- ARGV 1 id   2… entries of the e-mails that were found for this id
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
