-- Ends a lease. Messages at the given positions go back to the queue, to be taken next, in order.
-- KEYS: queue, lease, index of this server's leases
-- ARGV: number of the lease, then zero-based positions, ascending
redis.call('ZREM', KEYS[3], ARGV[1])
if #ARGV > 1 then
  local messages = redis.call('LRANGE', KEYS[2], 0, -1)
  for i = #ARGV, 2, -1 do
    local message = messages[tonumber(ARGV[i]) + 1]
    if message then redis.call('RPUSH', KEYS[1], message) end
  end
end
return redis.call('DEL', KEYS[2])
