import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configOf, faultsOf, minimal } from './samples.ts'

for (const [endpoint, url] of [
  ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
  ['https://otel.example.com/tenant/', 'https://otel.example.com/tenant/v1/traces'],
  ['http://127.0.0.1:4318/v1/traces', 'http://127.0.0.1:4318/v1/traces'],
  ['https://otel.example.com/tenant/v1/traces/', 'https://otel.example.com/tenant/v1/traces'],
] as const)
  test(`spans go to ${url} where tracing.endpoint is ${endpoint}`, () => {
    assert.equal(configOf({ ...minimal, tracing: { endpoint } }).tracing.endpoint, url)
  })

for (const endpoint of ['127.0.0.1:4318', 'http://user@127.0.0.1:4318', 'http://127.0.0.1:4318?key=canary'])
  test(`${endpoint} is refused as a tracing.endpoint`, () => {
    const faults = faultsOf({ ...minimal, tracing: { endpoint } })
    assert.equal(faults.length, 1)
    assert.match(faults.join(), /tracing\.endpoint/)
  })
