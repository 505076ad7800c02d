// What the operator does for servers: informers that every replica runs, and the work that only the
// leader does.
import type { Clock } from '../../crds/clock.ts';
import type { PodSettings } from '../objects/settings.ts';
import type { KubeClient } from '../runtime/client.ts';
import { type ReconcileOutcome, runController } from '../runtime/controller.ts';
import type { Random } from '../runtime/random.ts';
import { type GroupFacts, untilSynced } from '../runtime/reflector-group.ts';
import { WorkQueue } from '../runtime/work-queue.ts';
import { podAsker } from './ask-pods.ts';
import { type ServerInformers, serverInformers } from './informers.ts';
import { ServerReconciler } from './reconcile.ts';

interface SideFacts {
  readonly config: { readonly pods: PodSettings; readonly reconcilers: number };
  readonly clients: { readonly work: KubeClient };
  readonly clock: Clock;
  readonly random: Random;
}

interface Watching {
  begins(of: 'adapterserver'): void;
  queueAdd(of: 'adapterserver'): void;
  reconcile(outcome: ReconcileOutcome, of: 'adapterserver'): void;
}

const deadlineMs = 30_000;

export class ServerSide {
  readonly informers: ServerInformers;
  readonly #facts: SideFacts;
  readonly #observer: Watching;
  readonly #queue: WorkQueue;

  constructor(facts: SideFacts, observer: Watching, following: Omit<GroupFacts, 'changed'>) {
    const { clock, random } = facts;
    this.#facts = facts;
    this.#observer = observer;
    observer.begins('adapterserver');
    this.#queue = new WorkQueue({ clock, random, added: () => observer.queueAdd('adapterserver') });
    this.informers = serverInformers({ ...following, changed: (key) => this.#queue.add(key) });
  }

  async lead(leading: AbortSignal): Promise<void> {
    const { config, clients, clock } = this.#facts;
    const { stores, synced } = this.informers;
    if (!(await untilSynced(synced, leading))) return;
    await using ask = podAsker();
    const reconciler = new ServerReconciler({
      ...{ stores, client: clients.work, settings: config.pods, clock, ask },
    });
    // A full pass: whoever led before had timers in memory.
    for (const key of stores.servers.keys()) this.#queue.add(key);
    await runController(
      {
        ...{ queue: this.#queue, clock, workers: config.reconcilers, deadlineMs },
        reconcile: (key, signal) => reconciler.reconcile(key, signal),
        seen: (outcome) => this.#observer.reconcile(outcome, 'adapterserver'),
      },
      leading,
    );
  }
}
