-- C3 for users who come from elsewhere, of one shard: each pending record that holds what was sent, under the
-- op that was claimed under, becomes an active user and is listed, with the sessions that go on, in one step.
--
-- A record that comes back after a loss begins at epoch 0 again, so what lies under the key of its sessions goes: none
-- that had ended may begin again.
--
-- KEYS 1 the shard's users   2 the shard's e-mails   3 the shard's events   then for each user: record, sessions
-- ARGV 1 how many events are kept   2 kind   3 at (ms)   4 from   5 by   6 life of sessions (ms)
--      then for each user: id, its 16 bytes, digest, op, how many values follow, and these: fields and values of sessions
-- Answers for each: ok (also to a repeat) | dead (given up, or it holds something else)
local answers, users, emails, begun, at = {}, {}, {}, {}, 6
for i = 4, #KEYS, 2 do
  local st, email, eop, by = fields(KEYS[i], 'st', 'email', 'eop', 'by')
  local place, count = #answers + 1, tonumber(ARGV[at + 5])
  local ours = by == ARGV[at + 3] and eop == ARGV[at + 4]
  answers[place] = 'dead'
  if ours and st == 'A' then answers[place] = 'ok' end
  if ours and st == 'P' then
    answers[place] = 'ok'
    begun[#begun + 1] = {i, at}
    users[#users + 1], users[#users + 2] = 0, ARGV[at + 1]
    emails[#emails + 1], emails[#emails + 2] = 0, email .. '\0' .. ARGV[at + 1]
  end
  at = at + 5 + count
end
if #begun == 0 then return answers end
redis.call('ZCARD', KEYS[1])
redis.call('ZCARD', KEYS[2])
redis.call('XLEN', KEYS[3])

redis.call('ZADD', KEYS[1], unpack(users))
redis.call('ZADD', KEYS[2], unpack(emails))
for _, one in ipairs(begun) do
  local i, from = one[1], one[2]
  local count = tonumber(ARGV[from + 5])
  redis.call('DEL', KEYS[i + 1])
  if count > 0 then
    redis.call('HSET', KEYS[i + 1], unpack(ARGV, from + 6, from + 5 + count))
    redis.call('PEXPIRE', KEYS[i + 1], ARGV[6])
  end
  redis.call('HSET', KEYS[i], 'st', 'A')
  redis.call('HDEL', KEYS[i], 'till')
  redis.call('PERSIST', KEYS[i])
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[1], '*', 'user', ARGV[from + 2], 'kind', ARGV[2], 'at', ARGV[3],
    'from', ARGV[4], 'by', ARGV[5])
end
return answers
