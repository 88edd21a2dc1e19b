-- Shared by all scripts: it is put in front of each of them.
--
-- Invariant: a Lua error half-way does not roll back what was written before it. So every script first reads and
-- checks everything that it needs (a key of a wrong type raises its error then), and writes last.
--
-- Invariant: every script answers a repeat of the same message as before, unless its own comment says otherwise.
--
-- Fields of a record: see `user_record.rs`. `rel` lists the stale claims, one line each: "<operation id> <e-mail>\n".
-- `chg` is the e-mail change in flight: "<operation id> <e-mail>". No canonical address has a space or a line end.

-- Reads hash fields. A missing field is the empty string instead of `false`.
local function fields(key, ...)
  local values = redis.call('HMGET', key, ...)
  for i = 1, #values do values[i] = values[i] or '' end
  return unpack(values)
end

local function line(op, email) return op .. ' ' .. email .. '\n' end

-- Adds a claim to the stale claims, once.
local function add_stale_claim(rel, op, email)
  if email == '' then return rel end
  local one = line(op, email)
  if string.find('\n' .. rel, '\n' .. one, 1, true) then return rel end
  return rel .. one
end

-- Adds the claim of an unfinished change to the stale claims: its commit will find the change dead.
local function add_stale_change(rel, chg)
  local op, email = string.match(chg, '^(%d+) (.+)$')
  if op then return add_stale_claim(rel, op, email) end
  return rel
end

-- Turns a record into a tombstone. Nothing personal is left: only the state, the fencing token that rejects late
-- messages, the nonce, and the stale claims.
local function write_tombstone(key, st, ver, by, rel, ttl_ms)
  redis.call('DEL', key)
  redis.call('HSET', key, 'st', st, 'ver', ver)
  if by ~= '' then redis.call('HSET', key, 'by', by) end
  if rel ~= '' then redis.call('HSET', key, 'rel', rel) end
  redis.call('PEXPIRE', key, ttl_ms)
end

-- How many ms an intent has left; 0 if its deadline has passed, or is so far ahead (ten times the longest) that a
-- clock must have jumped. It decides only when others may abort the intent, never who gets the address.
local function left_ms(till, now)
  local left = (tonumber(till) or 0) - tonumber(now)
  if left < 0 or left > 300000 then return 0 end
  return left
end

-- Appends one event to the stream of a shard, and trims the stream. The fields are always the same in the same order,
-- so that Redis stores their names once for many events. ARGV from `first` on: how many events are kept, user (16
-- bytes), kind, at (ms), from, by.
local function append_event(key, first)
  redis.call('XADD', key, 'MAXLEN', '~', ARGV[first], '*', 'user', ARGV[first + 1], 'kind', ARGV[first + 2],
    'at', ARGV[first + 3], 'from', ARGV[first + 4], 'by', ARGV[first + 5])
end
