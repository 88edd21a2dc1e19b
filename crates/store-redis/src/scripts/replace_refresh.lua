-- Compares and sets the refresh state of a session, and records that the session was used.
--
-- Invariant: refresh states contain fresh randomness and are never reused, so a late copy of this message changes
-- nothing.
--
-- KEYS 1 the user's sessions
-- ARGV 1 id   2 expected state ('' for none)   3 next state   4 at (ms)
-- Answers: ok (also to a repeat) | other (another state, or the session is revoked)
local id = ARGV[1]
local core, state = fields(KEYS[1], id), refresh_of(KEYS[1], id)
if not is_core(core) then return 'other' end
if state == ARGV[3] then return 'ok' end
if state ~= ARGV[2] then return 'other' end

put_refresh(KEYS[1], id, ARGV[3])
redis.call('HSET', KEYS[1], id, with_last_used_at(core, tonumber(ARGV[4])))
return 'ok'
