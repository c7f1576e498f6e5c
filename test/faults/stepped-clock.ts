import { readFileSync } from 'node:fs'

/* Loaded before a program: its clock is off by as many milliseconds as stand in the file `clock` of its folder. */

const real = Date.now
let offset = 0
setInterval(() => {
  try {
    offset = Number(readFileSync('clock', 'utf8'))
  } catch {
    // Nobody has set it yet.
  }
}, 20).unref()
Date.now = () => real() + offset
