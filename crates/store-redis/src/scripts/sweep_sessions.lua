-- Removes the sessions of a record that is not an active user, for the consistency check. No step leaves any behind;
-- only damage does.
--
-- A record in a state that no step writes is damaged. It does not prove that its user is inactive, so nothing is
-- deleted.
--
-- KEYS 1 record   2 the user's sessions
-- Answers: ok | kept (the user is active, or that is unknown)
local st = fields(KEYS[1], 'st')
if st ~= '' and st ~= 'P' and st ~= 'X' and st ~= 'D' then return 'kept' end
if st == '' and redis.call('EXISTS', KEYS[1]) == 1 then return 'kept' end

redis.call('DEL', KEYS[2])
return 'ok'
