// One pass over one server: what is there, what its pods say, what to write.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../crds/clock.ts';
import { fieldManager } from '../../crds/names/labels.ts';
import { services } from '../job/observed/child-object.ts';
import { ensureList } from '../objects/list-map.ts';
import type { PodSettings } from '../objects/settings.ts';
import type { KubeClient, Manifest } from '../runtime/client.ts';
import type { Reconciled } from '../runtime/controller.ts';
import { ensureContent } from '../runtime/ensure.ts';
import { Expectations } from '../runtime/expectations.ts';
import { catchUpMs } from '../runtime/pauses.ts';
import { Refusals } from '../runtime/refusals.ts';
import { RefusedCall } from '../runtime/refused-call.ts';
import type { KubeObject, Resource } from '../runtime/resource.ts';
import { writeStatus } from '../runtime/write-status.ts';
import type { AskPod } from './ask-pods.ts';
import type { BuiltServer } from './built-server.ts';
import { decideServer, isReady, type ServerFacts } from './decide.ts';
import type { ServerStores } from './informers.ts';
import { deploymentFor, listFor, readsList, serviceFor } from './objects.ts';
import { type Deployment, deployments, type ObservedServer, servers } from './observed.ts';
import { placesOf } from './places.ts';
import { plannedPod } from './planned-memory.ts';

interface ReconcilerFacts {
  readonly stores: ServerStores;
  readonly client: KubeClient;
  readonly settings: PodSettings;
  readonly clock: Clock;
  readonly ask: AskPod;
}

/** How soon pods are asked again: while something is under way, while they answer, after that. */
const underWayMs = 3_000;
const busyMs = 10_000;
const settledMs = 60_000;

export class ServerReconciler {
  readonly #facts: ReconcilerFacts;
  readonly #expectations = new Expectations();
  readonly #refusals = new Refusals();
  /** When the load of a server was told last. */
  readonly #loadToldAt = new Map<string, number>();

  constructor(facts: ReconcilerFacts) {
    this.#facts = facts;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Reconciled> {
    const { stores, clock } = this.#facts;
    const server = stores.servers.get(key);
    // What it owned is collected by the API server.
    if (server === undefined || server.metadata.deletionTimestamp !== undefined) {
      this.#expectations.forget(key);
      this.#refusals.forget(key);
      this.#loadToldAt.delete(key);
      return {};
    }
    if (!this.#expectations.areMet(key, clock.now())) return { requeueAfterMs: catchUpMs };
    const facts = await this.#observe(key, server, signal);
    const { built, isWritten, status, isSettled, isBusy } = decideServer(facts);
    if (!isDeepStrictEqual(status, server.status)) {
      const written = await writeStatus(this.#facts.client, servers, server, status, signal);
      if (written === undefined) return { requeueAfterMs: catchUpMs };
      this.#expectations.expect(key, stores.servers, written, clock.now());
      if (facts.tellsLoad) this.#loadToldAt.set(key, facts.now);
    }
    if (built === undefined || !isWritten) return {};
    try {
      await this.#write(key, built, facts.deployment, signal);
    } catch (error) {
      if (!(error instanceof RefusedCall)) throw error;
      return this.#refusals.add(key, server.generation, error);
    }
    if (this.#refusals.forget(key)) return { requeueAfterMs: 0 };
    return { requeueAfterMs: !isSettled ? underWayMs : isBusy ? busyMs : settledMs };
  }

  async #observe(key: string, server: ObservedServer, signal: AbortSignal): Promise<ServerFacts> {
    const { stores, clock, ask, settings } = this.#facts;
    const now = clock.now();
    const { uid, namespace } = server.metadata;
    const find = (name: string) => stores.adapters.get(`${namespace}/${name}`);
    const empty = { listed: [], refused: [], claims: [], buckets: [] };
    const pods = stores.pods.by('server', uid);
    const addresses = pods.filter(isReady).flatMap(({ status }) => status.podIP ?? []);
    const engine = server.spec?.engine.type ?? 'Anneal';
    return {
      server,
      places: server.spec === undefined ? empty : placesOf(server.spec, find),
      planned: server.spec && plannedPod(server.spec, find, settings.devices),
      // A label is anybody's to write; only what the server owns is its child.
      deployment: stores.deployments
        .by('server', uid)
        .find(({ metadata }) => metadata.controlledBy === uid),
      pods,
      told: await Promise.all(addresses.map((address) => ask(address, engine, signal))),
      // A status that was written brings the server here again, with other numbers by then.
      tellsLoad: now - (this.#loadToldAt.get(key) ?? Number.NEGATIVE_INFINITY) >= busyMs,
      refused: this.#refusals.of(key, server.generation),
      now,
    };
  }

  /** In the order in which pods need them. */
  async #write(
    key: string,
    built: BuiltServer,
    deployment: Deployment | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, stores, settings, clock } = this.#facts;
    const manager = fieldManager.controller;
    const actor = { client, manager, owner: built.uid, what: 'server' };
    if (readsList(built)) await ensureList(actor, listFor(built), signal);
    const service = stores.services
      .by('server', built.uid)
      .find(({ metadata }) => metadata.controlledBy === built.uid);
    const write = async <T extends KubeObject>(
      resource: Resource<T>,
      manifest: Manifest,
      known: KubeObject | undefined,
      store: { hasSeen(version: string, namespace: string): boolean },
    ): Promise<void> => {
      const object = await ensureContent(actor, resource, manifest, known, signal);
      if (object !== undefined) this.#expectations.expect(key, store, object, clock.now());
    };
    await write(services, serviceFor(built), service, stores.services);
    // Scaled by hand: the content is another one than that which was written.
    const isScaled = deployment !== undefined && deployment.spec.replicas !== built.spec.replicas;
    const known = isScaled ? withoutContent(deployment) : deployment;
    await write(deployments, deploymentFor(built, settings), known, stores.deployments);
  }
}

function withoutContent(object: Deployment): KubeObject {
  return { metadata: { ...object.metadata, annotations: {} } };
}
