// A deleted job: workers are told to stop, its records on the bus are removed, the finalizer goes.
// The garbage collector deletes its children. All of it takes a minute at most: a bus that is away
// must not keep an object from going.
import type { Call, Decision } from './decision.ts';
import { desiredOf } from './desired.ts';
import type { Facts } from './facts.ts';
import { presentBus, type View, viewOf } from './view.ts';

const longestMs = 60_000;

export function finalise(facts: Facts): Decision {
  const { job, now } = facts;
  const decision = (calls: readonly Call[], wakeAt?: number): Decision => ({
    status: job.status,
    calls,
    events: [],
    wakeAt,
  });
  if (!job.hasFinalizer) return decision([]);
  const deadline = (job.deletedAt ?? now) + longestMs;
  const view = job.spec === undefined ? undefined : viewOf(facts, job.spec);
  const workers = facts.workers.filter(({ isDeleting }) => !isDeleting);
  const bus = presentBus(facts);
  const gone: readonly Call[] = [
    ...(bus === undefined ? [] : [{ type: 'PurgeBus' } as const]),
    { type: 'RemoveFinalizer' },
  ];
  const remove = workers.map(({ name, uid }) => removeJob(name, uid));
  if (now >= deadline) {
    const left = facts.bus.type === 'Away' ? [leftBehind(job.name)] : [];
    return { ...decision([...remove, ...gone]), events: left };
  }
  // The bus may come back within the minute; what is on it would otherwise wait for the janitor.
  if (facts.bus.type === 'Away') return decision(remove, deadline);
  if (view === undefined || bus === undefined || workers.length === 0) {
    return decision([...remove, ...gone]);
  }
  return decision(...stopping(view, deadline, remove, gone));
}

function stopping(
  view: View,
  deadline: number,
  remove: readonly Call[],
  gone: readonly Call[],
): [readonly Call[], number | undefined] {
  const save = view.spec.deletionPolicy === 'Save';
  const bus = presentBus(view.facts);
  const world = bus?.state?.world;
  const saved = [...(bus?.acks.values() ?? [])].filter((ack) => ack.stoppedStep !== undefined);
  if (save && world !== undefined && saved.length < world.size) {
    const wanted = desiredOf(view, { stop: 'Save', deadline });
    return [wanted === undefined ? [] : [wanted], deadline];
  }
  const now = desiredOf(view, { stop: 'Now', deadline: undefined });
  return [[...(now === undefined || save ? [] : [now]), ...remove, ...gone], undefined];
}

export function removeJob(name: string, uid: string): Call {
  return { type: 'Delete', kind: 'Job', name, uid, propagation: 'Background' };
}

function leftBehind(name: string) {
  return {
    type: 'Warning',
    reason: 'BusUnavailable',
    note: `the bus did not answer within a minute; what ${name} left on it is removed when it is back`,
    action: 'Finalise',
  } as const;
}
