import assert from 'node:assert/strict'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { createClient } from '@redis/client'
import { loopbackOptions } from './doctor-options.ts'
import { startProvider } from '../support/provider.ts'
import { freePort } from '../support/gateway.ts'
import { secret } from '../support/canaries.ts'
import { redisMissing, startRedis } from '../support/redis.ts'
import { startService } from '../support/service.ts'
import { selfSigned } from '../upstream/support/certificate.ts'
import { redisFindings } from '../../src/cli/doctor/redis.ts'
import { cookieFindings } from '../../src/cli/doctor/set-cookies.ts'
import { publicUrlFindings } from '../../src/cli/doctor/public-url.ts'
import { upstreamFindings } from '../../src/cli/doctor/upstreams.ts'
import { skewFinding } from '../../src/cli/doctor/words.ts'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { parseOptions } from '../../src/config/load.ts'
import { postern, temporaryFolder } from './session.ts'
import { startSite, type Site } from './site.ts'

interface Diagnosis {
  code: number | null
  good: boolean
  findings: Finding[]
}

async function diagnosed(site: Site, ...args: readonly string[]): Promise<Diagnosis> {
  const { code, stdout, stderr } = await site.run(['doctor', '--json', ...args])
  assert.notEqual(stdout, '', stderr)
  return { ...(JSON.parse(stdout) as Omit<Diagnosis, 'code'>), code }
}

function about({ findings }: Pick<Diagnosis, 'findings'>, name: string): readonly string[] {
  return findings.filter((finding) => finding.about === name).map(({ verdict, says }) => `${verdict}: ${says}`)
}

/** A server of the test's own, gone with it. */
async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

/** What doctor says of a public URL that this listener answers. */
async function askedThere(t: TestContext, listener: RequestListener): Promise<readonly Finding[]> {
  const publicUrl = await serve(t, listener)
  return publicUrlFindings(parseOptions(loopbackOptions(publicUrl)), new Set(['ours']), 2_000)
}

const says = (findings: readonly Finding[]) =>
  findings.map(({ verdict, says: text }) => `${verdict}: ${text}`).join('\n')

describe('doctor beside a gateway that runs', () => {
  let site: Site
  before(async () => {
    site = await startSite()
  })
  after(() => site.close())

  test('finds no fault: the upstream, its check call, clocks, keys, and the public URL with our keys and our cookie', async () => {
    const diagnosis = await diagnosed(site)
    assert.deepEqual([diagnosis.code, diagnosis.good], [0, true], JSON.stringify(diagnosis.findings))
    assert.match(
      about(diagnosis, 'upstream accounts').join('\n'),
      /ok: its check call refuses a token that nobody gave out \(401\)/,
    )
    assert.match(about(diagnosis, 'upstream accounts').join('\n'), /ok: its clock and the one of this machine agree/)
    assert.match(about(diagnosis, 'public url').join('\n'), /ok: it leads to a gateway with our keys/)
    assert.match(about(diagnosis, 'cookies').join('\n'), /ok: postern arrives as it was sent/)
    assert.match(about(diagnosis, 'proxy trust').join('\n'), /ok: nothing in front/)
    assert.match(about(diagnosis, 'cookie size accounts').join('\n'), /ok: .*one cookie holds up to \d{4} characters/)
    assert.equal(about(diagnosis, 'keys').filter((line) => line.startsWith('ok: ')).length, 2)
  })

  test('every line that is not ok has a next thing to try', async () => {
    for (const { verdict, next, says: text } of (await diagnosed(site)).findings)
      assert.equal(next === undefined, verdict === 'ok', text)
  })

  test('a configuration with faults is JSON too, where a program asks', async (t) => {
    const folder = temporaryFolder()
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'postern.yaml'), 'publicUrl: http://localhost:8080\nupstreams: {}\ntypo: 1\n')
    const { code, stdout, stderr } = await postern(folder, ['doctor', '--json'])
    const { good, findings } = JSON.parse(stdout) as Pick<Diagnosis, 'good' | 'findings'>
    assert.deepEqual([code, good, stderr], [1, false, ''])
    assert.ok(findings.some(({ about: what, verdict, says }) => `${what} ${verdict}: ${says}`.includes('typo')))
    assert.ok(findings.every(({ about: what, verdict }) => what === 'configuration' && verdict === 'fault'))
    const plain = await postern(folder, ['doctor'])
    assert.deepEqual([plain.code, plain.stdout], [1, ''])
    assert.match(plain.stderr, /postern\.yaml:3:1 typo/)
  })

  test('for a person it is lines, and their count', async () => {
    const { stdout } = await site.run(['doctor'])
    assert.match(stdout, /^ok {5}keys/m)
    assert.match(stdout, /^warn {3}revocations {2,}\S.*\n {10,}next: \S/m)
    assert.match(stdout, /\n\d+ ok, \d+ warn, 0 fault\n$/)
  })

  test('keys that everybody can read are a fault with the command that mends it', async () => {
    const { names } = await (await import('../../src/keys/folder.ts')).readKeyFolder(join(site.folder, 'keys'))
    const file = join(site.folder, 'keys', names?.[0] ?? '')
    chmodSync(file, 0o644)
    const { code, findings } = await diagnosed(site)
    chmodSync(file, 0o600)
    assert.equal(code, 1)
    const fault = findings.find(({ about: name, verdict }) => name === 'keys' && verdict === 'fault')
    assert.match(fault?.says ?? '', /is open to everyone on this machine/)
    assert.match(fault?.next ?? '', /^run: chmod 600 /)
  })

  test('other keys than those that are shown there are a fault', async () => {
    const { code, stdout } = await site.run(['keys', 'generate', '--dir', './others'])
    assert.equal(code, 0, stdout)
    writeFileSync(join(site.folder, 'other.yaml'), JSON.stringify({ ...site.options, keys: { dir: './others' } }))
    const diagnosis = await diagnosed(site, '--config', 'other.yaml')
    assert.match(about(diagnosis, 'public url').join('\n'), /fault: it leads to a gateway with other keys/)
  })

  test('a faulty list of revocations is one', async () => {
    writeFileSync(join(site.folder, 'revoked.yaml'), 'notBefore: yesterday\n')
    writeFileSync(
      join(site.folder, 'r.yaml'),
      JSON.stringify({ ...site.options, revocations: { file: './revoked.yaml' } }),
    )
    const diagnosis = await diagnosed(site, '--config', 'r.yaml')
    assert.match(about(diagnosis, 'revocations').join('\n'), /^fault: .*notBefore: must be a time/)
  })
})

describe('the classic traps at the public URL', () => {
  test('a redirect loop', async (t) => {
    const found = await askedThere(t, (_, response) =>
      response.writeHead(302, { location: '/.well-known/jwks.json' }).end(),
    )
    assert.match(says(found), /fault: redirect loop: \S+ → \S+/)
  })

  test('a redirect loop between http and https, with its usual cause', async (t) => {
    const folder = temporaryFolder()
    const certificate = selfSigned()
    let plain = ''
    const server = createTlsServer(certificate, ({ url }, response) =>
      response.writeHead(301, { location: `${plain}${url ?? ''}` }).end(),
    )
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    t.after(() => {
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const publicUrl = `https://localhost:${(server.address() as AddressInfo).port}`
    plain = await serve(t, ({ url }, response) =>
      response.writeHead(301, { location: `${publicUrl}${url ?? ''}` }).end(),
    )
    writeFileSync(join(folder, 'ca.pem'), certificate.cert)
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(loopbackOptions(publicUrl)))
    const { stdout } = await postern(folder, ['doctor', '--json'], { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') })
    const { findings } = JSON.parse(stdout) as Diagnosis
    const loop = findings.find(({ says: text }) => text.startsWith('redirect loop: '))
    assert.match(
      loop?.next ?? says(findings),
      /redirects http to https, and is itself asked by http: .*X-Forwarded-Proto/,
    )
  })

  test('a redirect to another host is a domain mismatch', async (t) => {
    const other = await serve(t, (_, response) => response.end('{"keys":[]}'))
    const location = other.replace('localhost', '127.0.0.1')
    const found = await askedThere(t, (_, response) => response.writeHead(301, { location: `${location}/x` }).end())
    assert.match(
      says(found),
      /fault: domain mismatch: it redirects to http:\/\/127\.0\.0\.1:\d+: cookies and tokens are made for http:\/\/localhost/,
    )
  })

  test('an application instead of the gateway, and a proxy that does not reach it', async (t) => {
    assert.match(
      says(await askedThere(t, (_, response) => response.end('<h1>It works</h1>'))),
      /fault: it answers something that is no key set/,
    )
    assert.match(
      says(await askedThere(t, (_, response) => response.writeHead(502).end())),
      /fault: it answers 502 at .*does not lead to a gateway/,
    )
  })

  const keys = JSON.stringify({ keys: [{ kid: 'ours' }] })

  function gateway(cookie: string | undefined, status = 200): RequestListener {
    return (request, response) => {
      if (request.url === '/.well-known/jwks.json') response.end(keys)
      else response.writeHead(status, cookie === undefined ? {} : { 'set-cookie': cookie }).end()
    }
  }

  test('Secure over http, a domain, another path, and a cookie that is taken away', async (t) => {
    assert.match(
      says(await askedThere(t, gateway('postern=; Path=/; HttpOnly; Secure'))),
      /fault: our cookie arrives with Secure, and \S+ is plain http/,
    )
    assert.match(
      says(await askedThere(t, gateway('postern=; Path=/; Domain=example.com'))),
      /fault: something in front adds Domain=example\.com/,
    )
    assert.match(
      says(await askedThere(t, gateway('postern=; Path=/app'))),
      /fault: something in front changes the path of our cookie to \/app/,
    )
    assert.match(
      says(await askedThere(t, gateway(undefined))),
      /fault: the answer of the sign-in page came without its Set-Cookie/,
    )
    assert.match(says(await askedThere(t, gateway('postern=; Path=/; HttpOnly'))), /ok: postern arrives as it was sent/)
  })

  test('a sign-in page that is itself behind a sign-in', async (t) => {
    assert.match(says(await askedThere(t, gateway(undefined, 401))), /fault: the sign-in page answers 401/)
  })

  test('a clock that is wrong', async (t) => {
    const found = await askedThere(t, (request, response) => {
      response.setHeader('date', new Date(Date.now() - 300_000).toUTCString())
      gateway('postern=; Path=/')(request, response)
    })
    assert.match(says(found), /fault: its clock is (299|300|301) s behind the one of this machine/)
    assert.match(says(skewFinding('redis', 20)), /^warn: its clock is 20 s ahead of/)
    assert.deepEqual(skewFinding('redis', undefined), [])
  })

  test('over https a cookie without Secure is dropped', () => {
    const config = parseOptions({ ...loopbackOptions('https://app.example.com') })
    assert.match(
      says(cookieFindings(['__Host-postern=; Path=/; HttpOnly'], config)),
      /fault: our cookie arrives without Secure/,
    )
    assert.match(says(cookieFindings(['__Host-postern=; Path=/; Secure'], config)), /^ok/)
  })

  test('routes for another host never see the cookie; TLS in front and nobody trusted is a warning', async () => {
    const options = loopbackOptions('https://localhost:1')
    const found = await publicUrlFindings(
      parseOptions({ ...options, routes: [{ host: 'admin.example.com', path: '/', backend: 'http://127.0.0.1:9' }] }),
      new Set(),
      1_000,
    )
    assert.match(
      says(found),
      /warn: domain mismatch: routes for admin\.example\.com never see the cookie __Host-postern/,
    )
    assert.match(says(found), /warn: something in front ends TLS, and trustedProxies is empty/)
    assert.match(says(found), /fault: https:\/\/localhost:1: TCP fails \(ECONNREFUSED\)/)
  })
})

describe('upstreams', () => {
  test('each way not to be reached is named by its step', async (t) => {
    const upstream = async (origin: string) => {
      const config = parseOptions({ ...loopbackOptions('https://app.example.com', origin) }).upstreams.get('accounts')
      assert.ok(config)
      return says(await upstreamFindings(config, 2_000))
    }
    assert.match(await upstream('https://nowhere.invalid'), /^fault: https:\/\/nowhere\.invalid: DNS fails \(E/)
    assert.match(await upstream(`http://localhost:${await freePort()}`), /^fault: .*TCP fails \(ECONNREFUSED\)$/)
    const plain = await serve(t, (_, response) => response.end())
    assert.match(await upstream(plain.replace('http:', 'https:')), /^fault: .*TLS fails \(/)

    const server = createTlsServer(selfSigned(), (_, response) => response.end())
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    assert.match(await upstream(`https://localhost:${port}`), /^fault: .*TLS fails \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/)
  })

  test('a check call that takes anything, one that says nothing, and a service that is down', async (t) => {
    const service = await startService()
    t.after(() => service.close())
    const config = parseOptions(loopbackOptions('https://app.example.com', service.origin)).upstreams.get('accounts')
    assert.ok(config)
    assert.match(says(await upstreamFindings(config, 2_000)), /ok: its check call refuses a token that nobody gave out/)
    service.mode = 'down'
    assert.match(says(await upstreamFindings(config, 2_000)), /fault: its check call: /)

    const anything = await serve(t, (_, response) => response.end('{"id":"nobody"}'))
    const open = parseOptions(loopbackOptions('https://app.example.com', anything)).upstreams.get('accounts')
    assert.ok(open)
    assert.match(
      says(await upstreamFindings(open, 2_000)),
      /fault: its check call takes a token that nobody gave out \(200\)/,
    )

    const lost = await serve(t, (_, response) => response.writeHead(404).end())
    const missing = parseOptions(loopbackOptions('https://app.example.com', lost)).upstreams.get('accounts')
    assert.ok(missing)
    assert.match(
      says(await upstreamFindings(missing, 2_000)),
      /warn: its check call gives a bad token an answer that says nothing \(404\)/,
    )
  })

  test('a certificate that ends soon is a warning, where its issuer is known', async (t) => {
    const day = 86_400_000
    const end = new Date(Date.now() + 5 * day).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
    const certificate = selfSigned(end)
    const server = createTlsServer(certificate, (_, response) => response.end())
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const site = await startSite({
      options: (_, __, folder) => {
        writeFileSync(join(folder, 'ca.pem'), certificate.cert)
        const { port } = server.address() as AddressInfo
        return {
          routes: [{ path: '/', backend: `https://localhost:${port}`, tls: { caFile: join(folder, 'ca.pem') } }],
        }
      },
    })
    t.after(async () => {
      await site.close()
      server.close()
    })
    const { findings } = await diagnosed(site)
    const found = findings.find(({ about: name }) => name.startsWith('backend '))
    assert.equal(found?.verdict, 'warn')
    assert.match(found?.says ?? '', /its certificate is good for [45] days$/)
  })

  test('a provider: its discovery, and one that is down', async (t) => {
    const provider = await startProvider()
    t.after(() => provider.close())
    const config = parseOptions({
      publicUrl: 'http://localhost:1',
      upstreams: { company: provider.describe('http://localhost:1', 'company') },
    }).upstreams.get('company')
    assert.ok(config)
    assert.match(
      says(await upstreamFindings(config, 2_000)),
      /ok: its discovery is good; people sign in at http:\/\/localhost:\d+/,
    )
    provider.mode = 'down'
    assert.match(says(await upstreamFindings(config, 2_000)), /fault: its discovery: /)
  })
})

describe('redis', { skip: redisMissing }, () => {
  const config = (url: string, more: object = {}) =>
    parseOptions({ ...loopbackOptions('https://app.example.com'), facts: { redis: { url, ...more } } })

  test('each command that is needed is tried; one that is not allowed, or refused, is a fault that names it', async (t) => {
    const redis = await startRedis()
    const keeper = createClient({ url: redis.url, RESP: 2 })
    await keeper.connect()
    t.after(async () => {
      keeper.destroy()
      await redis.stop()
    })
    const found = async (more: object = {}, path = '') =>
      says(await redisFindings(config(`${redis.url}${path}`, more), 2_000)).replaceAll(/redis:\/\/[\d.:/]+/g, 'it')
    const user = { username: 'postern', password: secret('password-of-postern', 'the password of a user of Redis') }
    const allow = (...rules: readonly string[]) =>
      keeper.sendCommand(['ACL', 'SETUSER', 'postern', 'reset', 'on', '>password-of-postern', ...rules])
    const good = /^ok: it answers in \d+ ms\nok: its clock.*$/

    assert.match(await found(), good)
    await allow('~*', '+@all')
    assert.match(await found(user), good)
    for (const [rule, command] of [
      ['-@blocking', 'XREAD'],
      ['-ping', 'PING'],
      ['-get', 'GET'],
      ['-set', 'SET'],
      ['-del', 'DEL'],
      ['-eval', 'EVAL'],
      ['-xadd', 'XADD'],
      ['-@write', 'SET, DEL, XADD'],
    ] as const) {
      await allow('~*', '+@all', rule)
      assert.match(await found(user), new RegExp(`^fault: it does not let this user do ${command}$`, 'm'))
    }
    await allow('~other:*', '+@all')
    assert.match(await found(user), /^fault: it does not let this user do XREAD, GET, SET, DEL, EVAL, XADD$/m)
    await allow('~*', '+@all', '-select')
    assert.match(await found(user, '/1'), /^fault: it does not let this user do SELECT$/)
    await allow('~*', '+@all', '-time', '-role')
    assert.match(await found(user), /^ok: .*\nwarn: it does not let this user ask its time and role$/)

    await keeper.set('postern:endings', 'no stream')
    assert.match(await found(), /^fault: it refuses XREAD \(WRONGTYPE\)$/m)
    await keeper.del('postern:endings')
    await keeper.configSet('maxmemory', '1')
    assert.match(await found(), /^fault: it refuses SET, XADD \(OOM\)$/m)
    await keeper.configSet('maxmemory', '0')
    await keeper.sendCommand(['REPLICAOF', '127.0.0.1', '1'])
    assert.match(await found(), /^ok: .*\nfault: it is a replica, which takes no writes\nok: .*$/)
    await keeper.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    await keeper.configSet('requirepass', 'password-of-redis')
    assert.match(await found(), /^fault: it does not take the password$/)
    assert.equal(await keeper.dbSize(), 0)
  })

  test('reached, with its time and its answer; a wrong password; gone', async (t) => {
    const redis = await startRedis('a-password-of-redis')
    const site = await startSite()
    t.after(async () => {
      await site.close()
      await redis.stop()
    })
    const file = (name: string, password: string) => {
      writeFileSync(join(site.folder, `${name}.secret`), password)
      const facts = { redis: { url: redis.url, password: { file: `./${name}.secret` } } }
      writeFileSync(join(site.folder, `${name}.yaml`), JSON.stringify({ ...site.options, facts }))
      return ['--config', `${name}.yaml`]
    }
    const good = await diagnosed(site, ...file('good', 'a-password-of-redis'))
    assert.match(about(good, 'redis').join('\n'), /^ok: redis:\/\/127\.0\.0\.1:\d+ answers in \d+ ms\nok: its clock/)
    const wrong = await diagnosed(site, ...file('wrong', 'another'))
    assert.match(about(wrong, 'redis').join('\n'), /^fault: .* does not take the password$/)
    await redis.stop()
    const gone = await diagnosed(site, ...file('good', 'a-password-of-redis'))
    assert.match(about(gone, 'redis').join('\n'), /^fault: .* cannot be asked \(ECONNREFUSED\)$/)
  })
})

test('whatever says nothing is not waited for longer than the steps allow', async (t) => {
  const service = await startService()
  service.mode = 'hang'
  t.after(() => service.close())
  const config = parseOptions(loopbackOptions('https://app.example.com', service.origin, '500ms')).upstreams.get(
    'accounts',
  )
  assert.ok(config)
  assert.match(says(await upstreamFindings(config, 500)), /fault: its check call: /)
})
