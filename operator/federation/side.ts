// What the operator does for federations: informers that every replica runs, and the work that only
// the leader does.
import type { Clock } from '../../crds/clock.ts';
import { partyProgress, progressPath, progressPort } from '../../crds/wire/federation-pod.ts';
import type { PodSettings } from '../objects/settings.ts';
import { PodAsker } from '../runtime/ask-pod.ts';
import type { KubeClient } from '../runtime/client.ts';
import { type ReconcileOutcome, runController } from '../runtime/controller.ts';
import type { Random } from '../runtime/random.ts';
import { type GroupFacts, untilSynced } from '../runtime/reflector-group.ts';
import { WorkQueue } from '../runtime/work-queue.ts';
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

interface Watching {
  begins(of: 'federation'): void;
  queueAdd(of: 'federation'): void;
  reconcile(outcome: ReconcileOutcome, of: 'federation'): void;
}

const deadlineMs = 30_000;

export class FederationSide {
  readonly informers: FederationInformers;
  readonly #facts: SideFacts;
  readonly #observer: Watching;
  readonly #queue: WorkQueue;

  constructor(facts: SideFacts, observer: Watching, following: Omit<GroupFacts, 'changed'>) {
    const { clock, random } = facts;
    this.#facts = facts;
    this.#observer = observer;
    observer.begins('federation');
    this.#queue = new WorkQueue({ clock, random, added: () => observer.queueAdd('federation') });
    this.informers = federationInformers({ ...following, changed: (key) => this.#queue.add(key) });
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
    // A full pass: whoever led before had timers in memory.
    for (const role of ['hub', 'client'] as const) {
      for (const party of stores[role].values()) this.#queue.add(partyKey(role, party));
    }
    await runController(
      {
        ...{ queue: this.#queue, clock, workers: config.reconcilers, deadlineMs },
        reconcile: (key, signal) => reconciler.reconcile(key, signal),
        seen: (outcome) => this.#observer.reconcile(outcome, 'federation'),
      },
      leading,
    );
  }
}
