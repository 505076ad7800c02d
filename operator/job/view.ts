// A job as the policies see it: the facts, what follows from the spec, and the status as the policies before have left it.

import type { ConditionType } from '../../crds/api/conditions.ts';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { Component } from '../../crds/names/labels.ts';
import { annotation } from '../../crds/names/labels.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import type { BuiltJob } from '../objects/child.ts';
import { conditionOf, isTrue } from '../runtime/conditions.ts';
import type { BusFacts, ChildJob, Facts, PodFacts } from './facts.ts';
import { type WrittenPlan, writePlan } from './plan.ts';

export interface View {
  readonly facts: Facts;
  readonly spec: FineTuneJobSpec;
  readonly plan: WrittenPlan;
  /** Whether `plan.text` is what `plan.digest` stands for; not so after an update of the operator that plans otherwise. */
  readonly canWritePlan: boolean;
  /** Digest of what prepare is to put in place. */
  readonly prepareDigest: string;
  readonly built: BuiltJob;
  /** Number of the worker Job that should exist. A policy that moves it is the last one asked. */
  readonly workerRevision: number;
  readonly status: FineTuneJobStatus;
}

/** The view of the first policy; each later one sees another status. */
export function viewOf(facts: Facts, spec: FineTuneJobSpec): View {
  const { name, namespace, uid, status, annotations } = facts.job;
  const traceparent = annotations[annotation.traceparent];
  const written = writePlan({ ...facts.job, spec });
  const digest = planInForce(facts, status) ?? written.digest;
  const plan = { ...written, digest };
  return {
    facts,
    spec,
    plan,
    canWritePlan: digest === written.digest,
    prepareDigest: prepareDigest(spec),
    built: { name, namespace, uid, spec, planDigest: plan.digest, traceparent },
    workerRevision: revisionOf(facts),
    status,
  };
}

/** The plan that was made for this very spec stays, even where a newer operator would make another one. */
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

/** The worker Job of the current revision, unless it is on its way out. */
export function currentWorkers(view: View): ChildJob | undefined {
  const { workerRevision } = view;
  return view.facts.workers.find(
    ({ number, isDeleting }) => number === workerRevision && !isDeleting,
  );
}

export function podsOf(view: View, component: Component, number: number): readonly PodFacts[] {
  return view.facts.pods.filter((pod) => pod.component === component && pod.number === number);
}

/** Pods of the current revision that have not ended. */
export function livePods(view: View): readonly PodFacts[] {
  return podsOf(view, 'worker', view.workerRevision).filter(
    ({ end, isDeleting }) => !end && !isDeleting,
  );
}

export type PresentBus = Extract<BusFacts, { type: 'Present' }>;

export function presentBus({ bus }: Facts): PresentBus | undefined {
  return bus.type === 'Present' ? bus : undefined;
}

/** The record of the bus, where it speaks of the current revision. */
export function stateOf(view: View) {
  const state = presentBus(view.facts)?.state;
  return state?.workerRevision === view.workerRevision ? state : undefined;
}

export function later(seconds: number, from: number): number {
  return from + seconds * 1000;
}

/** The earlier of two times, either of which may be none. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
