import type { FastifyReply } from 'fastify'

/** What anybody wrote, as text and never as markup. */
export function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

/** @param name of the person who is signed in; undefined = nobody */
export function page(reply: FastifyReply, name: string | undefined, body: string): FastifyReply {
  const who =
    name === undefined
      ? '<a href="/_auth/login">Sign in</a>'
      : `${text(name)} <form method="post" action="/_auth/logout"><button>Sign out</button></form>`
  return reply
    .type('text/html; charset=utf-8')
    .header(
      'content-security-policy',
      "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    .send(`<!doctype html><html lang="en"><title>Shop</title><header>${who}</header><main>${body}</main></html>`)
}
