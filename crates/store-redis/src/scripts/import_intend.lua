-- The step `import_intend`: `sign_up_intend` for imported users of one shard. Each gets a pending record.
--
-- Invariant: an operation id that `resolve` found DEAD never comes back. The ids of imported users are given, so a
-- new attempt can meet what an earlier one left. If there is no record, or an aborted one, the operation id is new:
-- greater than all before it, by the server's clock and by the tombstone. So a late copy of this message cannot
-- revive an old one.
--
-- A pending record with the same content (`by`, a digest) keeps its operation id: it cannot have been found DEAD,
-- because `resolve` would have aborted it. One with other content is overwritten under a new operation id once it is
-- overdue.
--
-- KEYS records
-- ARGV 1 not after (ms, the server's clock)   2 deadline of the intents (ms, callers' clock)
--      3 life of a pending record (ms)   4 now (ms, callers' clock)   5 how many arguments follow for each user:
--      canonical e-mail, digest, fields and values
-- Answers for each: its operation id | there (an active user has the id) | busy (another import) | dead (deleted) |
--      late
local answers, stride, left = {}, tonumber(ARGV[5]), {}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local late = now > tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local at = 5 + (i - 1) * stride
  local st, ver, email, eop, by, till = fields(key, 'st', 'ver', 'email', 'eop', 'by', 'till')
  left[i] = st ~= ''
  if st == 'A' then
    answers[i] = 'there'
  elseif st == 'P' and email == ARGV[at + 1] and by == ARGV[at + 2] then
    answers[i] = eop
  elseif st == 'P' and left_ms(till, ARGV[4]) > 0 then
    answers[i] = 'busy'
  elseif st == 'D' then
    answers[i] = 'dead'
  elseif late then
    answers[i] = 'late'
  else
    answers[i] = string.format('%.0f', math.max(now, (tonumber(ver) or 0) + 1))
  end
end

for i, key in ipairs(KEYS) do
  local op = answers[i]
  if tonumber(op) then
    local at = 5 + (i - 1) * stride
    if left[i] then redis.call('DEL', key) end
    redis.call('HSET', key, 'st', 'P', 'ver', op, 'rev', 1, 'eop', op, 'email', ARGV[at + 1], 'by', ARGV[at + 2],
      'till', ARGV[2], unpack(ARGV, at + 3, at + stride))
    redis.call('PEXPIRE', key, ARGV[3])
  end
end
return answers
