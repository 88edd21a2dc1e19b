-- Refunds one token to each bucket. Not idempotent: it is sent once.
--
-- KEYS the buckets
-- ARGV for each bucket: interval (ms)
-- Answers: ok
local now = now_ms()
for i, key in ipairs(KEYS) do
  local full_at = gcra_refund(full_at_of(key), now, tonumber(ARGV[i]))
  if full_at == 0 then redis.call('DEL', key) else put_full_at(key, full_at, now) end
end
return 'ok'
