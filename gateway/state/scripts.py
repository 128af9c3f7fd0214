"""What Redis does in one step, in Lua. Each script touches one key, so none cares where others are.

Times are Redis's own, in µs: those of replicas may differ. Numbers travel as texts where Lua's own form of them would
lose digits.
"""

LEASE = """
-- Give a console to who asks for it: {1 or 0, session, user, since, epoch} of who has it now.
local session, user, since, replica, take, life, channel, console = unpack(ARGV)
local was = redis.call('HMGET', KEYS[1], 'session', 'user', 'since', 'epoch')
if was[1] and was[1] ~= session and take == '0' then
  return {0, was[1], was[2], was[3], was[4]}
end
if was[1] == session then
  user, since = was[2], was[3]
end
local time = redis.call('TIME')
local epoch = math.max((tonumber(was[4]) or 0) + 1, time[1] * 1000000 + time[2])
epoch = string.format('%.0f', epoch)
redis.call('HSET', KEYS[1], 'session', session, 'user', user, 'since', since, 'epoch', epoch, 'replica', replica)
redis.call('PEXPIRE', KEYS[1], life)
if was[1] then
  local news = {console = console, session = session, user = user, since = since, epoch = epoch}
  redis.call('PUBLISH', channel, cjson.encode({taken = news}))
end
return {1, session, user, since, epoch}
"""

RENEW = """
-- Keep a lease, or set it again where it is gone or an older one is there; else {session, user, since, epoch} of whose
-- it is now.
local session, user, since, epoch, replica, life = unpack(ARGV)
local is = redis.call('HMGET', KEYS[1], 'session', 'user', 'since', 'epoch')
local mine, theirs = tonumber(epoch), tonumber(is[4]) or 0
if theirs > mine or (theirs == mine and is[1] ~= session) then
  return is
end
if theirs < mine then
  redis.call('HSET', KEYS[1], 'session', session, 'user', user, 'since', since, 'epoch', epoch, 'replica', replica)
end
redis.call('PEXPIRE', KEYS[1], life)
return {}
"""

RELEASE = """
-- Drop a lease that is still the latest.
local is = redis.call('HMGET', KEYS[1], 'session', 'epoch')
if is[1] == ARGV[1] and is[2] == ARGV[2] then
  redis.call('DEL', KEYS[1])
end
"""

RECORD = """
-- Write down a session, unless the record of a later owner of its console is there.
local epoch, replica, record, life = unpack(ARGV)
if (tonumber(redis.call('HGET', KEYS[1], 'epoch')) or 0) <= tonumber(epoch) then
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'replica', replica, 'record', record)
  redis.call('PEXPIRE', KEYS[1], life)
end
"""

FORGET = """
-- Drop a record that this replica wrote.
if redis.call('HGET', KEYS[1], 'replica') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
"""

SPEND = """
-- Take one from a budget, under the name ARGV[3], unless that is empty: {µs until there is one, left}. Names and ages
-- of what the replica took before follow: they are put back where Redis has lost them.
local limit, window, name = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for at = 4, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'NX', now - ARGV[at + 1], ARGV[at])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local taken = redis.call('ZCARD', KEYS[1])
if name ~= '' and taken >= limit then
  local blocks = redis.call('ZRANGE', KEYS[1], taken - limit, taken - limit, 'WITHSCORES')
  return {blocks[2] + window - now, 0}
end
if name ~= '' then
  redis.call('ZADD', KEYS[1], now, name)
end
redis.call('PEXPIRE', KEYS[1], window / 1000)
return {0, limit - taken - 1}
"""

PROBE = """
-- Leave nothing, by each command that the scripts above need: Redis is asked for it before it is trusted.
-- What a write left there that found Redis slow would be of another kind.
redis.call('DEL', KEYS[1])
redis.call('TIME')
redis.call('HSET', KEYS[1], 'a', 1)
redis.call('HGET', KEYS[1], 'a')
redis.call('HMGET', KEYS[1], 'a')
redis.call('PEXPIRE', KEYS[1], 1000)
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], 1, 'a')
redis.call('ZCARD', KEYS[1])
redis.call('ZRANGE', KEYS[1], 0, 0)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', 1)
redis.call('PUBLISH', ARGV[1], '{}')
"""
