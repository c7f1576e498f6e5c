// This `fetch` renews a session that has expired, once for all tabs, and asks once more.
import { fetch } from '/_auth/client.js'

const find = (id) => document.getElementById(id)

/** Signed in or not, the page says so; it never holds a token. */
async function showWho() {
  const answer = await fetch('/_auth/session')
  const who = answer.ok ? await answer.json() : null
  find('who').textContent = who === null ? 'Nobody is signed in.' : `Hello ${who.claims.name}.`
  find('sign-in').hidden = who !== null
  find('sign-out').hidden = who === null
  find('add').hidden = who === null
  return who
}

async function call(path, init) {
  const answer = await fetch(path, init)
  // Signed out elsewhere, or over: the page says so, and nothing that was typed is lost.
  if (answer.status === 401) await showWho()
  return answer.ok ? answer.json() : undefined
}

function showNotes(notes = []) {
  find('notes').replaceChildren(
    ...notes.map((text) => {
      const item = document.createElement('li')
      item.textContent = text
      return item
    }),
  )
}

async function add(form) {
  const body = JSON.stringify({ text: new FormData(form).get('text') })
  const notes = await call('/api/notes', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  if (notes === undefined) return
  form.reset()
  showNotes(notes)
}

find('add').addEventListener('submit', (event) => {
  event.preventDefault()
  void add(event.target)
})

if ((await showWho()) !== null) showNotes(await call('/api/notes'))
