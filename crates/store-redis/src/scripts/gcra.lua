-- The rule by which tries are counted, after the prelude: `Rate::take` of the domain in Lua. Both are held to the same
-- vectors. Numbers are milliseconds; up to 2^53 Lua counts exactly.
--
-- A bucket's key holds when it is full again, and lives until then.

-- Takes one: whether there was one, when the bucket is full again, how many are left, how long until there is one.
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

-- When the bucket is full again once one is given back; 0: it is full.
local function gcra_refund(full_at, now, interval)
  local after = full_at - interval
  if after <= now then return 0 end
  return after
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What can't be read counts as full: to count tries is no reason to shut anybody out.
local function full_at_of(key) return tonumber(redis.call('GET', key) or '') or 0 end

local function put_full_at(key, full_at, now)
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', string.format('%.0f', full_at - now))
end
