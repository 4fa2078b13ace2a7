"""What happens in Redis in one step: the Lua scripts of rendezvous/in_redis.py.

One hash a group: facts, key, query, size, present (how many rollouts came), answered, overdue; and of rollout i
content:i (its digest), rollout:i (until the group is finished), partial:i, verifies:i, answer:i, label:i, and
unlabelled:i where the label was asked for in vain; asked, asked_until (ms) and request while the label of one rollout
is awaited. Beside it a string, the claim.
For all groups: `expiry` and `finished`, sorted sets of group names by time in ms; `sizes`, a hash of bytes:<name> and
rollouts:<name> with their totals in bytes and rollouts. Groups expire by themselves, the totals follow on arrival.
"""

from __future__ import annotations

_SHARED = """
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function count(sizes, unit, name, change)
  redis.call('HINCRBY', sizes, unit, change)
  redis.call('HINCRBY', sizes, unit .. ':' .. name, change)
end

local function held(sizes, expiry, finished)
  local totals = redis.call('HMGET', sizes, 'rollouts', 'bytes')
  local all, done = redis.call('ZCARD', expiry), redis.call('ZCARD', finished)
  return {all - done, done, tonumber(totals[1] or 0), tonumber(totals[2] or 0)}
end

local function awaited_ms(group)
  local awaited_until = redis.call('HGET', group, 'asked_until')
  return awaited_until and math.max(0, awaited_until - now_ms()) or 0
end

local function is_due(group, index, present, size, overdue, awaited)
  if redis.call('HEXISTS', group, 'answer:' .. index) == 1 then return false end
  return (present == size and awaited == 0) or (overdue and redis.call('HGET', group, 'partial:' .. index) == '1')
end
"""

ARRIVE = (
    _SHARED
    + """
local group, sizes, expiry, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local name, index, facts, content, partial, overdue = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local ttl, prefix, finished_for = tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local max_bytes, new_share = tonumber(ARGV[10]), tonumber(ARGV[11])
local query_bytes, rollout_bytes = tonumber(ARGV[12]), tonumber(ARGV[13])
local rollout, query, key, size = ARGV[14], ARGV[15], ARGV[16], ARGV[17]
local label, no_label, verifies = ARGV[18], ARGV[19] == '1', ARGV[20]
local now, freed = now_ms(), 0

local function forget(one)
  for _, unit in ipairs({'bytes', 'rollouts'}) do
    local before = tonumber(redis.call('HGET', sizes, unit .. ':' .. one) or 0)
    redis.call('HINCRBY', sizes, unit, 0 - before)
    redis.call('HDEL', sizes, unit .. ':' .. one)
  end
  redis.call('ZREM', finished, one)
  freed = freed + redis.call('ZREM', expiry, one)
end

for _, one in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, 100)) do forget(one) end
local held_facts = redis.call('HGET', group, 'facts')
if held_facts and held_facts ~= facts then return {'other group'} end
local held_content = redis.call('HGET', group, 'content:' .. index)
if held_content and held_content ~= content then return {'other rollout'} end
local held_label = redis.call('HGET', group, 'label:' .. index)
if held_label and label ~= '' and held_label ~= label and redis.call('HEXISTS', group, 'answer:' .. index) == 0 then
  return {'other rollout'}
end

if not held_content then
  if rollout == '' then return {'unknown'} end
  local wanted, limit = rollout_bytes, max_bytes
  if not held_facts then
    forget(name)
    wanted, limit = wanted + query_bytes, limit * new_share
  end
  local function excess() return tonumber(redis.call('HGET', sizes, 'bytes') or 0) + wanted - limit end
  if excess() > 0 then
    for _, one in ipairs(redis.call('ZRANGEBYSCORE', finished, '-inf', now - finished_for, 'LIMIT', 0, 1000)) do
      if excess() <= 0 then break end
      redis.call('DEL', prefix .. one)
      forget(one)
    end
    if excess() > 0 then return {'full'} end
  end
  if not held_facts then
    redis.call('HSET', group, 'facts', facts, 'key', key, 'query', query, 'size', size, 'present', 0, 'answered', 0)
  end
  redis.call('HSET', group, 'content:' .. index, content, 'rollout:' .. index, rollout)
  redis.call('HINCRBY', group, 'present', 1)
  count(sizes, 'bytes', name, wanted)
  count(sizes, 'rollouts', name, 1)
end

if label ~= '' or no_label then
  redis.call('HSET', group, (label ~= '' and 'label:' or 'unlabelled:') .. index, label ~= '' and label or '1')
  if redis.call('HGET', group, 'asked') == index then redis.call('HDEL', group, 'asked', 'asked_until', 'request') end
end
redis.call('HSET', group, 'partial:' .. index, partial, 'verifies:' .. index, verifies)
if overdue then redis.call('HSET', group, 'overdue', '1') end
redis.call('PEXPIRE', group, ttl)
redis.call('ZADD', expiry, now + ttl, name)
local facts_now = redis.call('HMGET', group, 'present', 'size', 'overdue', 'answer:' .. index)
local awaited = awaited_ms(group)
local due = is_due(group, index, tonumber(facts_now[1]), tonumber(facts_now[2]), facts_now[3] == '1', awaited)
local asked = awaited > 0 and redis.call('HGET', group, 'asked') == index
return {
  'here', tonumber(facts_now[1]), due and 1 or 0, facts_now[4] or '', held_content and 1 or 0,
  asked and redis.call('HGET', group, 'request') or '', awaited, freed, held(sizes, expiry, finished)
}
"""
)
"""Arrive or look. KEYS: group, sizes, expiry, finished. A `rollout` of '' only looks: `unknown` asks for the text."""

CLAIM = (
    _SHARED
    + """
local group, claim = KEYS[1], KEYS[2]
local facts = redis.call('HMGET', group, 'present', 'size', 'overdue')
if not facts[1] then return false end
local due, awaited = {}, awaited_ms(group)
for index = 0, facts[2] - 1 do
  local held = redis.call('HEXISTS', group, 'content:' .. index) == 1
  if held and is_due(group, index, tonumber(facts[1]), tonumber(facts[2]), facts[3] == '1', awaited) then
    table.insert(due, index)
  end
end
if #due == 0 then return false end
if redis.call('GET', claim) ~= ARGV[1] and not redis.call('SET', claim, ARGV[1], 'NX', 'PX', ARGV[2]) then
  return false
end
local asked = redis.call('HGET', group, 'asked')
if asked and awaited == 0 then
  redis.call('HSET', group, 'unlabelled:' .. asked, '1')
  redis.call('HDEL', group, 'asked', 'asked_until', 'request')
end
return {due, redis.call('HGETALL', group)}
"""
)
"""Take the right to score what is due. KEYS: group, claim. ARGV: token, ms after which the claim expires."""

SETTLE = (
    _SHARED
    + """
local group, claim, sizes, expiry, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local token, name, ttl, overhead, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local answers = {}
if redis.call('EXISTS', group) == 1 then
  for place = 6, #ARGV, 2 do
    if redis.call('HSETNX', group, 'answer:' .. ARGV[place], ARGV[place + 1]) == 1 then
      redis.call('HINCRBY', group, 'answered', 1)
    end
    table.insert(answers, redis.call('HGET', group, 'answer:' .. ARGV[place]))
  end
  local facts = redis.call('HMGET', group, 'answered', 'size')
  if facts[1] == facts[2] and redis.call('HDEL', group, 'query') == 1 then
    for index = 0, facts[2] - 1 do redis.call('HDEL', group, 'rollout:' .. index) end
    local before = tonumber(redis.call('HGET', sizes, 'bytes:' .. name) or 0)
    count(sizes, 'bytes', name, overhead * (facts[2] + 1) - before)
    redis.call('ZADD', finished, now_ms(), name)
  end
  redis.call('PEXPIRE', group, ttl)
  redis.call('ZADD', expiry, now_ms() + ttl, name)
end
if redis.call('GET', claim) == token then redis.call('DEL', claim) end
redis.call('PUBLISH', channel, name)
return {answers, held(sizes, expiry, finished)}
"""
)
"""Keep answers, the first written of each rollout, and end the claim. KEYS: group, claim, sizes, expiry, finished."""

ASK = (
    _SHARED
    + """
local group, claim = KEYS[1], KEYS[2]
local token, name, channel, index, ms, request = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
if redis.call('GET', claim) ~= token then return end
redis.call('DEL', claim)
local told = redis.call('HMGET', group, 'size', 'label:' .. index, 'unlabelled:' .. index)
if told[1] and not told[2] and not told[3] then
  redis.call('HSET', group, 'asked', index, 'asked_until', now_ms() + ms, 'request', request)
end
redis.call('PUBLISH', channel, name)
"""
)
"""End a claim and await a label, unless it came meanwhile. KEYS: group, claim. ARGV: token, name, channel, index, ms,
request."""

RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('PUBLISH', ARGV[3], ARGV[2])
"""
"""End a claim without answers. KEYS: claim. ARGV: token, name, channel."""

RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""
"""Put the end of a claim off, while its scoring goes on. KEYS: claim. ARGV: token, ms."""
