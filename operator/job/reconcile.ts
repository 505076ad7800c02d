// One pass over one job: observe, decide, write the status where it changed, emit events, act. The
// status goes first, because the objects that are created next are named by it, and because events
// speak of what was written. A job that has none yet is begun before: its first objects follow from
// the spec alone. What a job made is recorded before its status says that it ended: a job that
// ended is not looked at again, and whoever waits for its end looks for the record next.
import { isDeepStrictEqual } from 'node:util';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { Clock } from '../../crds/clock.ts';
import { apiVersion, controllerName, kind } from '../../crds/names/group.ts';
import { fieldManager } from '../../crds/names/labels.ts';
import type { JobBus } from '../bus/job-bus.ts';
import type { GangFlavour } from '../objects/pod-group.ts';
import { isPast, isStatus } from '../runtime/api-error.ts';
import type { KubeClient } from '../runtime/client.ts';
import type { Reconciled } from '../runtime/controller.ts';
import type { EventRecorder } from '../runtime/events.ts';
import { Expectations } from '../runtime/expectations.ts';
import { catchUpMs, refusedMs } from '../runtime/pauses.ts';
import { RefusedCall } from '../runtime/refused-call.ts';
import type { KubeObject } from '../runtime/resource.ts';
import { writeStatus } from '../runtime/write-status.ts';
import { act } from './act.ts';
import { Questions } from './ask.ts';
import { BegunPreparations } from './begun-preparations.ts';
import { decide, isOver } from './decide.ts';
import type { Call, Decision, Refusal } from './decision.ts';
import type { SiteFacts } from './facts.ts';
import { drawOf } from './gang.ts';
import { observe, type Stores } from './observe.ts';
import { fineTuneJobs, type ObservedFineTuneJob } from './observed/fine-tune-job.ts';
import { earliest } from './view.ts';

interface ReconcilerFacts {
  readonly stores: Stores;
  readonly client: KubeClient;
  readonly bus: JobBus;
  readonly site: SiteFacts;
  readonly gang: GangFlavour | undefined;
  readonly clock: Clock;
  readonly events: Pick<EventRecorder, 'record'>;
  /** For metrics and traces. */
  readonly seen: (change: PhaseChange) => void;
}

export interface PhaseChange {
  readonly uid: string;
  readonly job: ObservedFineTuneJob;
  readonly before: FineTuneJobStatus | undefined;
  readonly after: FineTuneJobStatus;
}

/**
 * How soon to look again with an informer that is behind the API server: its watch tells, this is
 * for a broken one.
 */
const behindMs = 1_000;
/**
 * Longest time between two passes over a job that has not ended, whatever its policies wait for; up
 * to twice that, so that the passes spread.
 */
const longestWaitMs = 300_000;

interface Refused extends Refusal {
  readonly generation: number;
}

/**
 * What came of a decision. Past: the job has changed meanwhile, so that it was decided on an old
 * one.
 */
type Performed = 'Done' | 'Past' | RefusedCall;

export class JobReconciler {
  readonly #facts: ReconcilerFacts;
  readonly #expectations = new Expectations();
  /** What the cluster refused last; in memory, because the next try finds out again. */
  readonly #refused = new Map<string, Refused>();
  readonly #questions: Questions;
  readonly #begun = new BegunPreparations();

  constructor(facts: ReconcilerFacts) {
    this.#facts = facts;
    this.#questions = new Questions(facts.client);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Reconciled> {
    const { stores, bus, site, clock } = this.#facts;
    const job = stores.jobs.get(key);
    if (job === undefined) {
      this.#expectations.forget(key);
      this.#refused.delete(key);
      return {};
    }
    if (job.managedBy !== controllerName) return {};
    const now = clock.now();
    if (!this.#expectations.areMet(key, now)) return { requeueAfterMs: catchUpMs };
    const observed = observe(stores, job, bus, site, now);
    const answered = await this.#questions.answered(observed, signal);
    if (answered === undefined) return { requeueAfterMs: behindMs };
    const facts = this.#begun.seenBy(job, answered);
    const refused = this.#refusedOf(key, job);
    const decision = decide({ ...facts, refused });
    this.#begun.note(job, decision.calls, now);
    const performed = await this.#perform(key, job, decision, signal);
    if (performed === 'Past') return { requeueAfterMs: catchUpMs };
    if (performed !== 'Done') return this.#refuse(key, job, performed);
    // What was refused is granted: the status need not say otherwise any longer.
    if (this.#refused.delete(key)) return { requeueAfterMs: 0 };
    const { wakeAt } = decision;
    const longest = longestWaitMs * (1 + drawOf(job.metadata.uid, 0));
    const latest = isOver(decision.status) ? undefined : clock.now() + longest;
    const next = earliest(wakeAt, latest);
    return next === undefined ? {} : { requeueAfterMs: Math.max(0, next - clock.now()) };
  }

  /** Another spec may be accepted. */
  #refusedOf(key: string, { generation }: ObservedFineTuneJob): Refusal | undefined {
    const known = this.#refused.get(key);
    return known?.generation === generation ? known : undefined;
  }

  /**
   * In the status at once, then retried now and then: no informer would tell when the cause is
   * gone.
   */
  #refuse(key: string, job: ObservedFineTuneJob, error: RefusedCall): Reconciled {
    const requeueAfterMs = this.#refusedOf(key, job) === undefined ? 0 : refusedMs;
    const { reason, message, isFinal } = error;
    this.#refused.set(key, { reason, message, isFinal, generation: job.generation });
    return { requeueAfterMs, error };
  }

  async #perform(
    key: string,
    job: ObservedFineTuneJob,
    decision: Decision,
    signal: AbortSignal,
  ): Promise<Performed> {
    const { client, bus, gang } = this.#facts;
    const manager = fieldManager.controller;
    const wrote = (kind: string, object: KubeObject) => this.#note(key, kind, object);
    const actor = { client, bus, manager, gang, wrote };
    const before = isOver(decision.status) ? decision.calls.filter(isRecord) : [];
    const after = decision.calls.filter((call) => !before.includes(call));
    try {
      if (before.length > 0) {
        if (!(await this.#isCurrent(job, signal))) return 'Past';
        await act(actor, job, before, signal);
      }
      // Adding the finalizer tests the version as a write of the status would.
      const current = begins(job, decision) ? job : await this.#told(key, job, decision, signal);
      if (current === undefined) return 'Past';
      await act(actor, current, after, signal);
    } catch (error) {
      if (isPast(error)) return 'Past';
      if (error instanceof RefusedCall) return error;
      throw error;
    }
    return 'Done';
  }

  /**
   * The job once its status says what was decided, for everyone who wants to know; undefined where
   * it has changed meanwhile.
   */
  async #told(
    key: string,
    job: ObservedFineTuneJob,
    { status, calls, events: notes }: Decision,
    signal: AbortSignal,
  ): Promise<ObservedFineTuneJob | undefined> {
    const { events, seen } = this.#facts;
    let current = job;
    if (!isSame(status, job.status)) {
      const written = await this.#writeStatus(key, job, status, signal);
      if (written === undefined) return undefined;
      // Calls that test the version stand on the one that was just written.
      const { resourceVersion } = written.metadata;
      current = { ...job, metadata: { ...job.metadata, resourceVersion } };
    } else if (calls.length > 0 && !(await this.#isCurrent(job, signal))) return undefined;
    seen({ uid: job.metadata.uid, job, before: job.status, after: status });
    const subject = { apiVersion, kind, ...addressOf(job) };
    for (const note of notes) events.record(subject, note);
    return current;
  }

  /**
   * Under the resourceVersion that was decided on: a former leader that wakes up beside its
   * successor must not write an old status over a new one, and a job that ended must stay so.
   */
  async #writeStatus(
    key: string,
    job: ObservedFineTuneJob,
    status: FineTuneJobStatus,
    signal: AbortSignal,
  ): Promise<KubeObject | undefined> {
    const told = controllerPart(status);
    const written = await writeStatus(this.#facts.client, fineTuneJobs, job, told, signal);
    if (written !== undefined) this.#note(key, kind, written);
    return written;
  }

  /** The status need not be written, so no conflict has told whether our copy of the job is old. */
  async #isCurrent(job: ObservedFineTuneJob, signal: AbortSignal): Promise<boolean> {
    try {
      const now = await this.#facts.client.get(fineTuneJobs, job.metadata, signal);
      const { uid, deletionTimestamp } = job.metadata;
      return (
        now.metadata.uid === uid &&
        now.metadata.deletionTimestamp === deletionTimestamp &&
        now.generation === job.generation &&
        isSame(now.status, job.status)
      );
    } catch (error) {
      if (isStatus(error, 404)) return false;
      throw error;
    }
  }

  #note(key: string, kindOfObject: string, object: KubeObject): void {
    const { stores, clock } = this.#facts;
    const byKind = {
      [kind]: stores.jobs,
      Job: stores.batchJobs,
      Service: stores.services,
      NetworkPolicy: stores.networkPolicies,
      SharedPolicy: stores.sharedPolicies,
      PodGroup: stores.podGroups,
    };
    const store = Object.entries(byKind).find(([name]) => name === kindOfObject)?.[1];
    if (store !== undefined) this.#expectations.expect(key, store, object, clock.now());
  }
}

/** Whether this makes the first objects of a job that has no status yet. */
function begins({ status }: ObservedFineTuneJob, { calls }: Decision): boolean {
  return status.conditions === undefined && calls.some(({ type }) => type === 'AddFinalizer');
}

function isSame(a: FineTuneJobStatus, b: FineTuneJobStatus): boolean {
  return isDeepStrictEqual(controllerPart(a), controllerPart(b));
}

/** Everything but what the progress writer owns. */
function controllerPart({ progress: _, checkpoint: __, ...rest }: FineTuneJobStatus) {
  return rest;
}

function addressOf({ metadata: { namespace, name, uid } }: ObservedFineTuneJob) {
  return { namespace, name, uid };
}

function isRecord({ type }: Call): boolean {
  return type === 'Record';
}
