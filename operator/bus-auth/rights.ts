// What a connection may publish and subscribe to. A pod speaks in its own name about its own job; a
// person reads one namespace. Neither may send requests to JetStream: it answers to any subject
// that the request names, so a client could have stored messages published under any subject. Both
// ask the gateway instead.
import { askRequest, reading } from '../../crds/wire/gateway.ts';
import { bucket, inbox, type JobOnBus, stream, subjects } from '../../crds/wire/subjects.ts';

export interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export const operatorRights: Rights = { publish: ['>'], subscribe: ['>'] };

export function podRights(job: JobOnBus, uid: string, index: number | undefined): Rights {
  const pod = { job, uid, index: index ?? 0 };
  const asks = index === undefined ? reading : Object.keys(askRequest);
  return {
    publish: [
      ...asks.map((what) => subjects.ask(pod, what)),
      ...(['metrics', 'logs', 'events'] as const).map((name) => subjects.tell(pod, name)),
      ...(index === undefined ? [] : [subjects.heartbeat(pod)]),
    ],
    subscribe: [`${inbox.pod(pod)}.>`, subjects.told(job), subjects.heartbeats(job)],
  };
}

/** Reads what is kept of all jobs of a namespace, and writes nothing. */
export function viewRights(namespace: string): Rights {
  return {
    publish: [`anneal.view.${namespace}.*.*`],
    subscribe: [
      `${inbox.view(namespace)}.>`,
      `anneal.kept.*.${namespace}.>`,
      `anneal.heartbeat.${namespace}.>`,
    ],
  };
}

/**
 * The gateway where things are stored: it reads, and writes what workers may write; it removes
 * nothing, and changes no stream.
 */
export const storeRights: Rights = {
  publish: [
    ...['state', 'world.>', 'member.>', 'ack.>'].map((key) => `$KV.${bucket.state}.*.*.*.${key}`),
    'anneal.v1.>',
    // The library asks whether there is JetStream before it opens a bucket.
    '$JS.API.INFO',
    `$JS.API.STREAM.INFO.KV_${bucket.state}`,
    `$JS.API.CONSUMER.CREATE.KV_${bucket.state}.>`,
    `$JS.API.CONSUMER.DELETE.KV_${bucket.state}.>`,
    `$JS.API.DIRECT.GET.KV_${bucket.state}.>`,
    `$JS.FC.KV_${bucket.state}.>`,
    ...Object.values(stream).map((name) => `$JS.API.DIRECT.GET.${name}`),
  ],
  subscribe: ['_INBOX.>'],
};

/** The gateway where pods and people are: it hears requests, and speaks to inboxes alone. */
export const counterRights: Rights = {
  publish: ['_INBOX.pod.>', '_INBOX.view.>'],
  subscribe: ['anneal.ask.>', 'anneal.tell.>', 'anneal.view.>'],
};
