-- Moves the oldest messages of the queue into a lease of this server and returns them, oldest first.
-- KEYS: queue, lease, registry of servers, index of this server's leases
-- ARGV: server, number of the lease, messages at most, bytes at most, ttl in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[3], now + ARGV[5], ARGV[1])
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[2])
-- The lease may hold a message already: the one whose blocking move woke this server.
local taken = redis.call('LRANGE', KEYS[2], 0, -1)
local bytes = 0
for i = 1, #taken do bytes = bytes + #taken[i] end
local room = tonumber(ARGV[3]) - #taken
if room <= 0 then return taken end
-- Producers push at the head, so the tail is the oldest end.
local tail = redis.call('LRANGE', KEYS[1], -room, -1)
local moved = {}
for i = #tail, 1, -1 do
  bytes = bytes + #tail[i]
  if bytes > tonumber(ARGV[4]) and #taken > 0 then break end
  taken[#taken + 1] = tail[i]
  moved[#moved + 1] = tail[i]
end
if #moved > 0 then
  redis.call('LTRIM', KEYS[1], 0, -#moved - 1)
  -- In slices, as a script's call takes a few thousand arguments at most.
  for first = 1, #moved, 1000 do
    redis.call('RPUSH', KEYS[2], unpack(moved, first, math.min(first + 999, #moved)))
  end
end
return taken
