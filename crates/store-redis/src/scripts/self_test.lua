-- Runs each command that the other scripts and userd itself use, on keys of its own that it deletes again, and
-- returns those that the Redis user may not run.
--
-- KEYS 1 a hash   2 a sorted set   3 a string   4 a stream, all in one shard and used only here
-- Answers: a list of "COMMAND: error", empty if all are permitted
local refused = {}
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then refused[#refused + 1] = (...) .. ': ' .. answer.err end
end
try('HSET', KEYS[1], 'f', 'v')
try('HMGET', KEYS[1], 'f')
try('HGETALL', KEYS[1])
try('PEXPIRE', KEYS[1], 60000)
try('PERSIST', KEYS[1])
try('HDEL', KEYS[1], 'f')
try('ZADD', KEYS[2], 0, 'm')
try('ZCARD', KEYS[2])
try('ZSCORE', KEYS[2], 'm')
try('ZRANGEBYLEX', KEYS[2], '-', '+', 'LIMIT', 0, 1)
try('ZREVRANGEBYLEX', KEYS[2], '+', '-', 'LIMIT', 0, 1)
try('ZREM', KEYS[2], 'm')
try('SET', KEYS[3], 'v')
try('GET', KEYS[3])
try('EXISTS', KEYS[3])
try('XADD', KEYS[4], 'MAXLEN', '~', 1, '*', 'f', 'v')
try('XLEN', KEYS[4])
try('XRANGE', KEYS[4], '-', '+', 'COUNT', 1)
try('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)
try('SCAN', 0, 'COUNT', 1)
try('TIME')
try('DEL', KEYS[1])
try('DEL', KEYS[2])
try('DEL', KEYS[3])
try('DEL', KEYS[4])
return refused
