import test from 'ava';
import { ackRecord, type DesiredRecord } from '../../../crds/wire/state.ts';
import { desiredOf } from '../../../operator/job/desired.ts';
import type { Facts } from '../../../operator/job/facts.ts';
import { viewOf } from '../../../operator/job/view.ts';
import { timeText } from '../../../operator/runtime/conditions.ts';
import { decided } from '../../builders/decided.ts';
import { aSpec } from '../../builders/job.ts';
import {
  aBus,
  aChildJob,
  aMember,
  aPodOf,
  aState,
  now,
  quietSite,
  seconds,
  training,
} from '../../builders/job-facts.ts';

const specOf = (replicas: number) => ({
  worker: { replicas, minReplicas: 1, maxReplicas: 4, elasticity: 'Live', devicesPerWorker: 0 },
});
const bus = { url: 'u', port: 1, namespace: undefined };
const site = { ...quietSite, settings: { ...quietSite.settings, bus } };

interface Sizes {
  readonly wanted: number;
  readonly job: number;
  readonly world: number;
  readonly ready?: number;
}

function sized({ wanted, job, world, ready = job }: Sizes, changes: Partial<Facts> = {}): Facts {
  const committedAt = timeText(now - 60_000);
  return training({
    spec: specOf(wanted),
    site,
    workers: [aChildJob({ parallelism: job }, specOf(wanted))],
    pods: Array.from({ length: job }, (_, index) => aPodOf({ index, ready: index < ready })),
    bus: aBus({
      desired: desiredFor(wanted, world),
      state: aState({ world: { key: 'k', digest: 'd', size: world, committedAt } }),
      members: new Map(Array.from({ length: world }, (_, index) => [index, aMember(index)])),
    }),
    ...changes,
  });
}

/** As the operator wrote it before the number was changed. */
function desiredFor(wanted: number, workers: number): DesiredRecord {
  const view = viewOf(training({ spec: specOf(wanted), bus: aBus() }), aSpec(specOf(wanted)));
  const call = desiredOf(view, { workers });
  if (call?.type !== 'WriteDesired') throw new Error('nothing is desired');
  return call.record;
}

const after = (facts: Facts, status: Facts['job']['status']) => ({
  ...facts,
  job: { ...facts.job, status },
});
const interesting = (words: readonly string[]) =>
  words.filter((word) => !/^(Create (Service|NetworkPolicy)|Share) /.test(word));

test('growing: pods first, then their number on the bus and a save, then a world with them', (t) => {
  const first = decided(sized({ wanted: 3, job: 2, world: 2 }));
  t.is(first.phase, 'Resizing');
  t.is(first.is('Resizing'), 'True/ScaleUp');
  t.deepEqual(interesting(first.words), ['Resize first-w1 to 3']);
  const waiting = decided(after(sized({ wanted: 3, job: 3, world: 2, ready: 2 }), first.status));
  t.deepEqual(interesting(waiting.words), []);
  const facts = after(sized({ wanted: 3, job: 3, world: 2 }), first.status);
  const told = decided(facts);
  t.deepEqual(interesting(told.words), ['WriteDesired None workers=3 save=1']);
  const [call] = told.calls.filter(({ type }) => type === 'WriteDesired');
  const desired = call?.type === 'WriteDesired' ? call.record : undefined;
  const asked = { ...facts, bus: { ...facts.bus, desired } as Facts['bus'] };
  t.deepEqual(interesting(decided(asked).words), [], 'training goes on while it saves');
  t.deepEqual(
    interesting(decided({ ...asked, now: seconds(600) }).words),
    ['OpenRound 2 Resize'],
    'a save that does not come is not waited for for ever',
  );
  t.deepEqual(interesting(decided(withSave(asked, 0)).words), [], 'that was an earlier save');
  const open = decided(withSave(asked));
  t.deepEqual(interesting(open.words), ['OpenRound 2 Resize']);
  const unsaved = withoutCheckpoint(withSave(asked));
  t.deepEqual(interesting(decided(unsaved).words), [], 'there is nothing to go on from');
  const bySecond = withSave(asked, 1, 1);
  t.deepEqual(interesting(decided(bySecond).words), ['OpenRound 2 Resize'], 'one says it');
  const opened = open.calls.find(({ type }) => type === 'OpenRound');
  t.like(opened, { restarts: { resizes: 1 } });
  const done = decided(after(sized({ wanted: 3, job: 3, world: 3 }), open.status));
  t.is(done.is('Resizing'), 'False/Resized');
  t.is(done.phase, 'Running');
});

/** The last of so many workers has said that it saved as it was asked to. */
function withSave(facts: Facts, saved = 1, others = 0): Facts {
  const ackOf = (count: number) =>
    ackRecord.parse({ v: 1, podUID: 'u', restored: true, saved: count });
  const checkpoint = { step: 9, round: 1, manifest: 'm', digest: 'd', time: timeText(now) };
  const present = facts.bus as Extract<Facts['bus'], { type: 'Present' }>;
  const acks = [...Array.from({ length: others }, () => ackOf(0)), ackOf(saved)];
  return {
    ...facts,
    bus: { ...present, acks: new Map(acks.entries()), state: { ...present.state!, checkpoint } },
  };
}

function withoutCheckpoint(facts: Facts): Facts {
  const present = facts.bus as Extract<Facts['bus'], { type: 'Present' }>;
  const { checkpoint: _, ...state } = present.state!;
  return { ...facts, bus: { ...present, state } };
}

test('growing without nodes is refused after its time, nothing is lost, and it is not tried again', (t) => {
  const facts = sized({ wanted: 3, job: 3, world: 2, ready: 2 });
  const { status } = decided(sized({ wanted: 3, job: 2, world: 2 }));
  const late = { ...after(facts, status), now: seconds(600) };
  const refused = decided(late);
  t.is(refused.is('Resizing'), 'False/Refused');
  t.deepEqual(interesting(refused.words), ['Resize first-w1 to 2']);
  const again = decided({
    ...after(sized({ wanted: 3, job: 2, world: 2 }), refused.status),
    now: seconds(601),
  });
  t.deepEqual(interesting(again.words), []);
  t.is(again.phase, 'Running');
  const wish = after(sized({ wanted: 3, job: 2, world: 2 }), refused.status);
  const anew = decided({ ...wish, job: { ...wish.job, generation: wish.job.generation + 1 } });
  t.deepEqual(interesting(anew.words), ['Resize first-w1 to 3'], 'the spec was changed again');
});

test('what was desired of an earlier revision says nothing of this one', (t) => {
  const facts = sized({ wanted: 1, job: 3, world: 3 });
  const present = facts.bus as Extract<Facts['bus'], { type: 'Present' }>;
  const desired = { ...present.desired!, workerRevision: 0, workers: 4, save: 5 };
  const { words } = decided({ ...facts, bus: { ...present, desired } });
  t.true(words.includes('WriteDesired None workers=3 save=1'));
});

test('growing takes those that came when not all did', (t) => {
  const { status } = decided(sized({ wanted: 4, job: 2, world: 2 }));
  const facts = {
    ...after(sized({ wanted: 4, job: 4, world: 2, ready: 3 }), status),
    now: seconds(600),
  };
  t.deepEqual(interesting(decided(facts).words), ['WriteDesired None workers=3 save=1']);
});

test('shrinking: a durable save, a smaller world, and only then fewer pods', (t) => {
  const facts = sized({ wanted: 1, job: 3, world: 3 });
  const first = decided(facts);
  t.is(first.is('Resizing'), 'True/ScaleDown');
  t.deepEqual(interesting(first.words), ['WriteDesired None workers=3 save=1']);
  const [call] = first.calls.filter(({ type }) => type === 'WriteDesired');
  const desired = call?.type === 'WriteDesired' ? call.record : undefined;
  const asked = { ...after(facts, first.status), bus: { ...facts.bus, desired } as Facts['bus'] };
  t.deepEqual(interesting(decided(asked).words), [], 'training goes on while it saves');
  const saved = withSave(asked);
  t.deepEqual(interesting(decided(saved).words), ['WriteDesired None workers=1 save=1']);
  const smaller = decided(after(sized({ wanted: 1, job: 3, world: 1 }), first.status));
  t.deepEqual(interesting(smaller.words), ['Resize first-w1 to 1']);
});

test('a job that is not elastic is never resized', (t) => {
  const facts = sized({ wanted: 2, job: 2, world: 2 });
  const spec = {
    ...facts.job.spec!,
    worker: { ...facts.job.spec!.worker, elasticity: 'None' as const },
  };
  const { words } = decided({
    ...facts,
    job: { ...facts.job, spec },
    workers: [aChildJob({ parallelism: 1, planDigest: facts.workers[0]!.planDigest })],
  });
  t.false(words.some((word) => word.startsWith('Resize')));
});
