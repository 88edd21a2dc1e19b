-- What the scripts about sessions share, after the prelude.
--
-- A session is some fields of its user's hash. The 16 bytes of its id name the core: proof 16 | epoch 4 | made 6 |
-- seen 6 | address 0, 4 or 16 (numbers big-endian, times in ms). The first 8 of them with 'u' name the agent, and with
-- 'r', 's', 't' the refresh state in pieces of 64 bytes: half an id tells some forty random ones apart, and takes less.
-- Nothing is longer than 64 bytes: that keeps the hash compact.
--
-- A session is good only while its epoch is that of the record.

-- A core that can't be read belongs to no session.
local function is_core(core) return #core == 32 or #core == 36 or #core == 48 end

local function epoch_of(core) return (struct.unpack('>I4', core, 17)) end
local function created_at_of(core) return (struct.unpack('>I6', core, 21)) end
local function last_used_at_of(core) return (struct.unpack('>I6', core, 27)) end

local function with_epoch(core, epoch)
  return string.sub(core, 1, 16) .. struct.pack('>I4', epoch) .. string.sub(core, 21)
end

-- The use of a session at `at`; a later one that was written already stays.
local function with_last_used_at(core, at)
  if at <= last_used_at_of(core) then return core end
  return string.sub(core, 1, 26) .. struct.pack('>I6', at) .. string.sub(core, 33)
end

-- What the fields beside the core are named by.
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

-- Drops every field that is of no session in `stays`, a set of ids; what belongs to no core goes with it.
local function drop_others(key, all, stays)
  local halves = {}
  for id in pairs(stays) do halves[id_prefix(id)] = true end
  for i = 1, #all, 2 do
    local name = all[i]
    local goes_on = stays[name]
    if #name ~= 16 then goes_on = halves[id_prefix(name)] end
    if not goes_on then redis.call('HDEL', key, name) end
  end
end

-- Ends all sessions but `keep` ('' for none), which goes on in the epoch that begins. Only a session of the epoch
-- that is over can go on: an older one has ended long ago.
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
