-- The doctor's: removes sessions of somebody who is no active user. No step leaves any; only damage does.
--
-- A record in a state that no step writes is damaged: whether its user is active is not known, so nothing is done.
--
-- KEYS 1 record   2 the user's sessions
-- Answers: ok | kept (the user is active, or that is not known)
local st = fields(KEYS[1], 'st')
if st ~= '' and st ~= 'P' and st ~= 'X' and st ~= 'D' then return 'kept' end
if st == '' and redis.call('EXISTS', KEYS[1]) == 1 then return 'kept' end

redis.call('DEL', KEYS[2])
return 'ok'
