import assert from 'node:assert/strict'
import { writeFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import type { Options } from '../../src/config/options.ts'
import { postern, temporaryFolder } from '../cli/session.ts'
import { minimal } from '../config/samples.ts'
import { codeBlocks, named, readText, tableRows } from '../docs/markdown.ts'
import { printSnippet } from './site.ts'

const written = readText('docs/forward-auth.md')
const controllers = ['kubernetes --for envoy-gateway', 'kubernetes --for ingress-nginx']
const names = ['nginx', 'traefik', 'caddy', 'haproxy', 'haproxy --lua', 'envoy', 'kubernetes', ...controllers]

/** What the document was written for. */
const documented: Options = {
  ...minimal,
  listen: { host: '127.0.0.1', port: 8080 },
  trustedProxies: ['127.0.0.1'],
  forwardAuth: ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'],
}

async function snippet(options: Options, ...args: readonly string[]) {
  const folder = temporaryFolder()
  try {
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(options), { mode: 0o600 })
    return await postern(folder, ['snippet', ...args])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('the snippets', () => {
  for (const name of names) {
    test(`docs/forward-auth.md shows what \`postern snippet ${name}\` prints`, async () => {
      const section = written.split(/^## /m).find((part) => part.includes(`\n\`postern snippet ${name}\`\n`)) ?? ''
      const [block] = codeBlocks(section)
      assert.equal(block?.text, await printSnippet(documented, ...name.split(' ')))
    })
  }

  test('an audience with a path has the address of its metadata in each of them', async () => {
    const options = { ...documented, api: { audience: 'https://app.example.com/api' } }
    // The script of HAProxy asks; its configuration has the addresses.
    for (const name of names.filter((one) => one !== 'haproxy --lua'))
      assert.match(await printSnippet(options, ...name.split(' ')), /oauth-protected-resource\\?\/api/, name)
  })

  test('the document names the versions that the snippets name', async () => {
    const run = tableRows(written, 'What the snippets do').find(([head]) => head === 'run with') ?? []
    for (const [index, name] of ['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'].entries()) {
      const text = await printSnippet(documented, name)
      for (const version of (run[index + 1] ?? '').split(', ')) assert.ok(text.includes(version), `${name} ${version}`)
    }
  })

  test('the document has every header that an answer may carry', () => {
    const listed = tableRows(written, 'Headers of an answer').flatMap(([cell]) => named(cell ?? ''))
    for (const header of [
      'X-Forwarded-User',
      'Authorization',
      'Cookie',
      'Set-Cookie',
      'X-Postern-Set-Cookie-0',
      'X-Postern-Location',
      'X-Postern-Answer',
      'X-Postern-Problem',
    ])
      assert.ok(listed.includes(header), header)
  })

  for (const name of names) {
    test(`${name}: prefix, gateway, hosts and further headers come from the configuration`, async () => {
      const text = await printSnippet(
        {
          ...documented,
          publicUrl: 'https://www.example.org:8443',
          prefix: '/door',
          listen: { host: '0.0.0.0', port: 9999 },
          session: { cookie: { name: 'visit' } },
          identity: { headers: { 'X-Who': 'sub', 'Remote-User': 'sub' } },
          routes: [{ path: '/' }, { host: 'admin.example.org', path: '/' }],
        },
        ...name.split(' '),
      )
      assert.doesNotMatch(text, /\/_auth|app\.example\.com|8080|\bundefined\b|\[object/)
      assert.match(text, /\/door\/verify/)
      assert.match(text, /9999/)
      assert.match(text, /x-who/i)
      // By its prefix there.
      if (name !== 'haproxy') assert.match(text, /remote-user/i)
      if (!name.includes('lua') && name !== 'haproxy') assert.match(text, /admin\.example\.org/)
      if (name === 'traefik' || name === 'kubernetes') assert.match(text, /__Host-visit-upt/)
    })

    test(`FA-01 ${name}: what a sign-in service takes its token in is copied where some route shows it`, async () => {
      const accounts = {
        ...minimal.upstreams.accounts,
        present: { header: 'X-Api-Token', headers: { 'X-Api-Version': '2' } },
      }
      const print = (credentials: 'upstream' | 'none') =>
        printSnippet(
          { ...documented, upstreams: { accounts }, routes: [{ path: '/', credentials }] },
          ...name.split(' '),
        )
      if (name !== 'haproxy') assert.match(await print('upstream'), /x-api-token[^]*x-api-version/i)
      assert.doesNotMatch(await print('none'), /x-api-/i)
    })
  }

  for (const name of ['traefik', 'envoy', 'kubernetes', ...controllers]) {
    test(`${name}: it is YAML without anchors, and names each key once`, async () => {
      const text = await printSnippet(documented, ...name.split(' '))
      for (const document of parseAllDocuments(text, { uniqueKeys: true }))
        assert.deepEqual([document.errors, document.warnings].flat(), [])
      assert.doesNotMatch(text, /[&*]a[0-9]/)
    })
  }

  for (const name of controllers) {
    test(`${name}: what only the proxy asks is kept from outside`, async () => {
      const objects = parseAllDocuments(await printSnippet(documented, ...name.split(' '))).map(
        (one) => one.toJS() as { readonly metadata: { readonly annotations?: object } },
      )
      const about = objects.filter((one) => JSON.stringify(one).includes('"/_auth/verify"'))
      assert.equal(about.length, 1)
      const [{ metadata, ...rest }] = about as [(typeof about)[number]]
      // Refused for every address, or without a backend.
      if (metadata.annotations !== undefined)
        assert.deepEqual(metadata.annotations, {
          'nginx.ingress.kubernetes.io/denylist-source-range': '0.0.0.0/0,::/0',
        })
      else
        assert.match(
          JSON.stringify(rest),
          /\{"matches":\[\{"path":\{"type":"PathPrefix","value":"\/_auth\/verify"\}\}\]\}/,
        )
    })

    test(`FA-01 ${name}: a renewed cookie or an identity that a client sends is deleted or replaced`, async () => {
      const text = await printSnippet(documented, ...name.split(' '))
      const listed =
        /auth-response-headers: (.+)/.exec(text)?.[1] ?? /headersToBackend:\n((?: +- .+\n)+)/.exec(text)?.[1] ?? ''
      const replaced = listed.split(/[\s,-]* - |[\s,]+/).map((name) => name.toLowerCase())
      for (const header of ['X-Forwarded-User', 'X-Forwarded-Groups', 'Authorization', 'Cookie'])
        assert.ok(replaced.includes(header.toLowerCase()), header)
      for (const header of ['Remote-User', 'X-Auth-Request-User', 'X-Original-URL'])
        assert.match(text, new RegExp(`^ +(- )?${header}(: "")?$`, 'im'))
    })
  }

  test('without trustedProxies it warns: the gateway would answer nobody', async () => {
    const { code, stdout, stderr } = await snippet({ ...minimal, forwardAuth: ['nginx'] }, 'nginx')
    assert.equal(code, 0)
    assert.match(stdout, /auth_request/)
    assert.equal(
      stderr,
      'warning: trustedProxies is empty, so the gateway answers no proxy; add the address that this one asks from\n',
    )
  })

  test('FA-02 without forwardAuth it warns: there would be nothing to ask', async () => {
    for (const [args, proxy] of [
      [['traefik'], 'traefik'],
      [['kubernetes', '--for', 'envoy-gateway'], 'envoy'],
    ] as const) {
      const { code, stderr } = await snippet({ ...documented, forwardAuth: ['nginx'] }, ...args)
      assert.equal(code, 0)
      assert.equal(
        stderr,
        `warning: forwardAuth does not name ${proxy}, so there is nothing to ask; say forwardAuth: [${proxy}]\n`,
      )
    }
  })

  test('FA-09 a header name that a proxy would drop, or an application would fold, is refused', async () => {
    for (const header of ['X_User', 'X.User', 'X~User']) {
      const { code, stdout, stderr } = await snippet(
        { ...documented, identity: { headers: { [header]: 'sub' } } },
        'caddy',
      )
      assert.equal(code, 1)
      assert.equal(stdout, '')
      assert.match(stderr, /letters, digits and dashes only/)
    }
  })

  test('another name, none, two, or --lua elsewhere is bad usage', async () => {
    for (const args of [
      [],
      ['apache'],
      ['nginx', 'caddy'],
      ['nginx', '--lua'],
      ['nginx', '--for', 'traefik'],
      ['kubernetes', '--for', 'apache'],
      ['kubernetes', '--for', 'constructor'],
      ['kubernetes', '--lua'],
      ['constructor'],
      ['nginx', '--other'],
    ]) {
      const { code, stdout, stderr } = await snippet(documented, ...args)
      assert.equal(code, 2, args.join(' '))
      assert.equal(stdout, '')
      assert.notEqual(stderr, '')
    }
  })

  test('a configuration that is missing or wrong is said as everywhere', async () => {
    const folder = temporaryFolder()
    try {
      assert.equal((await postern(folder, ['snippet', 'nginx'])).code, 2)
      writeFileSync(join(folder, 'postern.yaml'), '{}')
      assert.equal((await postern(folder, ['snippet', 'nginx'])).code, 1)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
