type HeaderPairs = readonly (readonly [string, string])[]

/** One kind of client, with the headers by which it is told from the others. */
export interface Client {
  readonly name: string
  readonly headers: HeaderPairs
}

const html = ['accept', 'text/html,application/xhtml+xml,*/*;q=0.8'] as const
const elsewhere = 'https://elsewhere.example'
const reading = new Set(['GET', 'HEAD'])

/** Who can open a WebSocket. @param listed origins that the route names beside our own */
export function socketClients(publicUrl: string, listed: readonly string[]): readonly Client[] {
  const handshake = [
    ['sec-websocket-version', '13'],
    // The example of RFC 6455 section 1.2.
    ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ] as const
  const page = (origin: string, site: string) =>
    [
      ...handshake,
      ['origin', origin],
      ['sec-fetch-mode', 'websocket'],
      ['sec-fetch-dest', 'websocket'],
      ['sec-fetch-site', site],
    ] as const
  return [
    { name: 'page of this site', headers: page(publicUrl, 'same-origin') },
    ...listed.map((origin) => ({ name: `page of ${origin}`, headers: page(origin, 'same-site') })),
    { name: 'page elsewhere', headers: page(elsewhere, 'cross-site') },
    { name: 'program', headers: handshake },
  ]
}

/** Who can send a request with that method. */
export function clientsFor(method: string, publicUrl: string): readonly Client[] {
  const site = (name: string) => ['sec-fetch-site', name] as const
  const script = [['sec-fetch-mode', 'cors'] as const, ['sec-fetch-dest', 'empty'] as const, ['accept', '*/*'] as const]
  // What a browser asks before a request that a page of another origin may not simply make.
  const asks = method === 'OPTIONS' ? [['access-control-request-method', 'PUT'] as const] : []
  const navigates = [['sec-fetch-mode', 'navigate'] as const, ['sec-fetch-dest', 'document'] as const, html]
  return [
    ...(reading.has(method)
      ? [
          { name: 'navigation', headers: [...navigates, site('none')] },
          {
            name: 'frame',
            headers: [
              ['sec-fetch-mode', 'navigate'] as const,
              ['sec-fetch-dest', 'iframe'] as const,
              html,
              site('same-origin'),
            ],
          },
        ]
      : []),
    ...(method === 'POST'
      ? [
          {
            name: 'form post',
            headers: [
              ...navigates,
              site('same-origin'),
              ['origin', publicUrl] as const,
              ['content-type', 'application/x-www-form-urlencoded'] as const,
            ],
          },
        ]
      : []),
    { name: 'fetch', headers: [...script, site('same-origin'), ['origin', publicUrl] as const, ...asks] },
    {
      name: 'fetch from elsewhere',
      headers: [...script, site('cross-site'), ['origin', elsewhere] as const, ...asks],
    },
    { name: 'program', headers: [['accept', '*/*'] as const] },
  ]
}
