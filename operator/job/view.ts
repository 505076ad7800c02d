// A job as the policies see it: the facts, what follows from the spec, and the status as the
// policies before have left it.

import type { ConditionType } from '../../crds/api/conditions.ts';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { Component } from '../../crds/names/labels.ts';
import { annotation } from '../../crds/names/labels.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import type { BuiltJob } from '../objects/child.ts';
import { conditionOf, isTrue } from '../runtime/conditions.ts';
import type { BusFacts, ChildJob, Facts, PodFacts } from './facts.ts';
import { type WrittenPlan, writePlan } from './plan.ts';

export interface View {
  readonly facts: Facts;
  readonly spec: FineTuneJobSpec;
  readonly plan: WrittenPlan;
  /**
   * Whether `plan.digest` is the digest of `plan.text`; false after an update of the operator that
   * plans otherwise.
   */
  readonly canWritePlan: boolean;
  /** Digest of what prepare is to put in place. */
  readonly prepareDigest: string;
  readonly built: BuiltJob;
  /** Number of the worker Job that should exist. A policy that moves it is the last one asked. */
  readonly workerRevision: number;
  /** The worker Job of this revision, unless it is being deleted. */
  readonly workers: ChildJob | undefined;
  /** The pods of this revision, and those of them that have not ended. */
  readonly workerPods: readonly PodFacts[];
  readonly livePods: readonly PodFacts[];
  /** Undefined where the site has no bus, or it does not answer. */
  readonly bus: PresentBus | undefined;
  /** The state record of the bus, where it is about this revision. */
  readonly state: StateRecord | undefined;
  readonly status: FineTuneJobStatus;
}

/**
 * The view of the first policy; each later one sees another status. All else is computed here,
 * once: it follows from the facts, and no policy changes them.
 */
export function viewOf(facts: Facts, spec: FineTuneJobSpec): View {
  const { name, namespace, uid, status, annotations } = facts.job;
  const traceparent = annotations[annotation.traceparent];
  const written = writePlan({ ...facts.job, spec });
  const digest = planInForce(facts, status) ?? written.digest;
  const plan = { ...written, digest };
  const workerRevision = revisionOf(facts);
  const workerPods = podsOf({ facts }, 'worker', workerRevision);
  const bus = presentBus(facts);
  return {
    facts,
    spec,
    plan,
    canWritePlan: digest === written.digest,
    prepareDigest: prepareDigest(spec),
    built: { name, namespace, uid, spec, planDigest: plan.digest, traceparent },
    workerRevision,
    workers: facts.workers.find(
      ({ number, isDeleting }) => number === workerRevision && !isDeleting,
    ),
    workerPods,
    livePods: workerPods.filter(({ end, isDeleting }) => !end && !isDeleting),
    bus,
    state: bus?.state?.workerRevision === workerRevision ? bus.state : undefined,
    status,
  };
}

/**
 * The plan that was made for this very spec stays, even where a newer operator would make another
 * one.
 */
function planInForce({ job }: Facts, status: FineTuneJobStatus): string | undefined {
  const validated = conditionOf(status.conditions ?? [], 'Validated');
  const isOurs = validated?.status === 'True' && validated.observedGeneration === job.generation;
  return isOurs ? status.plan?.sha256 : undefined;
}

/** Where the status was lost, the children know. */
function revisionOf({ job, workers }: Facts): number {
  return job.status.workerRevision ?? workers.at(-1)?.number ?? 1;
}

export function has(view: Pick<View, 'status'>, type: ConditionType): boolean {
  return isTrue(view.status.conditions ?? [], type);
}

/** Since when a condition is as it is, in milliseconds since 1970. */
export function sinceOf(view: Pick<View, 'status'>, type: ConditionType): number | undefined {
  const condition = conditionOf(view.status.conditions ?? [], type);
  return condition === undefined ? undefined : Date.parse(condition.lastTransitionTime);
}

export function podsOf(
  { facts }: Pick<View, 'facts'>,
  component: Component,
  number: number,
): readonly PodFacts[] {
  return facts.pods.filter((pod) => pod.component === component && pod.number === number);
}

export type PresentBus = Extract<BusFacts, { type: 'Present' }>;

export function presentBus({ bus }: Facts): PresentBus | undefined {
  return bus.type === 'Present' ? bus : undefined;
}

export function later(seconds: number, from: number): number {
  return from + seconds * 1000;
}

/** The earlier of two times, either of which may be none. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
