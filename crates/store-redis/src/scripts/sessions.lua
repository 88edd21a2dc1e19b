-- Shared by the scripts about sessions, after the prelude. `session_record.rs` reads and writes the same format.
--
-- A session is some fields of a hash of its user. The 16 bytes of its id name the core: proof 16 | epoch 4 | created
-- 6 | last used 6 | address 0, 4 or 16 (numbers big-endian, times in ms). Half of the id with 'u' names the user
-- agent, and with 'r', 's', 't' the refresh state in chunks of 64 bytes: 8 bytes distinguish the sessions of one
-- user, and need less memory. No value is longer than 64 bytes, which keeps the hash compact.
--
-- Invariant: a session is valid only while its epoch is that of the record.

-- A core of another length belongs to no session.
local function is_core(core) return #core == 32 or #core == 36 or #core == 48 end

local function epoch_of(core) return (struct.unpack('>I4', core, 17)) end
local function created_at_of(core) return (struct.unpack('>I6', core, 21)) end
local function last_used_at_of(core) return (struct.unpack('>I6', core, 27)) end

local function with_epoch(core, epoch)
  return string.sub(core, 1, 16) .. struct.pack('>I4', epoch) .. string.sub(core, 21)
end

-- Sets the time of the last use to `at`, unless a later one is set.
local function with_last_used_at(core, at)
  if at <= last_used_at_of(core) then return core end
  return string.sub(core, 1, 26) .. struct.pack('>I6', at) .. string.sub(core, 33)
end

-- The prefix of the names of the fields beside the core.
local function id_prefix(id) return string.sub(id, 1, 8) end

local function refresh_of(key, id)
  local short = id_prefix(id)
  return table.concat({fields(key, short .. 'r', short .. 's', short .. 't')})
end

local function put_refresh(key, id, state)
  for place, letter in ipairs({'r', 's', 't'}) do
    local name, piece = id_prefix(id) .. letter, string.sub(state, 64 * place - 63, 64 * place)
    if piece ~= '' then redis.call('HSET', key, name, piece) else redis.call('HDEL', key, name) end
  end
end

-- Deletes every field that does not belong to a session in `kept`, a set of ids.
local function drop_others(key, all, kept)
  local halves = {}
  for id in pairs(kept) do halves[id_prefix(id)] = true end
  for i = 1, #all, 2 do
    local name = all[i]
    local is_kept = kept[name]
    if #name ~= 16 then is_kept = halves[id_prefix(name)] end
    if not is_kept then redis.call('HDEL', key, name) end
  end
end

-- Revokes all sessions but `keep` ('' for none), which continues in the new epoch. Only a session of the epoch before
-- can continue: an older one is revoked already.
local function begin_epoch(key, keep, before, epoch)
  local core = ''
  if keep ~= '' then core = fields(key, keep) end
  if not is_core(core) or epoch_of(core) ~= before then
    redis.call('DEL', key)
    return
  end
  drop_others(key, redis.call('HGETALL', key), {[keep] = true})
  redis.call('HSET', key, keep, with_epoch(core, epoch))
end
