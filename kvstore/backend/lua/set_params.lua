-- Sets a function's parameters if they are still at the expected version.
-- KEYS: function hash, table, set of functions.
-- ARGV: function, expected version, W, epsilon.
-- Returns 1 if they were, else 0. Versions are compared as text: they may be
-- larger than what a Lua number holds exactly.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'max_requests', ARGV[3], 'epsilon', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('SADD', KEYS[3], ARGV[1])
local size = tonumber(ARGV[3]) * 8
if redis.call('STRLEN', KEYS[2]) > size then
  redis.call('SET', KEYS[2], redis.call('GETRANGE', KEYS[2], 0, size - 1))
end
return 1
