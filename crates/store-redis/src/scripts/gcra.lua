-- The rate limit algorithm (GCRA), after the prelude: `RateLimit::take` of `userd-core` in Lua. Both are tested with
-- the same vectors. Numbers are milliseconds; up to 2^53 Lua's numbers are exact.
--
-- The key of a bucket holds the time at which the bucket is full again, and expires then. A full bucket has no key.

-- Takes one token. Returns whether there was one, when the bucket is full again, how many are left, and the ms until
-- there is one.
local function gcra_take(full_at, now, interval, burst)
  local empty_at = now + interval * burst
  full_at = math.min(math.max(full_at, now), empty_at)
  local taken = full_at + interval <= empty_at
  if taken then full_at = full_at + interval end
  local room = empty_at - full_at
  local remaining = math.floor(room / interval)
  local retry_after = 0
  if remaining == 0 then retry_after = interval - room end
  return taken, full_at, remaining, retry_after
end

-- When the bucket is full again after a refund; 0: it is full.
local function gcra_refund(full_at, now, interval)
  local after = full_at - interval
  if after <= now then return 0 end
  return after
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An unreadable value counts as a full bucket: a damaged rate limit must not lock users out.
local function full_at_of(key) return tonumber(redis.call('GET', key) or '') or 0 end

local function put_full_at(key, full_at, now)
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', string.format('%.0f', full_at - now))
end
