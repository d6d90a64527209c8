import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * README.md is a program: fences marked `sh` run to their end with exit status 0, `sh background` stay until the end and must say
 * "Ready", `sh norun` are not run (they repeat another block, or need what this suite has not). The Chinese twin must have
 * the same blocks. The TypeScript fence is type-checked and run.
 */
const root = resolve(import.meta.dirname, '../..')
const shared = process.env.ROCKETCLUSTER_SHARED ?? join(root, '../shared')
const READY_TIMEOUT_MS = 180_000
const BLOCK_TIMEOUT_MS = 120_000

interface Fence {
  readonly kind: string
  readonly text: string
}

function fencesOf(file: string): Fence[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/^```(\S[^\n]*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    kind: match[1] ?? '',
    text: match[2] ?? '',
  }))
}

const results: { readonly name: string; readonly problem: string | undefined }[] = []
function report(name: string, problem?: string): void {
  results.push({ name, problem })
  console.log(problem === undefined ? `ok      ${name}` : `FAILED  ${name}\n${problem}`)
}

async function check(name: string, run: () => void | Promise<void>): Promise<void> {
  try {
    await run()
    report(name)
  } catch (error) {
    report(name, error instanceof Error ? error.message : String(error))
  }
}

/** Runs a block in bash; rejects with its output when it fails or takes too long. */
function runBlock(text: string, cwd: string, env: Record<string, string> = {}): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', text], {
      cwd,
      env: { ...process.env, ...env },
      timeout: BLOCK_TIMEOUT_MS,
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('close', (code, signal) => {
      if (code === 0) done(output)
      else fail(new Error(`${text}ended with ${code ?? signal}:\n${output.slice(-2000)}`))
    })
  })
}

/** Starts a block that stays; resolves when it said that it is ready. */
function startBlock(text: string, cwd: string): Promise<ChildProcess> {
  return new Promise((done, fail) => {
    const child = spawn('bash', ['-e', '-c', text], { cwd, detached: true })
    let output = ''
    const timer = setTimeout(
      () => fail(new Error(`not ready in time:\n${output.slice(-2000)}`)),
      READY_TIMEOUT_MS,
    )
    const onData = (chunk: Buffer): void => {
      output += chunk
      if (!/^Ready after/m.test(output)) return
      clearTimeout(timer)
      done(child)
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    child.on('close', (code) =>
      fail(new Error(`ended with ${code} before it was ready:\n${output.slice(-2000)}`)),
    )
  })
}

/** Ctrl-C to the whole foreground group, as a terminal sends it. Resolves to how the shell around it ended. */
function interrupt(child: ChildProcess): Promise<string> {
  return new Promise((done) => {
    child.on('close', (code, signal) => done(String(code ?? signal)))
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
  })
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      done(true)
    })
    socket.on('error', () => done(false))
  })

const folder = mkdtempSync(join(tmpdir(), 'rocketcluster-readme-'))
const clone = join(folder, 'rocketcluster')
const fences = fencesOf('README.md')
const background: ChildProcess[] = []
try {
  await check('the Chinese twin has the same blocks', () => {
    const twin = JSON.stringify(
      fencesOf('README.zh-CN.md').map(({ kind, text }) => [kind, kind === 'ts' ? '' : text]),
    )
    const own = JSON.stringify(fences.map(({ kind, text }) => [kind, kind === 'ts' ? '' : text]))
    if (twin !== own) throw new Error(`blocks differ:\n${own}\n${twin}`)
  })
  execFileSync('git', ['clone', '-q', root, clone])
  for (const fence of fences.filter(({ kind }) => kind === 'sh background')) {
    await check(
      `$ ${fence.text.trim()}`,
      async () => void background.push(await startBlock(fence.text, clone)),
    )
  }
  for (const fence of fences.filter(({ kind }) => kind === 'sh')) {
    await check(
      `$ ${fence.text.trim().replaceAll('\n', ' ; ')}`,
      async () => void (await runBlock(fence.text, clone)),
    )
  }
  for (const fence of fences.filter(({ kind }) => kind === 'ts')) {
    await check('the TypeScript of the README compiles and runs', async () => {
      writeFileSync(join(clone, 'examples/readme.ts'), fence.text)
      await runBlock('node_modules/.bin/tsc --noEmit -p .', clone)
      // The last loop of the example reads on for ever.
      const output = await runBlock(
        'timeout 8 node_modules/.bin/node examples/readme.ts || [ $? = 124 ]',
        clone,
      )
      if (!output.includes('order 1')) throw new Error(`"order 1" did not arrive:\n${output}`)
    })
  }
  if (existsSync(join(shared, 'java/run'))) {
    const java = join(shared, 'java/run')
    const example = 'org.apache.rocketmq.example.quickstart'
    const env = { NAMESRV_ADDR: '127.0.0.1:9876' }
    await check('the stock Java quickstart producer sends its messages', async () => {
      const output = await runBlock(`${java} class ${example}.Producer`, clone, env)
      const sent = output.match(/sendStatus=SEND_OK/g)?.length ?? 0
      console.log(`        ${sent} messages sent`)
      if (sent < 1000) throw new Error(`only ${sent} of 1000 were acknowledged:\n${output.slice(-1000)}`)
    })
    await check('the stock Java quickstart consumer receives them', async () => {
      const output = await runBlock(
        `timeout 20 ${java} class ${example}.Consumer || [ $? = 124 ]`,
        clone,
        env,
      )
      const received = new Set(output.match(/msgId=[0-9A-F]+/g)).size
      console.log(`        ${received} messages received`)
      // The first hundred went to this group before, by our own quickstart.
      if (received < 1000) throw new Error(`only ${received} of 1000 came:\n${output.slice(-1000)}`)
    })
  } else console.log(`skipped the stock Java quickstart: no ${shared}/java/run`)
  for (const child of background) {
    await check('Ctrl-C ends it cleanly', async () => {
      const end = await interrupt(child)
      // npm and bash end by the signal themselves; what counts is that nothing is left.
      if (!['0', '130', 'SIGINT'].includes(end)) throw new Error(`ended with ${end}`)
      for (const port of [9876, 10911])
        if (await isListening(port)) throw new Error(`port ${port} is still served`)
    })
  }
} finally {
  for (const { pid } of background) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL')
    } catch {
      // It ended, as it should.
    }
  }
  rmSync(folder, { recursive: true, force: true })
}
const failed = results.filter(({ problem }) => problem !== undefined).length
console.log(`readme: ${results.length - failed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
