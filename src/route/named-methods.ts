/** In every spelling that CGI, WSGI or PHP makes one variable of: see `fold` of the request headers. */
const overriding = /^x[^a-z0-9](?:http[^a-z0-9]method(?:[^a-z0-9]override)?|method[^a-z0-9]override)$/i

/**
 * The methods that a request names in `X-HTTP-Method-Override`, `X-HTTP-Method` or `X-Method-Override`, in upper case and
 * each once. Rack, Symfony, Laravel and others run a POST as what stands there.
 */
export function namedMethods(rawHeaders: readonly string[]): readonly string[] {
  const named = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!overriding.test(rawHeaders[index] ?? '')) continue
    for (const method of (rawHeaders[index + 1] ?? '').split(',')) named.add(method.trim().toUpperCase())
  }
  named.delete('')
  return [...named]
}
