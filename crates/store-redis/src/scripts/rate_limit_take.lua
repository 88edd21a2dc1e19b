-- Takes one from each bucket, or from none.
--
-- KEYS the buckets, in their order
-- ARGV for each bucket: interval (ms), burst
-- Answers: {} if one was taken from each | {place of the first that is empty, counted from 0, ms until there is one}
local now, after = now_ms(), {}
for i, key in ipairs(KEYS) do
  local full_at = after[key] or full_at_of(key)
  local taken, full_again, _, retry_after = gcra_take(full_at, now, tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]))
  if not taken then
    -- Cut, because the clock was set back: uncut it would be empty until the clock is where it was.
    if full_again < full_at then put_full_at(key, full_again, now) end
    return {i - 1, retry_after}
  end
  after[key] = full_again
end

for key, full_at in pairs(after) do put_full_at(key, full_at, now) end
return {}
