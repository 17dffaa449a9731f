// What runs inside Redis, each script whole or not at all, each on keys of one slot: one spent credential, or everything about blocks and
// revocations under one hash tag. Texts come and go as arguments; nothing in them is code. Times of the callers are their own, and are
// compared with the clock of Redis, so that no clock that is behind finds something spent unknown (A-63, F-30).

import { LEEWAY_SECONDS } from '../core/limits.ts';
import { WITHDRAWN_KEPT_SECONDS } from '../core/limits-delegation.ts';
import { FEED_MARKS_KEPT } from '../core/limits-store.ts';

/** In what order `withdrawalKeys` of redis-keys.ts gives them. */
const NAMES = 'local state, log, ids, ends, marks, replicas = unpack(KEYS)\n';

/** Seconds since the epoch, as Redis has them. */
const SERVER_TIME = `
local time = redis.call('TIME')
local server = tonumber(time[1]) + tonumber(time[2]) / 1000000
`;

/**
 * KEYS: the credential's key. ARGV: decision, until, now, latest time of Redis at which it may still be done.
 * A value is `until decision floor`: claims of this key that ended at \`floor\` or before were forgotten.
 */
const CLAIM = `${SERVER_TIME}
local decision, till, now, latest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if server > latest then return {'late'} end
if now < server - ${LEEWAY_SECONDS} then return {'behind', tostring(server - now)} end
local floor = 0
local value = redis.call('GET', KEYS[1])
if value then
  local heldTill, holder, heldFloor = string.match(value, '^(%S+) (%S+) (%S+)$')
  if tonumber(heldTill) >= now then return {'held', holder} end
  floor = math.max(tonumber(heldTill), tonumber(heldFloor))
end
if till <= floor then return {'forgotten'} end
local kept = math.max(1, math.ceil((till - math.min(now, server) + ${LEEWAY_SECONDS}) * 1000))
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. decision .. ' ' .. string.format('%.17g', floor), 'PX', string.format('%d', kept))
return {'held', decision}
`;

/** KEYS: the credential's key. ARGV: decision. What was forgotten before stays forgotten. */
const RELEASE = `
local value = redis.call('GET', KEYS[1])
if not value then return {'gone'} end
local _, holder, floor = string.match(value, '^(%S+) (%S+) (%S+)$')
if holder ~= ARGV[1] then return {'gone'} end
if floor == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], '0 - ' .. floor, 'KEEPTTL') end
return {'released'}
`;

/**
 * Whether all keys are what one generation made of them, whole: an eviction takes single keys. ARGV[1] is the generation that the
 * caller knows, or nothing.
 */
const INTEGRITY = `
local generation = redis.call('HGET', state, 'generation')
if not generation then
  if redis.call('EXISTS', log, ids, marks) > 0 then return {'torn', ''} end
  return {'empty'}
end
local seq = tonumber(redis.call('HGET', state, 'seq') or '-1')
local held = tonumber(redis.call('HGET', state, 'held') or '-1')
if seq < 0 or redis.call('HLEN', ids) ~= held or redis.call('ZCARD', log) < held
  or redis.call('HLEN', marks) ~= math.min(seq, ${FEED_MARKS_KEPT}) then return {'torn', generation} end
if ARGV[1] ~= '' and ARGV[1] ~= generation then return {'other', generation} end
`;

const FORGET = `
local function forget(before, count)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', before, 'LIMIT', 0, count)) do
    local at = redis.call('HGET', ids, id)
    if at then
      redis.call('ZREMRANGEBYSCORE', log, at, at)
      redis.call('HDEL', ids, id)
      held = redis.call('HINCRBY', state, 'held', -1)
    end
    redis.call('ZREM', ends, id)
  end
end
`;

/** An entry of the log is `seq mark change`. Marks of the last changes prove that a reader and Redis have one history. */
const APPEND_ENTRY = `
local function append(mark, change)
  seq = redis.call('HINCRBY', state, 'seq', 1)
  local text = string.format('%d', seq)
  redis.call('ZADD', log, text, text .. ' ' .. mark .. ' ' .. change)
  redis.call('HSET', marks, text, mark)
  local old = string.format('%d', seq - ${FEED_MARKS_KEPT})
  if seq > ${FEED_MARKS_KEPT} then
    redis.call('HDEL', marks, old)
    local entry = redis.call('ZRANGEBYSCORE', log, old, old)[1]
    if entry and string.match(entry, '^%S+ %S+ lift ') then redis.call('ZREM', log, entry) end
  end
  return text
end
local function keep(mark, id, till, change)
  local text = append(mark, change)
  redis.call('HSET', ids, id, text)
  redis.call('HINCRBY', state, 'held', 1)
  if till ~= '' then redis.call('ZADD', ends, till, id) end
  return text
end
`;

/**
 * News, and a sign of life. ARGV: generation, cursor, head seq, head mark, replica, what it says of itself, entries at most,
 * forget what ended before, then pairs of replica and what it said last: those are gone.
 */
const FEED = `${NAMES}${SERVER_TIME}${INTEGRITY}${FORGET}
local cursor, headSeq, headMark = ARGV[2], tonumber(ARGV[3]), ARGV[4]
if headSeq > seq then return {'diverged'} end
if headSeq > 0 then
  local mark = redis.call('HGET', marks, ARGV[3])
  if not mark then return {'behind'} end
  if mark ~= headMark then return {'diverged'} end
end
redis.call('HSET', replicas, ARGV[5], ARGV[6])
for at = 9, #ARGV, 2 do
  if redis.call('HGET', replicas, ARGV[at]) == ARGV[at + 1] then redis.call('HDEL', replicas, ARGV[at]) end
end
-- Nobody whose clock is ahead has what still counts forgotten.
forget(string.format('%.6f', math.min(tonumber(ARGV[8]), server - ${WITHDRAWN_KEPT_SECONDS})), 100)
local mark = seq > 0 and redis.call('HGET', marks, string.format('%d', seq)) or ''
local begun = redis.call('HGET', state, 'begun')
return {'ok', generation, string.format('%d', seq), mark, string.format('%.6f', server), begun, redis.call('HGET', state, 'nonce'),
  redis.call('ZRANGEBYSCORE', log, '(' .. cursor, '+inf', 'LIMIT', 0, ARGV[7]), redis.call('HGETALL', replicas)}
`;

/** ARGV: generation, how many may be held, then mark, id, until, change for each. One whose id is held already is not written again. */
const ADD = `${NAMES}${INTEGRITY}${APPEND_ENTRY}
local at = {}
for first = 3, #ARGV, 4 do
  local known = redis.call('HGET', ids, ARGV[first + 1])
  if not known then
    if tonumber(redis.call('HGET', state, 'held')) >= tonumber(ARGV[2]) then return {'full'} end
    known = keep(ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 3])
  end
  at[#at + 1] = known
end
return {'ok', unpack(at)}
`;

/** ARGV: generation, mark, id, change. */
const LIFT = `${NAMES}${INTEGRITY}${APPEND_ENTRY}
local at = redis.call('HGET', ids, ARGV[3])
if not at then return {'absent'} end
local entry = redis.call('ZRANGEBYSCORE', log, at, at)[1]
if not entry or not string.match(entry, '^%S+ %S+ block ') then return {'absent'} end
redis.call('ZREM', log, entry)
redis.call('HDEL', ids, ARGV[3])
redis.call('ZREM', ends, ARGV[3])
redis.call('HINCRBY', state, 'held', -1)
return {'ok', append(ARGV[2], ARGV[4])}
`;

/**
 * A new generation in place of one that is gone or torn, where nobody was faster, with what is left of it. ARGV: the torn one or
 * nothing, the new one, a secret for nonces.
 */
const BEGIN = `${NAMES}${SERVER_TIME}local seq, held
${APPEND_ENTRY}
local generation = redis.call('HGET', state, 'generation') or ''
if generation ~= ARGV[1] then return {'other', generation} end
local left = redis.call('ZRANGE', log, 0, -1)
redis.call('DEL', unpack(KEYS))
redis.call('HSET', state, 'generation', ARGV[2], 'seq', '0', 'held', '0', 'nonce', ARGV[3], 'begun', string.format('%.6f', server))
for _, entry in ipairs(left) do
  local mark, change = string.match(entry, '^%S+ (%S+) (.+)$')
  local id, till = string.match(change or '', '^block (%S+) %S+ (%S+) ')
  if not id then id, till = string.match(change or '', '^revoke %S+ (%S+) %S+ (%S+) ') end
  if id and redis.call('HEXISTS', ids, id) == 0 then keep(mark, id, till == '-' and '' or till, change) end
end
return {'ok'}
`;

/** A replica that stops takes itself off the list. ARGV: nothing, replica. */
const LEAVE = `${NAMES}
redis.call('HDEL', replicas, ARGV[2])
return {'ok'}
`;

/** A sealed secret. KEYS: its key. ARGV: what is sealed, milliseconds until it ends. */
const REMEMBER = `
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'ok'}
`;

const RECALL = `
local value = redis.call('GET', KEYS[1])
if value then return {'held', value} end
return {'absent'}
`;

const DROP = `
redis.call('DEL', KEYS[1])
return {'ok'}
`;

export const SCRIPTS = {
  claim: CLAIM,
  release: RELEASE,
  feed: FEED,
  add: ADD,
  lift: LIFT,
  begin: BEGIN,
  leave: LEAVE,
  remember: REMEMBER,
  recall: RECALL,
  drop: DROP,
} as const;

export type ScriptName = keyof typeof SCRIPTS;
