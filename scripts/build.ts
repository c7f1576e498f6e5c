/** Makes `dist/`: what the npm package and the image ship. */
import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { OptionsSchema } from '../src/config/options.ts'

rmSync('dist', { recursive: true, force: true })
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
writeFileSync('dist/schema.json', `${JSON.stringify(OptionsSchema, undefined, 2)}\n`)
chmodSync('dist/cli/main.js', 0o755)
