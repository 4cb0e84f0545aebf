-- Replaces a function's pool if it is still the one that was read.
-- KEYS: entries, uploads, set of functions.
-- ARGV: function, entries and uploads as read, new entries, new uploads.
-- Returns 1 if it was, else 0. Nothing and the empty string are the same.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[2] or (redis.call('GET', KEYS[2]) or '') ~= ARGV[3] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[4])
if ARGV[5] == '' then
  redis.call('DEL', KEYS[2])
else
  redis.call('SET', KEYS[2], ARGV[5])
end
redis.call('SADD', KEYS[3], ARGV[1])
return 1
