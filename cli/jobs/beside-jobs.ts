// What a cluster has beside jobs, from its API server: once, or with every change.
import {
  federationNames,
  federationPeerNames,
  group,
  poolNames,
  serverNames,
  version,
} from '../../crds/names/group.ts';
import type { Kube } from '../client/kube.ts';
import { KubeError } from '../client/kube-error.ts';
import { listAll, watchAll } from '../client/kube-watch.ts';
import { type BesideJob, type BesideJobs, besideJobs, besideKey } from './beside.ts';
import { readParty } from './parties.ts';
import { readPool } from './pools.ts';
import { Queue } from './queue.ts';
import { readServer } from './servers.ts';

interface Kind {
  readonly plural: string;
  readonly read: (object: object) => BesideJob;
}

const kinds: readonly Kind[] = [
  { plural: federationNames.plural, read: (object) => readParty('Federation', object) },
  { plural: federationPeerNames.plural, read: (object) => readParty('FederationPeer', object) },
  { plural: poolNames.plural, read: readPool },
  { plural: serverNames.plural, read: readServer },
];

/** Those of a kind are none where the cluster has it not, or does not show it. */
export async function listBesideJobs(
  kube: Kube,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<BesideJobs> {
  const found = await Promise.all(
    kinds.map(async (kind) => {
      const path = pathOf(kind, namespace);
      const { objects } = await listAll(kube, { path }, signal).catch(noneWhereHidden);
      return objects.map(kind.read);
    }),
  );
  return inOrder(found.flat());
}

/** All of them, again with every change, until the signal is aborted. */
export async function* watchBesideJobs(
  kube: Kube,
  namespace: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<BesideJobs> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const held = new Map<Kind, ReadonlyMap<string, BesideJob>>();
  const changed = new Queue<void>();
  let isTold = true;
  const change = (kind: Kind, known: ReadonlyMap<string, BesideJob>): void => {
    held.set(kind, known);
    isTold = false;
    changed.put();
  };
  const follow = async (kind: Kind): Promise<void> => {
    try {
      for await (const one of watchAll(kube, { path: pathOf(kind, namespace) }, both)) {
        // Whoever follows the jobs learns of it there.
        if (one.type === 'Away') continue;
        const known = new Map(one.type === 'All' ? [] : held.get(kind));
        const read = one.type === 'All' ? one.objects.map(kind.read) : [kind.read(one.object)];
        for (const each of read) {
          if (one.type !== 'Gone') known.set(besideKey(each), each);
          // A newer one of the same name stays.
          else if (known.get(besideKey(each))?.uid === each.uid) known.delete(besideKey(each));
        }
        change(kind, known);
      }
    } catch (error) {
      noneWhereHidden(error);
      change(kind, new Map());
    }
  };
  const following = kinds.map((kind) => follow(kind).catch((error) => changed.fail(error)));
  try {
    for await (const _ of changed.items(both)) {
      if (isTold || held.size < kinds.length) continue;
      isTold = true;
      yield inOrder([...held.values()].flatMap((known) => [...known.values()]));
    }
  } finally {
    stop.abort();
    await Promise.all(following);
  }
}

function pathOf({ plural }: Kind, namespace: string | undefined): string {
  const inside = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `/apis/${group}/${version}${inside}/${plural}`;
}

function noneWhereHidden(error: unknown): { readonly objects: readonly object[] } {
  if (error instanceof KubeError && [403, 404].includes(error.status)) return { objects: [] };
  throw error;
}

function inOrder(all: readonly BesideJob[]): BesideJobs {
  return besideJobs(all.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt)));
}
