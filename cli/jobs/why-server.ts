// Why a server of adapters whose objects are written is in its state, and what it waits for, from
// its conditions and the states of its adapters. Pure.
import { label } from '../../crds/names/labels.ts';
import { listed } from '../terminal/listed.ts';
import { isUnread, modelOf } from './job.ts';
import {
  adaptersOf,
  replicasOf,
  type ServerState,
  serverCondition,
  serverState,
} from './server-state.ts';
import type { Server } from './servers.ts';
import type { Why } from './why.ts';

/** One line for each of these facts. */
export function whyOfServer(server: Server): Why {
  const { happened, doing, change } = (words[serverState(server)] ?? untold)(server);
  return { happened: [happened, ...adapterLines(server)].join('\n'), doing, change };
}

type Words = (server: Server) => Why;

const words: Readonly<Partial<Record<ServerState, Words>>> = {
  Stopped: ({ name, namespace }) => ({
    happened: 'spec.replicas is 0, so nothing answers',
    doing: 'there are no pods, and no devices are held',
    change: `run kubectl scale adapterserver ${name} -n ${namespace} --replicas 1 to start one`,
  }),
  Starting: (server) => ({
    happened: podWords(server),
    doing: 'requests are answered as soon as a pod has loaded the base',
    change: `run ${lookAt(server, 'describe pods')} to see what a pod waits for`,
  }),
  Failing: (server) => ({
    happened: readyMessage(server),
    doing: 'Kubernetes tries again, with a longer pause each time',
    change: `run ${lookAt(server, 'describe pods')} to see what holds them back, and ${lookAt(server, 'logs --previous')} to see what they said last`,
  }),
  Degraded: (server) => ({
    happened: isFailing(server) ? readyMessage(server) : servesWords(server),
    doing: isFailing(server)
      ? 'the other pods answer; Kubernetes tries again, with a longer pause each time'
      : 'all others are served, and a refused one too as soon as the cause is gone',
    change: isFailing(server)
      ? `run ${lookAt(server, 'describe pods')} to see what holds them back`
      : 'correct what is refused in spec.adapters, or remove it there',
  }),
  Updating: (server) => ({
    happened: `${podWords(server)}\n${servesWords(server)}`,
    doing: 'other pods start, and requests are answered meanwhile',
    change: '',
  }),
  Loading: (server) => ({
    happened: servesWords(server),
    doing:
      'pods load the others while they answer; a changed list reaches them within a minute or so',
    change: '',
  }),
  Serving: (server) => ({
    happened: servesWords(server),
    doing: 'no action is needed',
    change: '',
  }),
};

const untold: Words = ({ unread }) => ({
  happened: unread?.message ?? 'the operator has not told of its pods yet',
  doing: '',
  change: '',
});

function isFailing(server: Server): boolean {
  return serverCondition(server, 'Ready')?.reason === 'PodsFail';
}

function readyMessage(server: Server): string {
  return serverCondition(server, 'Ready')?.message ?? '';
}

function podWords(server: Server): string {
  const wanted = replicasOf(server);
  const ready = server.status.readyReplicas ?? 0;
  if (wanted === 1 && ready === 0) return 'its pod does not answer yet';
  return `${ready}${wanted === undefined ? '' : ` of ${wanted}`} pods answer`;
}

function servesWords(server: Server): string {
  const { loaded, total } = adaptersOf(server) ?? { loaded: 0, total: 0 };
  const some = loaded === total ? `${total}` : `${loaded} of ${total}`;
  const adapters = total === 0 ? '' : ` and ${some} ${total === 1 ? 'adapter' : 'adapters'}`;
  const at = server.status.url === undefined ? '' : ` at ${server.status.url}`;
  const base = modelOf(server);
  const { modelName } = server.spec;
  const called = isUnread(server.unread, 'spec.modelName') || modelName === base;
  return `it answers${at} with the base ${base}${called ? '' : `, called ${modelName} in requests,`}${adapters}`;
}

/** Of the pods, for kubectl. */
function lookAt({ name, namespace }: Server, verb: string): string {
  return `kubectl ${verb} -n ${namespace} -l ${label.serverName}=${name}`;
}

/** A server may have hundreds. */
const mostAdapters = 8;

function adapterLines(server: Server): readonly string[] {
  const { adapters = [], readyReplicas = 0 } = server.status;
  const refused = adapters.filter(({ state }) => state === 'Refused');
  const lines = refused
    .slice(0, mostAdapters)
    .map(({ name, message = '' }) => `adapter ${name} is refused: ${message}`);
  const more = refused.length - lines.length;
  const loading = adapters.filter(({ state }) => state === 'Loading').map(({ name }) => name);
  return [
    ...lines,
    ...(more > 0 ? [`${more} more adapters are refused`] : []),
    // Without a pod that answers there is nothing to load them.
    ...(loading.length === 0 || readyReplicas === 0
      ? []
      : [`not loaded yet: ${listed(loading, mostAdapters)}`]),
  ];
}
