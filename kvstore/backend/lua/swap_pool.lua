-- Replaces a function's pool if it is still the one that was read.
-- KEYS: pool, set of functions. ARGV: function, pool as read, new pool.
-- Returns 1 if it was, else 0.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
