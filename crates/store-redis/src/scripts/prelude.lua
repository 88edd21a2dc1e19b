-- What every script shares. It is put in front of each of them.
--
-- A Lua error half-way does not roll back what was written before it. So every script first reads and
-- checks all it needs - a key of a wrong type raises its error there - and writes last.
--
-- A record's `rel` lists the claims that may still have to be released, a line each: "<op> <e-mail>\n".
-- Its `chg` is the e-mail change in flight: "<op> <e-mail>". No canonical e-mail has a space or a line end.

-- What the reader of a missing hash field gets is `false`; here it is the empty text.
local function fields(key, ...)
  local values = redis.call('HMGET', key, ...)
  for i = 1, #values do values[i] = values[i] or '' end
  return unpack(values)
end

local function line(op, email) return op .. ' ' .. email .. '\n' end

-- Adds a claim to the list of those to release, once.
local function add_stale_claim(rel, op, email)
  if email == '' then return rel end
  local one = line(op, email)
  if string.find('\n' .. rel, '\n' .. one, 1, true) then return rel end
  return rel .. one
end

-- Adds the claim of an unfinished change to the list: whoever began it finds it dead.
local function add_stale_change(rel, chg)
  local op, email = string.match(chg, '^(%d+) (.+)$')
  if op then return add_stale_claim(rel, op, email) end
  return rel
end

-- Turns a record into a tombstone: nothing personal is left, only the state, the version that fences late
-- messages, who did it, and what has still to be released.
local function write_tombstone(key, st, ver, by, rel, ttl_ms)
  redis.call('DEL', key)
  redis.call('HSET', key, 'st', st, 'ver', ver)
  if by ~= '' then redis.call('HSET', key, 'by', by) end
  if rel ~= '' then redis.call('HSET', key, 'rel', rel) end
  redis.call('PEXPIRE', key, ttl_ms)
end

-- How long an intent has still to live; 0 if its deadline has passed, or lies so far ahead (ten times the
-- longest) that a clock must have jumped. Decides only when others may give up on it, never who is right.
local function left_ms(till, now)
  local left = (tonumber(till) or 0) - tonumber(now)
  if left < 0 or left > 300000 then return 0 end
  return left
end

-- Appends one event to a shard's history, of which about the last so many are kept. The fields are always the same
-- in the same order: Redis then keeps their names once for many events. ARGV has it from `first` on: how many are
-- kept, user (16 bytes), kind, at (ms), from, by.
local function append_event(key, first)
  redis.call('XADD', key, 'MAXLEN', '~', ARGV[first], '*', 'user', ARGV[first + 1], 'kind', ARGV[first + 2],
    'at', ARGV[first + 3], 'from', ARGV[first + 4], 'by', ARGV[first + 5])
end
