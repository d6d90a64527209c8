import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Prints package.json as it is published: what the checkout has, less what only building needs. */
const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'))
for (const key of ['scripts', 'devDependencies', 'allowScripts', 'private']) delete manifest[key]
const commands = ['rocketcluster', 'mqnamesrv', 'mqbroker', 'mqshutdown']
const published = {
  ...manifest,
  exports: { './client': { types: './client/client.d.ts', default: './client/client.js' } },
  bin: Object.fromEntries(commands.map((name) => [name, `bin/${name}`])),
}
process.stdout.write(`${JSON.stringify(published, undefined, 2)}\n`)
