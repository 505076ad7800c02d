// When objects of a namespace were first seen as they are: made, placed on a node, ended. Told by
// watches, in milliseconds since 1970.
import type { Transport } from '../../../operator/runtime/transport.ts';

const collections = {
  finetunejobs: '/apis/anneal.dev/v1alpha1',
  jobs: '/apis/batch/v1',
  pods: '/api/v1',
} as const;

type Plural = keyof typeof collections;
type Mark = 'seen' | 'placed' | 'ended';

interface Seen {
  readonly object: {
    readonly metadata?: {
      readonly name: string;
      readonly labels?: Readonly<Record<string, string>>;
    };
    readonly spec?: { readonly nodeName?: string };
    readonly status?: { readonly phase?: string };
  };
}

export class Marks implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #times = new Map<string, number>();
  readonly #running: Promise<unknown>;
  readonly #begun: Promise<unknown>;

  constructor(transport: Transport, namespace: string, signal: AbortSignal) {
    const both = AbortSignal.any([signal, this.#stop.signal]);
    const plurals = Object.keys(collections) as Plural[];
    const watches = plurals.map((plural) => this.#follow(transport, namespace, plural, both));
    this.#begun = Promise.all(watches.map(({ begun }) => begun));
    this.#running = Promise.all(watches.map(({ running }) => running));
  }

  /** Resolves when the watches are open. */
  async following(): Promise<void> {
    await Promise.race([this.#begun, this.#running]);
  }

  /** Pods go by the name of their Job. */
  at(plural: Plural, name: string, mark: Mark): number | undefined {
    return this.#times.get(`${plural}/${name}/${mark}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #follow(transport: Transport, namespace: string, plural: Plural, signal: AbortSignal) {
    const path = `${collections[plural]}/namespaces/${namespace}/${plural}`;
    const query = { watch: true, sendInitialEvents: true, allowWatchBookmarks: true };
    const match = { ...query, resourceVersionMatch: 'NotOlderThan' };
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const run = async (): Promise<void> => {
      try {
        const asked = { verb: 'GET', path, query: match } as const;
        for await (const line of transport.lines(asked, 600_000, signal)) {
          const at = Date.now();
          // The first bookmark says that everything of before was told.
          const { type, object } = JSON.parse(line) as Seen & { type: string };
          if (type === 'BOOKMARK') resolve();
          else this.#take(plural, object, at);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    };
    return { begun, running: run() };
  }

  #take(plural: Plural, { metadata, spec, status }: Seen['object'], at: number): void {
    const job = metadata?.labels?.['batch.kubernetes.io/job-name'];
    const name = (plural === 'pods' ? job : metadata?.name) ?? '';
    const put = (mark: Mark) => {
      const key = `${plural}/${name}/${mark}`;
      if (!this.#times.has(key)) this.#times.set(key, at);
    };
    put('seen');
    if (plural !== 'pods') return;
    if (spec?.nodeName !== undefined) put('placed');
    if (status?.phase === 'Succeeded' || status?.phase === 'Failed') put('ended');
  }
}
