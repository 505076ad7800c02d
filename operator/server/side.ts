// What the operator does for servers: informers that every replica runs, and the work that only the
// leader does.
import type { Clock } from '../../crds/clock.ts';
import type { PodSettings } from '../objects/settings.ts';
import type { KubeClient } from '../runtime/client.ts';
import { type KindObserver, KindWork } from '../runtime/kind-work.ts';
import type { Random } from '../runtime/random.ts';
import { type GroupFacts, untilSynced } from '../runtime/reflector-group.ts';
import { podAsker } from './ask-pods.ts';
import { type ServerInformers, serverInformers } from './informers.ts';
import { ServerReconciler } from './reconcile.ts';

interface SideFacts {
  readonly config: { readonly pods: PodSettings; readonly reconcilers: number };
  readonly clients: { readonly work: KubeClient };
  readonly clock: Clock;
  readonly random: Random;
}

export class ServerSide {
  readonly informers: ServerInformers;
  readonly #facts: SideFacts;
  readonly #work: KindWork<'adapterserver'>;

  constructor(
    facts: SideFacts,
    observer: KindObserver<'adapterserver'>,
    following: Omit<GroupFacts, 'changed'>,
  ) {
    this.#facts = facts;
    this.#work = new KindWork('adapterserver', facts, observer);
    this.informers = serverInformers({ ...following, changed: (key) => this.#work.add(key) });
  }

  async lead(leading: AbortSignal): Promise<void> {
    const { config, clients, clock } = this.#facts;
    const { stores, synced } = this.informers;
    if (!(await untilSynced(synced, leading))) return;
    await using ask = podAsker();
    const reconciler = new ServerReconciler({
      ...{ stores, client: clients.work, settings: config.pods, clock, ask },
    });
    await this.#work.lead(
      stores.servers.keys(),
      {
        workers: config.reconcilers,
        reconcile: (key, signal) => reconciler.reconcile(key, signal),
      },
      leading,
    );
  }
}
