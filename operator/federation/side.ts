// What the operator does for federations: informers that every replica runs, and the work that only
// the leader does.
import type { Clock } from '../../crds/clock.ts';
import { partyProgress, progressPath, progressPort } from '../../crds/wire/federation-pod.ts';
import type { PodSettings } from '../objects/settings.ts';
import { PodAsker } from '../runtime/ask-pod.ts';
import type { KubeClient } from '../runtime/client.ts';
import { type KindObserver, KindWork } from '../runtime/kind-work.ts';
import type { Random } from '../runtime/random.ts';
import { type GroupFacts, untilSynced } from '../runtime/reflector-group.ts';
import { type FederationInformers, federationInformers } from './informers.ts';
import { partyKey } from './party.ts';
import { type AskProgress, FederationReconciler } from './reconcile.ts';

interface SideFacts {
  readonly config: {
    readonly pods: PodSettings;
    readonly reconcilers: number;
    readonly lease: { readonly namespace: string };
  };
  readonly clients: { readonly work: KubeClient };
  readonly clock: Clock;
  readonly random: Random;
}

export class FederationSide {
  readonly informers: FederationInformers;
  readonly #facts: SideFacts;
  readonly #work: KindWork<'federation'>;

  constructor(
    facts: SideFacts,
    observer: KindObserver<'federation'>,
    following: Omit<GroupFacts, 'changed'>,
  ) {
    this.#facts = facts;
    this.#work = new KindWork('federation', facts, observer);
    this.informers = federationInformers({ ...following, changed: (key) => this.#work.add(key) });
  }

  async lead(leading: AbortSignal): Promise<void> {
    const { config, clients, clock } = this.#facts;
    const { stores, synced } = this.informers;
    if (!(await untilSynced(synced, leading))) return;
    await using asker = new PodAsker();
    const question = { port: progressPort, path: progressPath, answer: partyProgress };
    const ask: AskProgress = (address, signal) => asker.ask(address, question, signal);
    const reconciler = new FederationReconciler({
      ...{ stores, client: clients.work, settings: config.pods, clock, ask },
      operatorNamespace: config.lease.namespace,
    });
    const keys = (['hub', 'client'] as const).flatMap((role) =>
      [...stores[role].values()].map((party) => partyKey(role, party)),
    );
    await this.#work.lead(
      keys,
      {
        workers: config.reconcilers,
        reconcile: (key, signal) => reconciler.reconcile(key, signal),
      },
      leading,
    );
  }
}
