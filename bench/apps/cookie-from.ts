/** The cookie that an app gives at its own sign-in. */
export async function cookieFrom(origin: string): Promise<string> {
  const answer = await fetch(`${origin}/sign-in`, { method: 'POST' })
  const [cookie = ''] = answer.headers.getSetCookie()
  if (!answer.ok || cookie === '') throw new Error(`The sign-in was answered with ${answer.status}.`)
  return cookie.slice(0, cookie.indexOf(';'))
}
