import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutPort } from '../../src/route/host.ts'

for (const [host, name, why] of [
  ['app.example.com', 'app.example.com', 'there is no port'],
  ['localhost', 'localhost', 'there is no port'],
  ['app.example.com:8443', 'app.example.com', 'a port is digits'],
  ['app.example.com:', 'app.example.com', 'a port may be empty (RFC 3986 section 3.2.3)'],
  ['[::1]:8443', '[::1]', 'only the last one is a port'],
  ['[::1]', '[::1]', 'the last colon stands in the address'],
  ['app.example.com:x', 'app.example.com:x', 'letters are no port'],
  ['app.example.com:x1', 'app.example.com:x1', 'nor is what ends in digits'],
  ['app.example.com:1x', 'app.example.com:1x', 'nor is what begins with them'],
  [':8443', '', 'there is no name'],
  ['80', '80', 'digits without a colon are a name'],
  ['', '', 'there is nothing'],
] as const)
  test(`${JSON.stringify(host)} is ${JSON.stringify(name)}: ${why}`, () => {
    assert.equal(withoutPort(host), name)
  })
