import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clientKind, renewalEligibility } from '../../src/route/client-kind.ts'

const navigate = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', 'sec-fetch-dest': 'document' }
const html = { accept: 'text/html' }

describe('with Fetch Metadata', () => {
  test('a document is a navigation where it is read, and a form where it is sent', () => {
    for (const method of ['GET', 'HEAD']) assert.equal(clientKind(method, navigate), 'navigation')
    for (const method of ['POST', 'PUT', 'get']) assert.equal(clientKind(method, navigate), 'form')
  })

  test('a document inside another is a frame, whatever the method', () => {
    for (const dest of ['iframe', 'frame', 'embed', 'object', 'fencedframe'])
      for (const method of ['GET', 'POST'])
        assert.equal(clientKind(method, { ...navigate, 'sec-fetch-dest': dest }), 'frame', dest)
    const { 'sec-fetch-dest': _, ...bare } = navigate
    assert.equal(clientKind('GET', bare), 'navigation')
  })

  test('a script of the same origin is one, and what a page embeds is not', () => {
    const fetched = { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }
    assert.equal(clientKind('GET', fetched), 'same-origin')
    assert.equal(clientKind('POST', { ...fetched, 'sec-fetch-dest': 'empty' }), 'same-origin')
    for (const dest of ['image', 'script', 'style'])
      assert.equal(clientKind('GET', { ...fetched, 'sec-fetch-dest': dest }), 'subresource')
  })

  test('another site is another site, and a sibling of ours is not ours', () => {
    for (const mode of ['cors', 'no-cors'])
      assert.equal(clientKind('GET', { 'sec-fetch-mode': mode, 'sec-fetch-site': 'cross-site' }), 'cross-site')
    for (const site of ['same-site', 'none'])
      assert.equal(clientKind('GET', { 'sec-fetch-mode': 'cors', 'sec-fetch-site': site }), 'subresource')
  })

  test('one of its headers is enough, and `Accept` says nothing then', () => {
    assert.equal(clientKind('GET', { 'sec-fetch-site': 'cross-site', ...html }), 'cross-site')
    assert.equal(clientKind('GET', { 'sec-fetch-mode': 'navigate' }), 'navigation')
    assert.equal(clientKind('GET', { 'sec-fetch-mode': 'cors', ...html }), 'subresource')
  })
})

test('what is fetched ahead of time is known by either header, before all else', () => {
  for (const name of ['sec-purpose', 'purpose'])
    for (const value of ['prefetch', 'prefetch;prerender', 'Prerender'])
      assert.equal(clientKind('GET', { ...navigate, [name]: value }), 'prefetch', value)
  assert.equal(clientKind('GET', { ...navigate, 'sec-purpose': 'prefetch', purpose: 'other' }), 'prefetch')
  assert.equal(clientKind('GET', { ...navigate, purpose: 'other' }), 'navigation')
  // Two lines of the same name: not what a browser sends.
  assert.equal(clientKind('GET', { ...navigate, purpose: ['prefetch', 'prefetch'] as unknown as string }), 'navigation')
})

describe('without Fetch Metadata', () => {
  test('who asks for HTML is a browser', () => {
    for (const method of ['GET', 'HEAD']) assert.equal(clientKind(method, html), 'navigation')
  })

  test('who says to be a script is one', () => {
    assert.equal(clientKind('GET', { ...html, 'x-requested-with': 'XMLHttpRequest' }), 'programmatic')
  })

  test('a form is known by its content type, in any letters, with parameters', () => {
    for (const type of [
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'Application/X-WWW-Form-Urlencoded; charset=utf-8',
    ])
      assert.equal(clientKind('POST', { ...html, 'content-type': type }), 'form', type)
    for (const type of ['application/json', 'text/plain', 'x-multipart/form-data'])
      assert.equal(clientKind('POST', { ...html, 'content-type': type }), 'programmatic', type)
    assert.equal(clientKind('POST', html), 'programmatic')
    assert.equal(clientKind('POST', { 'content-type': 'multipart/form-data' }), 'programmatic')
  })

  for (const accept of [
    'text/html',
    'TEXT/HTML',
    'application/xhtml+xml',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'text/plain, text/html',
    'text/html , application/json',
    'text/html;q=0.5',
    'text/html;level=1;q=0.5',
    'text/html ; q=0.5 , application/json;q=0.4',
    'text/html;q=0.1,text/html;q=0.9,application/json;q=0.5',
    'text/html;q=0.9,text/html;q=0.1,application/json;q=0.5',
    'application/json;q=0,text/html',
    'text/html;q=0.5,text/plain,image/svg+xml,json',
    `text/html,${'x'.repeat(1014)}`,
  ]) {
    test(`${accept.slice(0, 60)} is a wish for HTML`, () => {
      assert.equal(clientKind('GET', { accept }), 'navigation')
    })
  }

  for (const accept of [
    undefined,
    '',
    '*/*',
    'application/json',
    'text/htmlx',
    'text/*',
    'text/html;q=0',
    'text/html;q=x',
    'text/html;q=0.5,application/json',
    'text/html;q=0.5,application/json;q=0.9,application/json;q=0.1',
    'text/html;q=0.5,application/json;q=0.1,application/json;q=0.9',
    'text/html;q=0.5, application/problem+json',
    `text/html,${'x'.repeat(1015)}`,
  ]) {
    test(`${accept?.slice(0, 60)} is not`, () => {
      assert.equal(clientKind('GET', accept === undefined ? {} : { accept }), 'programmatic')
    })
  }
})

test('a session is renewed by who can keep the answer, and by nobody from another site or ahead of time', () => {
  assert.deepEqual(renewalEligibility, {
    navigation: 'always',
    form: 'always',
    frame: 'always',
    'same-origin': 'always',
    programmatic: 'always',
    subresource: 'when-expired',
    'cross-site': 'never',
    prefetch: 'never',
  })
})
