/*
 * The rules of buckets.ts where Redis keeps the numbers: several keys are looked at and changed as one step.
 */

/**
 * Keys: the cells. Arguments: now, then `each`, `free`, `most` and `refuses` of every cell. Returns the waits. Numbers are
 * returned as texts, because Redis cuts their fraction off.
 */
export const addAttempt = `
local now = tonumber(ARGV[1])
local ahead, waits, full = {}, {}, false
for index, key in ipairs(KEYS) do
  local at = 2 + (index - 1) * 4
  local free, most, refuses = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3] == '1'
  ahead[index] = math.min(math.max(tonumber(redis.call('GET', key) or '0') - now, 0), most)
  local wait = math.max(0, ahead[index] - free)
  waits[index] = tostring(wait)
  full = full or (refuses and wait > 0)
end
if full then return waits end
for index, key in ipairs(KEYS) do
  local each = tonumber(ARGV[2 + (index - 1) * 4])
  if each > 0 then
    local whole = ahead[index] + each
    redis.call('SET', key, string.format('%.3f', now + whole), 'PX', math.max(1, math.ceil(whole)))
  end
end
return waits
`

/** Keys: the cells. Arguments: `each` of every cell. */
export const takeBackAttempt = `
for index, key in ipairs(KEYS) do
  local whole = redis.call('GET', key)
  local each = tonumber(ARGV[index])
  if whole and each > 0 then
    redis.call('SET', key, string.format('%.3f', tonumber(whole) - each), 'KEEPTTL')
  end
end
return true
`
