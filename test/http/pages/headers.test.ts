import { test } from 'node:test'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { samplePageHeaders } from '../../../src/demo/pages.ts'
import { pageHeaders } from '../../../src/http/pages/headers.ts'
import { signedOutPage } from '../../../src/http/pages/sign-out.ts'
import { kit, pageStates, plainKits } from './states.ts'
import { elements, textOf } from './strict-markup.ts'

const headers = pageHeaders({ secure: true, style: plainKits.style })

function hashOf(page: string): string {
  return `'sha256-${createHash('sha256').update(elements(page, 'style').map(textOf).join()).digest('base64')}'`
}

test('CS-08 a page may not be framed, run scripts, load from elsewhere, move its base or post elsewhere', () => {
  assert.equal(
    headers['content-security-policy'],
    `default-src 'none'; style-src ${hashOf(signedOutPage(kit, { prefix: '/_auth' }))}; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'`,
  )
})

test('CS-08 the other headers of a page', () => {
  const { 'content-security-policy': _, ...others } = headers
  assert.deepEqual(others, {
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
    'cache-control': 'no-store',
    'strict-transport-security': 'max-age=31536000',
  })
})

test('CS-08 HSTS is not sent over http, where a browser would have to ignore it', () => {
  assert.equal(pageHeaders({ secure: false, style: plainKits.style })['strict-transport-security'], undefined)
})

for (const { name, page, style } of pageStates) {
  test(`CS-08 the policy allows the style sheet that ${name} carries, and only that one`, () => {
    const policy = pageHeaders({ secure: true, style })['content-security-policy'] ?? ''
    assert.match(policy, /; style-src 'sha256-[^' ]+';/)
    assert.ok(policy.includes(hashOf(page)))
  })
}

test('CS-08 the sample app sends the policy of its own style sheet', () => {
  const sample = pageStates.find(({ name }) => name === 'sample-home')
  assert.ok(sample && samplePageHeaders['content-security-policy']?.includes(hashOf(sample.page)))
})
