import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { page } from '../../src/base/installed.ts'
import fc from 'fast-check'
import { loadConfigFile } from '../../src/config/load.ts'
import type { PageFiles } from '../../src/config/pages.ts'
import { parse } from '../../src/config/parse.ts'
import { builtInTexts, placeholdersIn, placeholdersOf, textKeys } from '../../src/config/texts/catalogue.ts'
import { english } from '../../src/config/texts/english.ts'
import { configOf, minimal, minimalUpstream, noSecrets, upstreamOf, withUpstream } from './samples.ts'

/** A folder `texts` with these files, and pictures beside it. */
function filesOf(
  texts: Readonly<Record<string, string>>,
  pictures: Readonly<Record<string, Uint8Array>> = {},
): PageFiles {
  return {
    list: (folder) => (folder === 'texts' ? Object.keys(texts) : undefined),
    readFile: (path) => {
      const text = texts[path.replace(/^texts\//, '')]
      return text === undefined ? pictures[path] : Buffer.from(text)
    },
  }
}

function parsed(pages: object, files: PageFiles, options: object = minimal) {
  return parse({ ...options, pages }, noSecrets, files)
}

function pagesOf(pages: object, files: PageFiles, options: object = minimal) {
  const result = parsed(pages, files, options)
  assert.ok(result.ok, JSON.stringify(result))
  return result.config.pages
}

function faultsOf(pages: object, files: PageFiles): readonly string[] {
  const result = parsed(pages, files)
  return result.ok ? [] : result.faults.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

const textsOf = (texts: Readonly<Record<string, string>>) => pagesOf({ dir: 'texts' }, filesOf(texts))
const textFaults = (texts: Readonly<Record<string, string>>) => faultsOf({ dir: 'texts' }, filesOf(texts))

describe('the texts that are built in', () => {
  for (const [language, texts] of builtInTexts) {
    test(`${language} says everything, and fills in what English does`, () => {
      assert.deepEqual(Object.keys(texts).toSorted(), textKeys.toSorted())
      for (const key of textKeys) {
        assert.notEqual(texts[key].trim(), '', key)
        assert.deepEqual(placeholdersIn(texts[key]).toSorted(), placeholdersOf(key).toSorted(), key)
      }
    })

    test(`${language} has no straight quote, double space or space at an end`, () => {
      for (const key of textKeys) assert.doesNotMatch(texts[key], /["']| {2}|^ | $/, key)
    })
  }

  test('no text was left in English', () => {
    const same = ['Code', 'Status {status}']
    for (const [language, texts] of builtInTexts) {
      if (language === 'en') continue
      const left = textKeys.filter((key) => texts[key] === english[key] && !same.includes(texts[key]))
      assert.deepEqual(left, [], language)
    }
  })
})

describe('texts in a folder', () => {
  test('stand over those that are built in, one by one', () => {
    const { languages } = textsOf({ 'de.yaml': 'signIn.title: Willkommen\n# nothing else\n' })
    assert.equal(languages.get('de')?.texts['signIn.title'], 'Willkommen')
    assert.equal(languages.get('de')?.texts['signIn.submit'], 'Anmelden')
    assert.equal(languages.get('en')?.texts['signIn.title'], 'Sign in')
  })

  test('of a region go on with those of its language, whatever the order of the files', () => {
    const { languages } = textsOf({ 'de-AT.yaml': 'signIn.submit: Rein', 'de.yml': 'signIn.title: Willkommen' })
    const texts = languages.get('de-AT')?.texts
    assert.deepEqual(
      [texts?.['signIn.submit'], texts?.['signIn.title'], texts?.['signOut.title']],
      ['Rein', 'Willkommen', 'Abmelden?'],
    )
    assert.deepEqual([...languages.keys()], ['en', 'de', 'es', 'de-AT'])
  })

  test('add a language that says everything', () => {
    const all = textKeys.map((key) => `${key}: ${JSON.stringify(`fr ${english[key]}`)}`).join('\n')
    const { languages, language } = pagesOf({ dir: 'texts', language: 'fr' }, filesOf({ 'fr.yaml': all }))
    assert.equal(language, 'fr')
    assert.equal(languages.get('fr')?.texts['signIn.title'], 'fr Sign in')
  })

  test('name upstreams and their fields', () => {
    const options = { ...minimal, upstreams: { accounts: { ...minimalUpstream, title: 'Accounts' } } }
    const files = filesOf({
      'de.yaml': 'upstream.accounts.title: Konten\nupstream.accounts.field.username: Kundennummer\n',
    })
    const { languages } = pagesOf({ dir: 'texts' }, files, options)
    assert.deepEqual(Object.fromEntries(languages.get('de')?.names ?? []), {
      'upstream.accounts.title': 'Konten',
      'upstream.accounts.field.username': 'Kundennummer',
    })
  })

  test('may be in files that say nothing yet, beside files of other kinds', () => {
    const { languages } = textsOf({ 'en.yaml': '# later\n', 'logo.svg': '<svg/>', '..data': '', README: '' })
    assert.equal(languages.get('en')?.texts['signIn.title'], 'Sign in')
  })

  const faulty: readonly (readonly [what: string, texts: Readonly<Record<string, string>>, fault: string])[] = [
    ['an unknown key', { 'de.yaml': 'a: b' }, `de.yaml:1:1 a: is not known here; ${page('pages')} lists the keys`],
    [
      'a slip',
      { 'de.yaml': '\nsignIn.titel: b' },
      'de.yaml:2:1 signIn.titel: is not known here; did you mean `signIn.title`?',
    ],
    [
      'a field that there is not',
      { 'de.yaml': 'upstream.accounts.field.usrname: b' },
      'de.yaml:1:1 upstream.accounts.field.usrname: is not known here; did you mean `upstream.accounts.field.username`?',
    ],
    [
      'a placeholder that means nothing',
      { 'de.yaml': 'signIn.lead: An {title}' },
      'de.yaml:1:1 signIn.lead: `{title}` means nothing; here there is {upstream}',
    ],
    [
      'one where there is none',
      { 'de.yaml': 'signIn.title: An {upstream}' },
      'de.yaml:1:1 signIn.title: `{upstream}` means nothing; nothing is filled in here',
    ],
    [
      'one in a name',
      { 'de.yaml': 'upstream.accounts.title: An {upstream}' },
      'de.yaml:1:1 upstream.accounts.title: `{upstream}` means nothing; nothing is filled in here',
    ],
    [
      'an empty text',
      { 'de.yaml': 'signIn.title: " "' },
      'de.yaml:1:1 signIn.title: must not be empty; take the key out for the usual text',
    ],
    ['nothing', { 'de.yaml': 'signIn.title:' }, 'de.yaml:1:1 signIn.title: must be a text; put it in quotes'],
    ['a number', { 'de.yaml': 'signIn.title: 1' }, 'de.yaml:1:1 signIn.title: must be a text; put it in quotes'],
    [
      'a text of several lines',
      { 'de.yaml': 'signIn.title: "a\\nb"' },
      'de.yaml:1:1 signIn.title: must be one line, without control characters',
    ],
    [
      'a text without end',
      { 'de.yaml': `signIn.title: ${'a'.repeat(501)}` },
      'de.yaml:1:1 signIn.title: must be at most 500 characters',
    ],
    ['a list', { 'de.yaml': '- a' }, 'de.yaml must be a map, such as signIn.title: Welcome'],
    [
      'what is not YAML',
      { 'de.yaml': 'a: "b' },
      'de.yaml:1:6 a quote, comma, colon or space is missing here or just before',
    ],
    ['a large file', { 'de.yaml': `# ${'a'.repeat(70_000)}` }, 'de.yaml is larger than 64 kB'],
    [
      'a name that is no language',
      { 'deutsch-land-x.yaml': '' },
      'deutsch-land-x.yaml is not named for a language; call it such as de.yaml or pt-BR.yaml',
    ],
    [
      'two files of a language',
      { 'de.yaml': '', 'DE.yml': '' },
      'de.yaml is of a language that another file is of; keep one of them',
    ],
    ['no file at all', { 'de.json': '{}' }, 'holds no texts; put a file for a language into it, such as de.yaml'],
  ]
  for (const [what, texts, fault] of faulty) {
    test(`${what} is one fault`, () => assert.deepEqual(textFaults(texts), [`pages.dir: ${fault}`]))
  }

  test('a new language that leaves something out is told what', () => {
    const [fault = '', ...others] = textFaults({ 'fr.yaml': 'signIn.title: Connexion' })
    assert.deepEqual(others, [])
    assert.match(
      fault,
      /^pages\.dir: fr\.yaml is of a language that is not built in, .* signIn\.failed, .* and \d+ more$/,
    )
  })

  test('nested keys are told how to be written', () => {
    assert.deepEqual(textFaults({ 'de.yaml': 'signIn:\n  title: a' }), [
      'pages.dir: de.yaml:1:1 signIn: must be a text; write the whole key on one line, such as signIn.title: Welcome',
    ])
  })

  test('a folder that is not there is a fault', () => {
    assert.deepEqual(faultsOf({ dir: 'elsewhere' }, filesOf({})), [
      'pages.dir: this folder cannot be read; is it there, and may this user read it?',
    ])
  })

  test('a language without texts cannot be the usual one', () => {
    assert.deepEqual(faultsOf({ language: 'fr' }, filesOf({})), [
      'pages.language: there are no texts in this language, only in en, de, es; add a file of it to `dir`',
    ])
    assert.equal(pagesOf({ language: 'DE' }, filesOf({})).language, 'de')
  })

  test('no text of a file, however odd, is repeated in a fault, and none makes it throw', () => {
    const key = fc.oneof(fc.constantFrom(...textKeys), fc.string())
    fc.assert(
      fc.property(fc.dictionary(key, fc.oneof(fc.string(), fc.jsonValue())), (texts) => {
        const result = parsed({ dir: 'texts' }, filesOf({ 'de.yaml': JSON.stringify({ ...texts, odd: 'canary-7b' }) }))
        assert.ok(!result.ok)
        assert.ok(!JSON.stringify(result.faults).includes('canary-7b'))
      }),
    )
  })
})

describe('the brand', () => {
  const png = Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1')
  const svg = Buffer.from('<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="http://www.w3.org/2000/svg"/>')
  const files = filesOf(
    {},
    {
      'logo.png': png,
      'logo.svg': svg,
      'logo.jpg': Buffer.from('\xff\xd8\xff\xe0', 'latin1'),
      'logo.webp': Buffer.from('RIFF0000WEBPVP8 ', 'latin1'),
      'logo.gif': Buffer.from('GIF89a'),
      'page.svg': Buffer.from('<html><svg></svg></html>'),
      'empty.png': Buffer.alloc(0),
      'large.png': Buffer.concat([png, Buffer.alloc(32_768)]),
    },
  )
  const logoOf = (logo: string) => pagesOf({ brand: { logo } }, files).brand.logo
  const logoFaults = (logo: string) => faultsOf({ brand: { logo } }, files)

  test('a picture is told by its content, and becomes part of the page', () => {
    assert.equal(logoOf('logo.png'), `data:image/png;base64,${png.toString('base64')}`)
    assert.equal(logoOf('logo.svg'), `data:image/svg+xml;base64,${svg.toString('base64')}`)
    assert.match(logoOf('logo.jpg') ?? '', /^data:image\/jpeg;/)
    assert.match(logoOf('logo.webp') ?? '', /^data:image\/webp;/)
  })

  test('anything else is not taken for one, whatever its name', () => {
    const fault = ['pages.brand.logo: is not a picture; take an SVG, PNG, JPEG or WebP file']
    for (const name of ['logo.gif', 'page.svg', 'empty.png']) assert.deepEqual(logoFaults(name), fault)
  })

  test('one that would weigh on every page is refused', () => {
    assert.deepEqual(logoFaults('large.png'), [
      'pages.brand.logo: is larger than 32 kB, and it is part of every page; an SVG of a few kB does',
    ])
  })

  test('one that is not there is a fault', () => {
    assert.deepEqual(logoFaults('gone.png'), [
      'pages.brand.logo: this file cannot be read; is it there, and may this user read it?',
    ])
  })

  test('a picture for dark pages alone is a fault', () => {
    assert.deepEqual(faultsOf({ brand: { logoDark: 'logo.png' } }, files), [
      'pages.brand.logoDark: stands without `logo`; set that too',
    ])
  })

  test('a colour has six digits', () => {
    for (const color of ['#fff', 'red', '#12345g', 'rgb(0,0,0)', '#0d5f58;}'])
      assert.deepEqual(faultsOf({ brand: { color } }, files), [
        'pages.brand.color: must be a colour such as "#0d5f58": a number sign and six hexadecimal digits, in quotes',
      ])
  })

  test('one in which links could not be read on light pages is warned about, with what is taken instead', () => {
    const warnings = (color: string) => {
      const result = parsed({ brand: { color } }, files)
      assert.ok(result.ok)
      return result.warnings.filter((warning) => warning.startsWith('pages.'))
    }
    assert.deepEqual(warnings('#12284C'), [])
    const [warning = ''] = warnings('#f2b705')
    const { accent } = pagesOf({ brand: { color: '#f2b705' } }, files).brand.palettes.light
    assert.equal(
      warning,
      `pages.brand.color: cannot be read well on a light page (1.8:1 on white, 4.5:1 everywhere is needed), so links are drawn in ${accent} there.`,
    )
  })

  test('paths count from the folder of the configuration file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-pages-'))
    try {
      mkdirSync(join(folder, 'texts'))
      writeFileSync(join(folder, 'texts', 'es.yaml'), 'signIn.title: Entrar\n')
      writeFileSync(join(folder, 'logo.png'), png)
      const pages = { dir: './texts', brand: { logo: './logo.png' } }
      writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ ...minimal, pages }))
      const config = loadConfigFile(join(folder, 'postern.yaml'), { env: {} })
      assert.equal(config.pages.languages.get('es')?.texts['signIn.title'], 'Entrar')
      assert.equal(config.pages.brand.logo, logoOf('logo.png'))
      const byVariable = { POSTERN_PAGES__LANGUAGE: 'es', POSTERN_PAGES__BRAND__NAME: 'Nord' }
      const other = loadConfigFile(join(folder, 'postern.yaml'), { env: byVariable })
      assert.deepEqual([other.pages.language, other.pages.brand.name], ['es', 'Nord'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('links to pages elsewhere', () => {
  const linkOf = (register: string) => upstreamOf({ links: { register } }).links.register
  const faults = (register: string) => {
    const result = parse(withUpstream({ links: { register } }), noSecrets)
    return result.ok ? [] : result.faults.map(({ message }) => message)
  }

  test('may have a query and a fragment', () => {
    assert.equal(
      linkOf('https://accounts.example.com/new?from=app#form'),
      'https://accounts.example.com/new?from=app#form',
    )
    assert.equal(linkOf('http://localhost:3000/new'), 'http://localhost:3000/new')
    assert.equal(upstreamOf({}).links.register, undefined)
  })

  for (const address of [
    'javascript:alert(1)',
    'data:text/html,x',
    '/new',
    '//accounts.example.com',
    'accounts.example.com',
    'https://a@b.example',
    'https://',
    'https:\\\\a.example',
  ])
    test(`are whole addresses, so not ${address}`, () => {
      assert.deepEqual(faults(address), ['must be a whole address, such as https://accounts.example.com/forgot'])
    })

  test('are https, but for this machine', () => {
    assert.deepEqual(faults('http://accounts.example.com/new'), [
      'must begin with https:// unless the host is a loopback one',
    ])
  })
})

describe('the label of a field', () => {
  const field = (options: object) =>
    upstreamOf({
      fields: [
        { name: 'username', ...options },
        { name: 'password', type: 'password', label: 'P' },
      ],
    }).fields[0]

  test('is the word for its `autocomplete` where none is given', () => {
    assert.deepEqual(
      [field({ autocomplete: 'email' })?.label, field({ autocomplete: 'email' })?.word],
      ['Email address', 'field.email'],
    )
  })

  test('is the given one in every language', () => {
    const given = field({ autocomplete: 'email', label: 'Member' })
    assert.deepEqual([given?.label, given?.word], ['Member', undefined])
  })

  test('is missed where nothing says what it is', () => {
    const result = parse(withUpstream({ fields: [{ name: 'username', autocomplete: 'organization' }] }), noSecrets)
    assert.ok(!result.ok)
    assert.deepEqual(
      result.faults.filter(({ path }) => path.at(-1) === 'label').map(({ message }) => message),
      [
        'is missing (what stands beside it); only an `autocomplete` of `username`, `current-password`, `email`, `tel` or `one-time-code` has a word of its own',
      ],
    )
  })
})

test('without a word about pages they are in English, without a brand', () => {
  const { language, brand } = configOf(minimal).pages
  assert.deepEqual([language, brand.name, brand.logo, brand.color], ['en', undefined, undefined, undefined])
})
