-- Writes a document if it has seen as many writes as expected.
-- KEYS: document. ARGV: expected count ('' = any), data.
-- Returns whether it was written (1 or 0) and the count after that.
local count = redis.call('HGET', KEYS[1], 'count') or '0'
if ARGV[1] ~= '' and ARGV[1] ~= count then
  return {0, tonumber(count)}
end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return {1, redis.call('HINCRBY', KEYS[1], 'count', 1)}
