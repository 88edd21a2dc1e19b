-- Takes one token from each bucket, or from none.
--
-- A repeat takes another token. That is accepted: a lost answer then costs an attempt, and grants none.
--
-- KEYS the buckets, in their order
-- ARGV for each bucket: interval (ms), burst
-- Answers: {} if one was taken from each | {index of the first empty bucket, from 0, ms until it has a token}
local now, after = now_ms(), {}
for i, key in ipairs(KEYS) do
  local full_at = after[key] or full_at_of(key)
  local taken, full_again, _, retry_after = gcra_take(full_at, now, tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]))
  if not taken then
    -- Shortened because the clock was set back: otherwise the bucket would stay empty until the clock catches up.
    if full_again < full_at then put_full_at(key, full_again, now) end
    return {i - 1, retry_after}
  end
  after[key] = full_again
end

for key, full_at in pairs(after) do put_full_at(key, full_at, now) end
return {}
