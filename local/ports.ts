import { createServer } from 'node:net'

/** Resolves to the ports of the list on which somebody else listens already. */
export async function takenPorts(host: string, ports: readonly number[]): Promise<readonly number[]> {
  const free = await Promise.all(ports.map((port) => isFree(host, port)))
  return ports.filter((_, at) => free[at] !== true)
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
