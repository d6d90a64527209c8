import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** One stock client, made ready to run. */
export type Client = {
  /** For instance java-5.3.3-binary: what --clients names. */
  readonly name: string
  readonly version: string
  /** Installs and compiles what is missing; throws with the tool's own words. */
  prepare(): void
  /** Command and environment of the scenario program; `home` is a folder for its logs and offset files. */
  command(home: string): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }
}

const here = import.meta.dirname
const cache = join(here, '..', '..', '.cache', 'interop')

function tool(why: string, cwd: string, argv: readonly string[]): string {
  const [command = '', ...args] = argv
  const run = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 })
  if (run.error) throw new Error(`${why} needs ${command}: ${run.error.message}`)
  if (run.status !== 0)
    throw new Error(
      `${why}: "${argv.join(' ')}" in ${cwd} ended with ${run.status}\n${run.stdout}\n${run.stderr}`,
    )
  return run.stdout
}

/** Runs `make` when the files or the words it depends on have changed since the last time. */
function once(stampFile: string, parts: readonly string[], files: readonly string[], make: () => void): void {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part}\0`)
  for (const file of files) hash.update(readFileSync(file))
  const key = hash.digest('hex')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === key) return
  make()
  writeFileSync(stampFile, key)
}

export const JAVA_VERSIONS = ['4.9.8', '5.3.3', '5.5.0'] as const

/** Class path of one stock Java client and of the plain sources in `folders`, compiled against it. */
export function javaClassPath(version: string, name: string, folders: readonly string[]): string {
  const place = join(cache, `java-${version}`)
  const classes = join(place, `classes-${name}`)
  const listFile = join(place, 'classpath')
  const pom = join(here, 'java', 'pom.xml')
  mkdirSync(place, { recursive: true })
  once(join(place, 'jars.key'), [version], [pom], () => {
    tool(`the class path of the Java client ${version}`, here, [
      'mvn',
      '-q',
      '-B',
      '-f',
      pom,
      `-Drocketmq.version=${version}`,
      'dependency:build-classpath',
      `-Dmdep.outputFile=${listFile}`,
    ])
  })
  const jars = readFileSync(listFile, 'utf8').trim()
  const sources = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.java'))
      .map((file) => join(folder, file)),
  )
  once(join(place, `classes-${name}.key`), [jars], sources, () => {
    rmSync(classes, { recursive: true, force: true })
    mkdirSync(classes, { recursive: true })
    const javac = ['javac', '-nowarn', '-encoding', 'UTF-8', '--release', '11', '-d', classes, '-cp', jars]
    tool(`compiling ${name} for the Java client ${version}`, here, [...javac, ...sources])
  })
  return `${classes}:${jars}`
}

/** Options that keep a Java client's logs and offset files in a folder of the test. */
export const javaOptions = (home: string): readonly string[] => [
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  `-Duser.home=${home}`,
  `-Drocketmq.client.logRoot=${home}`,
  `-Drocketmq.log.root=${home}`,
  '-Drocketmq.client.logUseSlf4j=false',
]

function javaClient(version: string, form: 'JSON' | 'ROCKETMQ'): Client {
  let classPath = ''
  return {
    name: `java-${version}${form === 'JSON' ? '' : '-binary'}`,
    version,
    prepare() {
      classPath = javaClassPath(version, 'interop', [join(here, 'java', 'interop')])
    },
    command: (home) => ({
      argv: [
        'java',
        '-Xmx512m',
        ...javaOptions(home),
        `-Drocketmq.serialize.type=${form}`,
        '-cp',
        classPath,
        'interop.Interop',
      ],
      env: {},
    }),
  }
}

const goClient: Client = {
  name: 'go',
  version: /rocketmq-client-go\/v2 (\S+)/.exec(readFileSync(join(here, 'go', 'go.mod'), 'utf8'))?.[1] ?? '?',
  prepare() {
    mkdirSync(cache, { recursive: true })
    tool('the Go client', join(here, 'go'), ['go', 'build', '-o', join(cache, 'interop-go'), '.'])
  },
  command: (home) => ({ argv: [join(cache, 'interop-go')], env: { HOME: home } }),
}

const nodeFolder = join(here, 'node')
const nodeClient: Client = {
  name: 'ali-ons',
  version:
    (
      JSON.parse(readFileSync(join(nodeFolder, 'package.json'), 'utf8')) as {
        dependencies: Record<string, string>
      }
    ).dependencies['ali-ons'] ?? '?',
  prepare() {
    mkdirSync(cache, { recursive: true })
    const modules = join(nodeFolder, 'node_modules')
    const parts = existsSync(modules) ? ['installed'] : [`missing ${Date.now()}`]
    once(join(cache, 'ali-ons.key'), parts, [join(nodeFolder, 'package-lock.json')], () => {
      tool('the npm client', nodeFolder, ['npm', 'ci', '--no-audit', '--no-fund'])
    })
  },
  command: (home) => ({
    argv: [process.execPath, '--max-old-space-size=512', join(nodeFolder, 'interop.js')],
    env: { HOME: home },
  }),
}

export const clients: readonly Client[] = [
  ...JAVA_VERSIONS.map((version) => javaClient(version, 'JSON')),
  goClient,
  nodeClient,
  ...JAVA_VERSIONS.map((version) => javaClient(version, 'ROCKETMQ')),
]
