// Another number of workers while they train. Growing: pods first, then a durable save, then a
// world with them. Shrinking: a durable save, then a smaller world, then the pods go: one that
// exits before would be replaced.
import type { DesiredRecord, StateRecord } from '../../crds/wire/state.ts';
import { conditionOf } from '../runtime/conditions.ts';
import { type Call, none, type PolicyResult } from './decision.ts';
import { desiredOf } from './desired.ts';
import type { ChildJob } from './facts.ts';
import { openRound, restartsOf } from './restarts.ts';
import { later, type PresentBus, type View } from './view.ts';

interface Sizes {
  readonly workers: ChildJob;
  readonly bus: PresentBus;
  readonly state: StateRecord;
  readonly target: number;
  /** Workers that train. */
  readonly world: number;
}

export function resize(view: View): PolicyResult {
  const { workers } = view;
  const { bus } = view;
  const { state } = view;
  const live = view.spec.worker.elasticity === 'Live';
  if (!live || workers === undefined || bus === undefined || state?.world === undefined)
    return none;
  const target = view.spec.worker.replicas;
  const sizes: Sizes = { workers, bus, state, target, world: state.world.size };
  if (target === sizes.world && workers.parallelism === target) return settledSize(view, target);
  if (wasRefused(view)) return none;
  return target > sizes.world ? grow(view, sizes) : shrink(view, sizes);
}

function settledSize(view: View, size: number): PolicyResult {
  if (conditionOf(view.status.conditions ?? [], 'Resizing')?.status !== 'True') return none;
  return { conditions: [resizing('False', 'Resized', `${size} workers train`)] };
}

/** A refused resize is not tried again until the spec has another generation. */
function wasRefused({ status, facts }: View): boolean {
  const before = conditionOf(status.conditions ?? [], 'Resizing');
  return before?.reason === 'Refused' && before.observedGeneration === facts.job.generation;
}

function grow(view: View, sizes: Sizes): PolicyResult {
  const { workers, target, world } = sizes;
  const conditions = [resizing('True', 'ScaleUp', `from ${world} to ${target} workers`)];
  if (workers.parallelism < target) return { conditions, calls: [sizeTo(workers, target)] };
  const ready = view.livePods.filter((pod) => pod.ready).length;
  const since = conditionOf(view.status.conditions ?? [], 'Resizing');
  const begun = since?.status === 'True' ? Date.parse(since.lastTransitionTime) : view.facts.now;
  const due = later(view.spec.scheduling.schedulingTimeoutSeconds, begun);
  const late = view.facts.now >= due;
  if (ready < target && !late) return { conditions, wakeAt: due };
  if (ready > world) return { conditions, ...larger(view, sizes, Math.min(ready, target), late) };
  const message = `no new worker became ready; ${world} workers go on`;
  return {
    conditions: [resizing('False', 'Refused', message)],
    calls: [sizeTo(workers, world)],
    events: [{ type: 'Warning', reason: 'ResizeRefused', note: message, action: 'Resize' }],
  };
}

/**
 * The world saves once more before the next one replaces it; past the deadline its last checkpoint
 * must do.
 */
function larger(
  view: View,
  sizes: Sizes,
  workers: number,
  late: boolean,
): Pick<PolicyResult, 'calls'> {
  const before = desiredBefore(view, sizes);
  if (before?.workers !== workers) {
    const wanted = desiredOf(view, { workers, save: (before?.save ?? 0) + 1 });
    return wanted === undefined ? {} : { calls: [wanted] };
  }
  return late || hasSaved(sizes, before) ? newWorld(view, workers) : {};
}

function desiredBefore(view: View, { bus }: Sizes): DesiredRecord | undefined {
  return bus.desired?.workerRevision === view.workerRevision ? bus.desired : undefined;
}

function hasSaved({ bus, state }: Sizes, before: DesiredRecord | undefined): boolean {
  const saved = [...bus.acks.values()].some((ack) => ack.saved >= (before?.save ?? 0));
  return state.checkpoint !== undefined && saved;
}

function shrink(view: View, sizes: Sizes): PolicyResult {
  const { workers, target, world } = sizes;
  // The smaller world trains: now the others may go.
  if (world <= target) {
    const conditions = [resizing('True', 'ScaleDown', `to ${target} workers`)];
    return { conditions, calls: [sizeTo(workers, target)] };
  }
  const conditions = [resizing('True', 'ScaleDown', `from ${world} to ${target} workers`)];
  const asked = conditionOf(view.status.conditions ?? [], 'Resizing');
  const before = desiredBefore(view, sizes);
  if (asked?.status !== 'True') {
    const save = desiredOf(view, {
      workers: before?.workers ?? world,
      save: (before?.save ?? 0) + 1,
    });
    return { conditions, calls: save === undefined ? [] : [save] };
  }
  return hasSaved(sizes, before) ? { conditions, ...newWorld(view, target) } : { conditions };
}

function newWorld(view: View, workers: number): Pick<PolicyResult, 'calls'> {
  const wanted = desiredOf(view, { workers });
  if (wanted !== undefined) return { calls: [wanted] };
  const restarts = restartsOf(view);
  const counted = { ...restarts, resizes: restarts.resizes + 1 };
  const { calls = [] } = openRound(view, { cause: 'Resize', restarts: counted });
  return { calls };
}

function sizeTo({ name, uid }: ChildJob, size: number): Call {
  return { type: 'Resize', name, uid, parallelism: size, completions: size };
}

function resizing(status: 'True' | 'False', reason: string, message: string) {
  return { type: 'Resizing', status, reason, message } as const;
}
