-- The step `import_commit`: `sign_up_commit` for imported users of one shard. Each pending record with the expected
-- content and operation id becomes an active user, is listed, and gets its imported sessions, in one step.
--
-- Invariant: the operation id must be the one that was claimed; a record with another one is left alone.
--
-- Invariant: no revoked session becomes valid again. A record that comes back after a loss of data starts at epoch 0
-- again, so the key of its sessions is deleted first.
--
-- KEYS 1 the shard's users   2 the shard's e-mails   3 the shard's events   then for each user: record, sessions
-- ARGV 1 how many events are kept   2 kind   3 at (ms)   4 from   5 by   6 life of sessions (ms)
--      then for each user: id, its 16 bytes, digest, operation id, how many values follow, and these: fields and
--      values of the sessions
-- Answers for each: ok (also to a repeat) | dead (aborted, or it has other content)
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
