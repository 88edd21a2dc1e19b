-- C1 for users who come from elsewhere, of one shard: each gets a pending record, as `sign_up_intend` makes one.
--
-- Their ids are given, so an importer that begins again meets its own pending records. They are its own by the digest
-- of what they hold (`by`): written once more, nothing changes. With other values for the same e-mail they are
-- overwritten once they are overdue. The e-mail of a pending record never changes: a claim of it may have been judged
-- DEAD, and what is dead must not come back.
--
-- KEYS records
-- ARGV 1 not after (ms, the server's clock)   2 deadline of the intents (ms, callers' clock)
--      3 life of a pending record (ms)   4 now (ms, callers' clock)   5 how many arguments follow for each user:
--      canonical e-mail, digest, fields and values
-- Answers for each: ok | there (an active user has the id) | busy (another import) | dead (given up, or deleted) | late
local answers, stride = {}, tonumber(ARGV[5])
for i, key in ipairs(KEYS) do
  local at = 5 + (i - 1) * stride
  local st, email, by, till = fields(key, 'st', 'email', 'by', 'till')
  if st == 'A' then
    answers[i] = 'there'
  elseif st == 'P' and email == ARGV[at + 1] and (by == ARGV[at + 2] or left_ms(till, ARGV[4]) == 0) then
    answers[i] = 'ok'
  elseif st == 'P' then
    answers[i] = 'busy'
  elseif st ~= '' then
    answers[i] = 'dead'
  else
    answers[i] = 'new'
  end
end
local time = redis.call('TIME')
local late = time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[1])

for i, key in ipairs(KEYS) do
  if answers[i] == 'new' and late then answers[i] = 'late' end
  if answers[i] == 'new' or answers[i] == 'ok' then
    local at = 5 + (i - 1) * stride
    redis.call('HSET', key, 'st', 'P', 'ver', 1, 'rev', 1, 'eop', 1, 'email', ARGV[at + 1], 'by', ARGV[at + 2],
      'till', ARGV[2], unpack(ARGV, at + 3, at + stride))
    redis.call('PEXPIRE', key, ARGV[3])
    answers[i] = 'ok'
  end
end
return answers
