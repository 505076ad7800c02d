// How a server of adapters is, in one word and in numbers, from its conditions. Pure.
import type { ServerCondition } from '../../crds/api/adapter-server.ts';
import type { Condition } from '../../crds/api/conditions.ts';
import { isUnread } from './job.ts';
import type { Server } from './servers.ts';
import { isStatusUnread } from './unread.ts';

/**
 * Pending: no operator told of it. Unreadable: what it told cannot be read. Refused: what follows
 * from its spec cannot be written. Starting and Failing: no pod answers. Degraded, Updating and
 * Loading: requests are answered, but not yet as specified.
 */
export type ServerState =
  | 'Pending'
  | 'Unreadable'
  | 'Refused'
  | 'Stopped'
  | 'Starting'
  | 'Failing'
  | 'Degraded'
  | 'Updating'
  | 'Loading'
  | 'Serving'
  | 'Deleting';

export function serverState(server: Pick<Server, 'status' | 'deleting' | 'unread'>): ServerState {
  const { readyReplicas = 0 } = server.status;
  const ready = serverCondition(server, 'Ready');
  const loaded = serverCondition(server, 'AdaptersLoaded');
  if (server.deleting) return 'Deleting';
  if (serverCondition(server, 'Accepted')?.status === 'False') return 'Refused';
  if (ready === undefined) return isStatusUnread(server) ? 'Unreadable' : 'Pending';
  if (ready.reason === 'NoReplicas') return 'Stopped';
  if (readyReplicas === 0) return ready.reason === 'PodsFail' ? 'Failing' : 'Starting';
  if (ready.reason === 'PodsFail' || loaded?.reason === 'Refused') return 'Degraded';
  if (ready.status !== 'True') return 'Updating';
  return loaded?.status === 'True' ? 'Serving' : 'Loading';
}

export function serverCondition(
  { status }: Pick<Server, 'status'>,
  type: ServerCondition,
): Condition | undefined {
  return status.conditions?.find((one) => one.type === type);
}

/** Undefined where no operator told. */
export function adaptersOf({
  status: { adapters },
}: Pick<Server, 'status'>): { readonly loaded: number; readonly total: number } | undefined {
  if (adapters === undefined) return undefined;
  const loaded = adapters.filter(({ state }) => state === 'Loaded').length;
  return { loaded, total: adapters.length };
}

/** Pods that it should have; undefined where that cannot be read. */
export function replicasOf({ spec, unread }: Pick<Server, 'spec' | 'unread'>): number | undefined {
  return isUnread(unread, 'spec.replicas') ? undefined : spec.replicas;
}
