-- The step `claim`: compares and sets the pointer from an e-mail address to the user who has it, or is about to get
-- it.
--
-- Invariant: a claim is replaced only if it is absent, or exactly the pointer that `resolve` found DEAD. It has no
-- expiry: a claim that vanished by itself could free an address that is in use.
--
-- KEYS 1 claim
-- ARGV 1 expected pointer ('' for none)   2 own pointer "<id>:<operation id>"
-- Answers: {ok} (also if it is the caller's already) | {held, the present pointer or ''}
local present = redis.call('GET', KEYS[1]) or ''
if present == ARGV[2] then return {'ok'} end
if present ~= ARGV[1] then return {'held', present} end

redis.call('SET', KEYS[1], ARGV[2])
return {'ok'}
