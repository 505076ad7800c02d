// Whether a world is training. With a bus its state record says so; without one a single worker
// trains when its pod is ready.
import { trainersOfPod } from '../../crds/plan/world.ts';
import { causeInWords } from '../../crds/wire/rendezvous-causes.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import { timeText } from '../runtime/conditions.ts';
import { type Call, none, type PolicyResult } from './decision.ts';
import { incident } from './incident.ts';
import { isNewRound, newsOf, removePods, suspects } from './new-round.ts';
import { restartsOf, shown } from './restarts.ts';
import { earliest, has, later, type View } from './view.ts';

/** All are there and cannot agree: their pods are at fault, or the network between them is. */
const agreeSeconds = 300;
/**
 * A world trains before the kubelet has looked at its pods: it looks every five seconds, later on a
 * node with much to do.
 */
const readySeconds = 30;

export function rendezvous(view: View): PolicyResult {
  const { workers } = view;
  if (workers === undefined) return none;
  const { bus } = view.facts;
  switch (bus.type) {
    case 'Absent':
      return alone(view);
    case 'Away':
      return away(view, bus.since);
    case 'Present': {
      const { state } = view;
      if (state === undefined) return forming(view, 'the workers have not joined a rendezvous yet');
      const result = state.world === undefined ? open(view, state) : committed(view, state);
      return { ...result, events: [...newsOf(view, state), ...(result.events ?? [])] };
    }
    default:
      return bus satisfies never;
  }
}

function alone(view: View): PolicyResult {
  if (!has(view, 'PodsReady')) return forming(view, 'the worker is not ready');
  return training(view, 'the worker is ready');
}

function training(
  view: View,
  message: string,
  wasRestarted = has(view, 'Restarting'),
): PolicyResult {
  const { facts, status, spec } = view;
  const quiet = later(2 * spec.failurePolicy.hangTimeoutSeconds, lastSign(view));
  const silent = facts.now >= quiet && view.bus !== undefined;
  return {
    conditions: [
      { type: 'Running', status: 'True', reason: 'Training', message },
      ...(wasRestarted ? [restarted(message)] : []),
    ],
    status: { startTime: status.startTime ?? timeText(facts.now) },
    ...(silent ? { stalled: { reason: 'NoSteps', message: noSteps(view) } } : { wakeAt: quiet }),
  };
}

function restarted(message: string) {
  return { type: 'Restarting', status: 'False', reason: 'Restarted', message } as const;
}

function lastSign({ facts, status }: View): number {
  const times = [status.progress?.updatedAt, status.rendezvous?.committedAt, status.startTime];
  return (
    Math.max(...times.map((time) => (time === undefined ? 0 : Date.parse(time))), 0) || facts.now
  );
}

function noSteps({ status, spec }: View): string {
  return `no step was reported since ${status.progress?.updatedAt ?? status.startTime}, twice the time of hangTimeoutSeconds, which is ${spec.failurePolicy.hangTimeoutSeconds}`;
}

function forming(view: View, message: string, cause = 'PodFailed'): PolicyResult {
  const wasTraining = view.status.startTime !== undefined;
  return {
    conditions: [
      { type: 'Running', status: 'False', reason: 'WaitingForMembers', message },
      ...(wasTraining
        ? [{ type: 'Restarting', status: 'True', reason: cause, message } as const]
        : []),
    ],
  };
}

function committed(view: View, state: StateRecord): PolicyResult {
  const { size = 0, committedAt } = state.world ?? {};
  const message = `${size} ${size === 1 ? 'worker trains' : 'workers train'}${on(view, size)} in round ${state.round}`;
  // A quick restart is over before we see it: the condition tells of it all the same.
  const wasRestarted = has(view, 'Restarting') || isNewRound(view, state);
  const result = training(view, message, wasRestarted);
  const { summary = '' } = view.status.workers ?? {};
  const status = { ...result.status, ...mirrored(view, state, size, committedAt) };
  if (has(view, 'PodsReady')) return { ...result, status };
  const due = readinessDue(view, size, committedAt);
  if (view.facts.now < due) return { ...result, status, wakeAt: earliest(result.wakeAt, due) };
  const degraded = { reason: 'FewerWorkers', message: `${summary} workers are ready` } as const;
  return { ...result, status, degraded };
}

/** Of workers with one device each, as of those on processors, their number says it all. */
function on({ spec: { worker } }: View, size: number): string {
  const { devicesPerWorker } = worker;
  return devicesPerWorker > 1 ? ` on ${size * devicesPerWorker} devices` : '';
}

/**
 * From when on the status says that pods of this world are not ready; at once where a pod is gone.
 */
function readinessDue(view: View, size: number, committedAt: string | undefined): number {
  if (committedAt === undefined || view.livePods.length < size) return 0;
  return later(readySeconds, Date.parse(committedAt));
}

function open(view: View, state: StateRecord): PolicyResult {
  const { cause, at } = state.opened;
  const message = `round ${state.round} is being formed: ${causeInWords(cause)}`;
  const result = forming(view, message, cause);
  const status = { ...result.status, ...mirrored(view, state, undefined, undefined) };
  const due = agreementDue(view, at);
  if (due === undefined || view.facts.now < due) {
    return { ...result, status, calls: suspects(view, state), wakeAt: due };
  }
  const found = incident(view, {
    pod: undefined,
    meaning: {
      ...{ code: 'E_PEER_LOST', reason: 'PeerLost', retry: 'Counted' },
      message: `no world was agreed on within ${agreeSeconds} s although all workers are ready`,
    },
    jobGaveUp: false,
  });
  const calls: readonly Call[] = [...(found.calls ?? []), ...(found.final ? [] : removePods(view))];
  return {
    ...found,
    conditions: [...(result.conditions ?? []), ...(found.conditions ?? [])],
    status: { ...status, ...found.status },
    calls,
  };
}

/** Undefined while somebody is still missing: then that is what is waited for. */
function agreementDue(view: View, openedAt: string): number | undefined {
  if (!has(view, 'PodsReady')) return undefined;
  const newest = view.livePods.map(({ createdAt }) => createdAt);
  return later(agreeSeconds, Math.max(Date.parse(openedAt), ...newest));
}

function mirrored(
  view: View,
  { round, opened, adjustments }: StateRecord,
  workers: number | undefined,
  committedAt: string | undefined,
) {
  const { status, spec } = view;
  const trainers = trainersOfPod(spec.worker.devicesPerWorker);
  return {
    rendezvous: {
      round,
      ...(workers === undefined ? {} : { worldSize: workers * trainers }),
      targetWorkers: spec.worker.replicas,
      openedBy: opened.by,
      openedAt: opened.at,
      ...(committedAt === undefined ? {} : { committedAt }),
    },
    restarts: shown(status.restarts, restartsOf(view)),
    ...(adjustments.length === 0 ? {} : { plan: { ...status.plan, adjustments } }),
  };
}

/**
 * A bus that is away changes nothing for a world that trains. All else waits for it, and is Stalled
 * when it has waited for too long.
 */
function away(view: View, since: number): PolicyResult {
  const due = later(view.spec.busOutageTimeoutSeconds, since);
  const stuck = !has(view, 'Running') || !has(view, 'PodsReady');
  if (view.facts.now < due) return { wakeAt: earliest(due) };
  const message = `the bus did not answer since ${timeText(since)}`;
  return stuck ? { stalled: { reason: 'BusUnavailable', message } } : none;
}
