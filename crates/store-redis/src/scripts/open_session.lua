-- Opens a session, the moment of signing in.
--
-- Invariant: the user is still the one who was authenticated: the version is compared.
--
-- Invariant: a late copy of this message does not reopen a session that was revoked since. Its sender does not wait
-- longer than its deadline, so after that (`not after`) the message opens nothing.
--
-- Steps: return an open session with this id (a repeat); compare the version; check the time; drop expired sessions,
-- then the oldest beyond the maximum; write the session; append the event.
--
-- KEYS 1 record   2 the user's sessions   3 the shard's events
-- ARGV 1 expected version   2 id   3 core, in epoch 0   4 user agent ('' for none)   5 refresh state ('' for none)
--      6 idle limit (ms)   7 absolute limit (ms)   8 most sessions   9 not after (ms, the server's clock)
--      10-15 the event
-- Answers: {ok, core, user agent, refresh state} (to a repeat what was opened) | {missing} | {stale} | {late}
local st, rev, epo = fields(KEYS[1], 'st', 'rev', 'epo')
if st ~= 'A' then return {'missing'} end
local id, epoch = ARGV[2], tonumber(epo) or 0
local open, agent = fields(KEYS[2], id, id_prefix(id) .. 'u')
if is_core(open) and epoch_of(open) == epoch then return {'ok', open, agent, refresh_of(KEYS[2], id)} end
if rev ~= ARGV[1] then return {'stale'} end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[9]) then return {'late'} end
redis.call('XLEN', KEYS[3])

local now, all, live, kept = created_at_of(ARGV[3]), redis.call('HGETALL', KEYS[2]), {}, {}
for i = 1, #all, 2 do
  local one, core = all[i], all[i + 1]
  if #one == 16 and is_core(core) and epoch_of(core) == epoch
    and now < last_used_at_of(core) + tonumber(ARGV[6]) and now < created_at_of(core) + tonumber(ARGV[7]) then
    live[#live + 1] = {created_at_of(core), one}
  end
end
table.sort(live, function(one, other)
  if one[1] ~= other[1] then return one[1] > other[1] end
  return one[2] > other[2]
end)
for place = 1, math.min(#live, tonumber(ARGV[8]) - 1) do kept[live[place][2]] = true end

drop_others(KEYS[2], all, kept)
local core = with_epoch(ARGV[3], epoch)
redis.call('HSET', KEYS[2], id, core)
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], id_prefix(id) .. 'u', ARGV[4]) end
put_refresh(KEYS[2], id, ARGV[5])
-- No session outlives this one by more than the absolute limit. This only tidies up: readers check the limits.
redis.call('PEXPIRE', KEYS[2], ARGV[7])
append_event(KEYS[3], 10)
return {'ok', core, ARGV[4], ARGV[5]}
