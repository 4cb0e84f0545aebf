-- Puts the samples that are new into a function's latency table.
-- KEYS: function hash, table, set of functions.
-- ARGV: function, W and epsilon if nobody has set them, an incarnation for a
--   new function, lifetime, seconds to remember it, samples packed "<I4d".
-- Returns the number of samples applied, duplicate and ignored.
local stored = redis.call('HMGET', KEYS[1], 'max_requests', 'epsilon', 'incarnation')
local w = tonumber(stored[1] or ARGV[2])
local epsilon = tonumber(stored[2] or ARGV[3])
local incarnation = stored[3] or ARGV[4]
local seen = 'pronghorn:seen:' .. incarnation .. ':' .. ARGV[5]

local slots = {} -- those that the samples touch, by index from 0

local function slot(i)
  if not slots[i] then
    local raw = redis.call('GETRANGE', KEYS[2], i * 8, i * 8 + 7)
    slots[i] = #raw == 8 and struct.unpack('<d', raw) or 0
  end
  return slots[i]
end

local applied, duplicates, ignored = 0, 0, 0
for at = 1, #ARGV[7], 12 do
  local n, us = struct.unpack('<I4d', ARGV[7], at)
  if n > w then
    ignored = ignored + 1
  elseif redis.call('SETBIT', seen, n - 1, 1) == 1 then
    duplicates = duplicates + 1
  else
    local theta = slot(n - 1)
    slots[n - 1] = theta == 0 and us or epsilon * us + (1 - epsilon) * theta
    slots[w - 1] = slot(w - 2)
    applied = applied + 1
  end
end

if applied > 0 then
  for i, theta in pairs(slots) do
    redis.call('SETRANGE', KEYS[2], i * 8, struct.pack('<d', theta))
  end
  redis.call('HINCRBY', KEYS[1], 'samples', applied)
  redis.call('HSETNX', KEYS[1], 'incarnation', incarnation)
  redis.call('SADD', KEYS[3], ARGV[1])
  redis.call('EXPIRE', seen, ARGV[6])
end
return {applied, duplicates, ignored}
