-- Takes over the oldest lease of a server that stopped renewing; returns its messages, or false.
-- KEYS: registry of servers, new lease, index of this server's leases
-- ARGV: this server, number of the new lease, what a server's index key begins with, ttl in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, server in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  if server ~= ARGV[1] then
    local index = ARGV[3] .. server
    for _, number in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      local lease = index .. ':' .. number
      redis.call('ZREM', index, number)
      if redis.call('EXISTS', lease) == 1 then
        redis.call('RENAME', lease, KEYS[2])
        redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
        redis.call('ZADD', KEYS[3], ARGV[2], ARGV[2])
        return redis.call('LRANGE', KEYS[2], 0, -1)
      end
    end
    redis.call('DEL', index)
    redis.call('ZREM', KEYS[1], server)
  end
end
return false
