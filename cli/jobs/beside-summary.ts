import type { BesideJobs } from './beside.ts';
import { modelOf } from './job.ts';
import { placesOf, poolState } from './pool-state.ts';
import { serverState } from './server-state.ts';

/** Beside the jobs in `-o json`; fields are only ever added. */
export function besideSummary({ parties, pools, servers }: BesideJobs) {
  return {
    federations: parties.map(({ kind, namespace, name, status, unread }) => ({
      ...{ kind, namespace, name, unread: unread?.message },
      ...status,
    })),
    pools: pools.map((pool) => ({
      ...{ kind: pool.kind, namespace: pool.namespace, name: pool.name },
      ...{ state: poolState(pool), unread: pool.unread?.message },
      ...{ base: modelOf(pool), places: placesOf(pool), createdAt: pool.createdAt },
      ...pool.status,
    })),
    servers: servers.map((server) => ({
      ...{ kind: server.kind, namespace: server.namespace, name: server.name },
      ...{ state: serverState(server), unread: server.unread?.message },
      ...{ base: modelOf(server), createdAt: server.createdAt },
      ...server.status,
    })),
  };
}
