// Servers of adapters as a table, below that of the jobs.
import { modelOf } from '../jobs/job.ts';
import {
  adaptersOf,
  replicasOf,
  type ServerState,
  serverCondition,
  serverState,
} from '../jobs/server-state.ts';
import type { Server } from '../jobs/servers.ts';
import { ageOf } from '../terminal/age.ts';
import { type Column, none, shortened } from '../terminal/columns.ts';
import type { Paint } from '../terminal/palette.ts';
import { styleOfServer } from './server-style.ts';

const longestBase = 24;

interface ServerColumns {
  readonly wide: boolean;
  readonly namespaces: boolean;
  readonly now: Date;
  readonly paint: Paint;
}

export function serverColumns({
  wide,
  namespaces,
  now,
  paint,
}: ServerColumns): readonly Column<Server>[] {
  return [
    ...(namespaces
      ? [{ head: 'NAMESPACE', rank: 2, cell: ({ namespace }: Server) => namespace }]
      : []),
    { head: 'SERVER', rank: 0, cell: ({ name }) => name },
    {
      head: 'STATE',
      rank: 1,
      cell: stateWords,
      paint: (server, text) => paint(text, styleOfServer(serverState(server))),
    },
    { head: 'ADAPTERS', rank: 3, right: true, cell: adapterWords },
    { head: 'PODS', rank: 7, right: true, cell: podWords },
    { head: 'BASE', rank: 4, cell: (server) => shortened(modelOf(server), longestBase) },
    { head: 'AGE', rank: 5, right: true, cell: ({ createdAt }) => ageOf(createdAt, now) },
    wide
      ? { head: 'URL', rank: 6, cell: ({ status }) => status.url ?? none }
      : { head: 'ADDRESS', rank: 6, cell: ({ status }) => addressIn(status.url) },
    { head: 'WHY', rank: 8, cell: reasonOf },
  ];
}

function stateWords(server: Server): string {
  const state = serverState(server);
  const isPartly = server.unread !== undefined && state !== 'Unreadable';
  const words = [state, ...(isPartly ? ['unreadable'] : [])];
  return `${styleOfServer(state).glyph} ${words.join(', ')}`;
}

/** Host and port: the scheme and the path are alike for all. */
function addressIn(url: string | undefined): string {
  return url === undefined ? none : (URL.parse(url)?.host ?? url);
}

function adapterWords(server: Server): string {
  const adapters = adaptersOf(server);
  return adapters === undefined ? none : `${adapters.loaded}/${adapters.total}`;
}

function podWords(server: Server): string {
  const { readyReplicas } = server.status;
  return readyReplicas === undefined ? none : `${readyReplicas}/${replicasOf(server) ?? '?'}`;
}

/** The reason beside a state that is a problem, in one word. */
function reasonOf(server: Server): string {
  const state = serverState(server);
  if (server.unread !== undefined) return 'NotReadable';
  const told: Partial<Record<ServerState, string | undefined>> = {
    Refused: serverCondition(server, 'Accepted')?.reason,
    Failing: serverCondition(server, 'Ready')?.reason,
    Degraded: server.status.adapters?.some((one) => one.state === 'Refused')
      ? 'AdapterRefused'
      : serverCondition(server, 'Ready')?.reason,
  };
  return told[state] ?? '';
}
