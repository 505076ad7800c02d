// One pass over one party: what is there, what its pod says, what to write.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../crds/clock.ts';
import { fieldManager } from '../../crds/names/labels.ts';
import { type PartyProgress, parseProgress } from '../../crds/wire/federation-pod.ts';
import type { AddressedPod } from '../job/observed/addressed-pod.ts';
import { type BatchJob, batchJobs } from '../job/observed/batch-job.ts';
import { networkPolicies } from '../job/observed/child-object.ts';
import type { PodSettings } from '../objects/settings.ts';
import type { KubeClient } from '../runtime/client.ts';
import type { Reconciled } from '../runtime/controller.ts';
import { type Actor, ensureContent, ensureMade, removeAfterChildren } from '../runtime/ensure.ts';
import { Expectations } from '../runtime/expectations.ts';
import { catchUpMs } from '../runtime/pauses.ts';
import { Refusals } from '../runtime/refusals.ts';
import { RefusedCall } from '../runtime/refused-call.ts';
import { newestWarning } from '../runtime/warnings.ts';
import { writeStatus } from '../runtime/write-status.ts';
import { decideParty, type PartyFacts, type PartyStep } from './decide.ts';
import type { FederationStores } from './informers.ts';
import { type BuiltParty, jobFor, policyFor } from './objects.ts';
import { type ObservedParty, parties } from './observed.ts';
import { partsOf } from './party.ts';

/** Undefined where the pod does not answer, or answers something else. */
export type AskProgress = (
  address: string,
  signal: AbortSignal,
) => Promise<PartyProgress | undefined>;

interface ReconcilerFacts {
  readonly stores: FederationStores;
  readonly client: KubeClient;
  readonly settings: PodSettings;
  /** Whose pods may ask for progress. */
  readonly operatorNamespace: string;
  readonly clock: Clock;
  readonly ask: AskProgress;
}

/** How soon a pod that runs is asked again, and one looked at that does not start. */
const runningMs = 3_000;
const waitingMs = 10_000;
/** Kubelet mounts volumes within a moment: what takes longer is asked of the events. */
const silentMs = 10_000;

export class FederationReconciler {
  readonly #facts: ReconcilerFacts;
  readonly #expectations = new Expectations();
  readonly #refusals = new Refusals();

  constructor(facts: ReconcilerFacts) {
    this.#facts = facts;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Reconciled> {
    const { stores, clock } = this.#facts;
    const { role, key: own } = partsOf(key);
    const party = stores[role].get(own);
    // What it owned is collected by the API server.
    if (party === undefined || party.metadata.deletionTimestamp !== undefined) {
      this.#expectations.forget(key);
      this.#refusals.forget(key);
      return {};
    }
    if (!this.#expectations.areMet(key, clock.now())) return { requeueAfterMs: catchUpMs };
    const facts = await this.#observe(key, party, signal);
    const { built, step, status, isEnded } = decideParty(facts);
    if (!isDeepStrictEqual(status, party.status)) {
      const written = await writeStatus(this.#facts.client, parties[role], party, status, signal);
      if (written === undefined) return { requeueAfterMs: catchUpMs };
      this.#expectations.expect(key, stores[role], written, clock.now());
    }
    if (built === undefined) return {};
    try {
      await this.#write(key, built, { step, job: facts.job }, signal);
    } catch (error) {
      if (!(error instanceof RefusedCall)) throw error;
      return this.#refusals.add(key, party.generation, error);
    }
    if (this.#refusals.forget(key)) return { requeueAfterMs: 0 };
    if (isEnded) return {};
    return { requeueAfterMs: status.phase === 'Running' ? runningMs : waitingMs };
  }

  async #observe(key: string, party: ObservedParty, signal: AbortSignal): Promise<PartyFacts> {
    const { stores, clock } = this.#facts;
    const { uid } = party.metadata;
    // A label is anybody's to write; only what the party owns is its child.
    const job = stores.jobs.by('party', uid).find(({ metadata }) => metadata.controlledBy === uid);
    const pods = stores.pods
      .by('party', uid)
      .filter(({ metadata }) => job !== undefined && metadata.controlledBy === job.metadata.uid)
      .toSorted((a, b) => b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp));
    const left = stores.pods.by('party', uid).filter((pod) => !pods.includes(pod) && isLeft(pod));
    return {
      ...{ party, job, pods, left, now: clock.now() },
      told: await this.#toldBy(pods, signal),
      warning: await this.#warningOf(party, job, pods, signal),
      refused: this.#refusals.of(key, party.generation),
    };
  }

  /** By the pod that runs; otherwise by the one that ended last. */
  async #toldBy(
    pods: readonly AddressedPod[],
    signal: AbortSignal,
  ): Promise<PartyProgress | undefined> {
    const running = pods.find(({ status }) => status.phase === 'Running');
    if (running?.podIP !== undefined) {
      const progress = await this.#facts.ask(running.podIP, signal);
      if (progress !== undefined) return progress;
    }
    const [last] = pods;
    const [container] = last?.status.containerStatuses ?? [];
    return parseProgress(container?.state.terminated?.message ?? '');
  }

  #warningOf(
    { metadata: { namespace } }: ObservedParty,
    job: BatchJob | undefined,
    [newest]: readonly AddressedPod[],
    signal: AbortSignal,
  ) {
    const { client, clock } = this.#facts;
    const silent =
      newest === undefined ? job : newest.status.phase === 'Pending' ? newest : undefined;
    const hasEnded = job?.status.conditions?.some(({ status }) => status === 'True') === true;
    if (silent === undefined || hasEnded) return undefined;
    const { uid, creationTimestamp } = silent.metadata;
    if (clock.now() < Date.parse(creationTimestamp) + silentMs) return undefined;
    return newestWarning(client, { namespace, uid }, signal);
  }

  /** In the order in which pods need them. */
  async #write(
    key: string,
    built: BuiltParty,
    { step, job }: { readonly step: PartyStep; readonly job: BatchJob | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const { client, stores, settings, clock, operatorNamespace } = this.#facts;
    const { uid } = built.metadata;
    const actor: Actor = {
      ...{ client, manager: fieldManager.controller, owner: uid, what: 'federation' },
    };
    const wanted = policyFor(built, settings, operatorNamespace);
    const known = stores.policies
      .by('party', uid)
      .find(({ metadata }) => metadata.controlledBy === uid);
    const policy = await ensureContent(actor, networkPolicies, wanted, known, signal);
    if (policy !== undefined) this.#expectations.expect(key, stores.policies, policy, clock.now());
    if (step === 'Create') {
      const made = await ensureMade(actor, batchJobs, jobFor(built, settings), signal);
      this.#expectations.expect(key, stores.jobs, made, clock.now());
    }
    if (step === 'Remove' && job !== undefined) {
      await removeAfterChildren(client, batchJobs, job, signal);
    }
  }
}

/** Of a Job that is not there any more, and not ended. */
function isLeft({ metadata, status }: AddressedPod): boolean {
  const isOver = status.phase === 'Succeeded' || status.phase === 'Failed';
  return metadata.controlledBy !== undefined && !isOver;
}
