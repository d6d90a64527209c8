import { dataVersionBody } from '../../remoting/bodies/data-version.ts'
import type { Reply, Request } from '../../remoting/peer.ts'
import type { queryDataVersion } from '../../remoting/requests/query-data-version.ts'
import type { NameserverParts } from '../parts.ts'

/** Brokers with forceRegister=false ask first whether they have to register; asking is a sign of life, too. */
export function handleQueryDataVersion(
  { header, body }: Request<typeof queryDataVersion.header>,
  { routes, clock }: NameserverParts,
): Reply<typeof queryDataVersion.reply> {
  const { clusterName, brokerAddr } = header
  const dataVersion = dataVersionBody.decode(body)
  const changed = routes.isChanged({ clusterName, brokerAddr, dataVersion })
  routes.brokers.touch(clusterName, brokerAddr, clock.monotonicMs())
  const known = routes.brokers.find(clusterName, brokerAddr)
  const answer = { header: { changed } }
  return known === undefined ? answer : { ...answer, body: dataVersionBody.encode(known.dataVersion) }
}
