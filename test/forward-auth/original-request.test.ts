import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FrontProxy } from '../../src/config/config.ts'
import { originalRequest, type OriginalRequest } from '../../src/http/original-request.ts'
import { asNode } from '../support/node-headers.ts'

type Lines = readonly (readonly [string, string])[]

function read(proxy: FrontProxy, lines: Lines, { method = 'GET', target = '' } = {}): OriginalRequest | undefined {
  return originalRequest(proxy, { method, ...asNode(lines) }, target)
}

const good = { method: 'POST', url: '/a/b?c=%20', host: 'app.example.com' }

const nginxLines: Lines = [
  ['X-Original-URL', 'https://app.example.com/a/b?c=%20'],
  ['X-Original-Method', 'POST'],
]
const forwardedLines: Lines = [
  ['X-Forwarded-Method', 'POST'],
  ['X-Forwarded-Uri', '/a/b?c=%20'],
  ['X-Forwarded-Host', 'app.example.com'],
]
const envoyLines: Lines = [['Host', 'app.example.com']]

const others = ['traefik', 'caddy', 'haproxy'] as const
const contracts: readonly (readonly [FrontProxy, Lines, { method?: string; target?: string }])[] = [
  ['nginx', nginxLines, {}],
  ...others.map((proxy) => [proxy, forwardedLines, {}] as const),
  ['envoy', envoyLines, { method: 'POST', target: '/a/b?c=%20' }],
]

const replaced = (lines: Lines, name: string, value: string): Lines =>
  lines.map((line) => (line[0] === name ? [name, value] : line))
const without = (lines: Lines, name: string): Lines => lines.filter((line) => line[0] !== name)

describe('what a front proxy was asked', () => {
  for (const [proxy, lines, more] of contracts) {
    test(`${proxy} says it by the headers of its own contract`, () => {
      assert.deepEqual(read(proxy, lines, more), good)
    })

    for (const [name] of lines) {
      test(`FA-04 ${proxy}: ${name} missing, empty or said twice makes no sense`, () => {
        assert.equal(read(proxy, without(lines, name), more), undefined)
        assert.equal(read(proxy, replaced(lines, name, ''), more), undefined)
        const line = lines.find((one) => one[0] === name)
        assert.ok(line)
        assert.equal(read(proxy, [...lines, line], more), undefined)
        assert.equal(read(proxy, [...lines, [name.toLowerCase(), line[1]]], more), undefined)
      })
    }

    test(`FA-03 ${proxy}: the headers of another contract beside its own make no sense`, () => {
      const foreign: Lines =
        proxy === 'nginx'
          ? forwardedLines.slice(0, 2)
          : proxy === 'envoy'
            ? [...nginxLines, ...forwardedLines.slice(0, 2)]
            : nginxLines
      for (const line of foreign) assert.equal(read(proxy, [...lines, line], more), undefined, line[0])
      for (const line of foreign)
        assert.equal(read(proxy, [...lines, [line[0], '']], more), undefined, `${line[0]}, empty`)
    })

    test(`FA-02 FA-03 ${proxy}: other spellings and other headers decide nothing`, () => {
      const lies: Lines = [
        ['X_Forwarded_Uri', '/public'],
        ['X.Forwarded.Method', 'OPTIONS'],
        ['X_Original_URL', 'https://app.example.com/public'],
        ['X-Forwarded-Prefix', '/public'],
        ['X-Forwarded-Port', '1'],
        ['X-Forwarded-Proto', 'gopher'],
        ['X-Rewrite-URL', '/public'],
        ['Forwarded', 'host=elsewhere.example'],
        ['X-Middleware-Subrequest', 'middleware'],
      ]
      assert.deepEqual(read(proxy, [...lies, ...lines], more), good)
    })
  }

  test('FA-04 an original URL that is not absolute, or no URL, makes no sense', () => {
    const urls = [
      '/a',
      'a',
      '//app.example.com/a',
      'https://app.example.com',
      'https:///a',
      'https:/app.example.com/a',
      'ftp://app.example.com/a',
      'http://[',
      'http://[::1/a',
      'https://user@app.example.com/a',
      'https://user:password@app.example.com/a',
      'https://app.example.com:port/a',
      'https://app.example.com:/a',
      'https://app.example.com:123456/a',
      'https://app..example.com/a',
      'https://.example.com/a',
      'https://app.example.com\\@elsewhere.example/a',
      'https://app.example.com%2felsewhere.example/a',
      'https://app.example.com/a#b',
      'javascript:alert(1)',
      '%zz',
      ' ',
    ]
    for (const url of urls) assert.equal(read('nginx', replaced(nginxLines, 'X-Original-URL', url)), undefined, url)
  })

  test('FA-04 a forwarded address that is relative, absolute or holds a fragment makes no sense', () => {
    for (const proxy of others)
      for (const url of ['a', '?a', 'https://app.example.com/a', '/a#b', '/a?b#c', '*', ' /a'])
        assert.equal(read(proxy, replaced(forwardedLines, 'X-Forwarded-Uri', url)), undefined, `${proxy} ${url}`)
    for (const target of ['', 'a', '?a', '/a#b'])
      assert.equal(read('envoy', envoyLines, { target }), undefined, `envoy ${target}`)
  })

  test('FA-04 a method is a word in capitals', () => {
    for (const method of [
      'get',
      'Get',
      'GET ',
      ' GET',
      'GET,POST',
      'GET POST',
      '',
      '*',
      'G'.repeat(40),
      'GET\u00a0',
      'M2',
    ]) {
      assert.equal(read('nginx', replaced(nginxLines, 'X-Original-Method', method)), undefined, `nginx ${method}`)
      for (const proxy of others)
        assert.equal(
          read(proxy, replaced(forwardedLines, 'X-Forwarded-Method', method)),
          undefined,
          `${proxy} ${method}`,
        )
    }
    for (const method of ['GET', 'OPTIONS', 'PROPFIND', 'M-SEARCH', 'CONNECT'])
      assert.equal(read('caddy', replaced(forwardedLines, 'X-Forwarded-Method', method))?.method, method)
  })

  test('FA-05 a host is compared in lower case and without a final dot', () => {
    const hosts = {
      'APP.Example.COM': 'app.example.com',
      'app.example.com.': 'app.example.com',
      'App.example.com.:8443': 'app.example.com:8443',
      '[2001:DB8::1]:443': '[2001:db8::1]:443',
      localhost: 'localhost',
    }
    for (const [host, lower] of Object.entries(hosts)) {
      assert.equal(read('nginx', replaced(nginxLines, 'X-Original-URL', `https://${host}/`))?.host, lower)
      assert.equal(read('traefik', replaced(forwardedLines, 'X-Forwarded-Host', host))?.host, lower)
      assert.equal(read('envoy', [['Host', host]], { target: '/' })?.host, lower)
    }
  })

  test('FA-04 a host that is none makes no sense', () => {
    for (const host of [
      'a b',
      'a,b',
      'user@a',
      'a/b',
      'a#b',
      'a?b',
      '[',
      '[::1',
      'a:b',
      '..',
      'a..b',
      '',
      ' a',
      'a\tb',
      'ä.example',
    ])
      for (const proxy of others)
        assert.equal(read(proxy, replaced(forwardedLines, 'X-Forwarded-Host', host)), undefined, `${proxy} ${host}`)
  })
})
