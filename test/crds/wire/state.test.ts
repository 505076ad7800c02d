import test from 'ava';
import { rendezvousCauses } from '../../../crds/wire/rendezvous-causes.ts';
import { ackRecord, desiredRecord, stateRecord, worldRecord } from '../../../crds/wire/state.ts';

const opened = { by: 'operator', cause: 'Start', at: '2026-01-01T00:00:00Z' };
const first = { v: 1, workerRevision: 1, round: 1, opened };

test('the first state of a job is short, and what is absent has its meaning', (t) => {
  const state = stateRecord.parse(first);
  t.is(state.world, undefined);
  t.deepEqual(state.restarts, {
    counted: 0,
    disruptions: 0,
    resizes: 0,
    window: [],
    sinceCommit: 0,
    repeats: 0,
  });
});

test('keys of a later version are dropped, another major version is refused', (t) => {
  t.false('colour' in stateRecord.parse({ ...first, colour: 'red' }));
  t.false(stateRecord.safeParse({ ...first, v: 2 }).success);
});

test('the record stays below 4 KiB with everything at its longest', (t) => {
  const long = (length: number) => 'x'.repeat(length);
  const at = '2026-01-01T00:00:00.000Z';
  const record = stateRecord.parse({
    ...first,
    opened: { ...opened, by: long(253) },
    world: { key: long(200), digest: long(64), size: 5000, committedAt: at },
    checkpoint: { step: 1e9, round: 1e6, manifest: long(512), digest: long(71), time: at },
    cursor: { workerRevision: 1, window: 1, sequence: 1, seed: '1', storeDigest: long(64) },
    adjustments: Array(6).fill(long(64)),
    restarts: { window: Array(12).fill(at) },
    result: { type: 'Failed', code: long(64), reason: long(64), message: long(1024) },
  });
  t.true(JSON.stringify(record).length < 4096);
});

test('a world of 5,000 members fits into one message of the bus', (t) => {
  const members = Array.from({ length: 5000 }, (_, index) => ({
    index,
    podUID: '01234567-89ab-cdef-0123-456789abcdef',
    podIP: '10.244.100.100',
    node: `ip-10-244-100-${index}.eu-central-1`,
    devices: 8,
  }));
  const order = members.map(({ index }) => index);
  const world = worldRecord.parse({ v: 1, members, order, master: '10.244.100.100' });
  t.true(JSON.stringify(world).length < 1024 * 1024);
});

test('what the operator wants and what a worker has done are small records with defaults', (t) => {
  t.false(ackRecord.parse({ v: 1, podUID: 'u' }).restored);
  t.false(desiredRecord.safeParse({ v: 1, stop: 'Perhaps' }).success);
});

test('only what is the fault of the job counts', (t) => {
  const counted = Object.entries(rendezvousCauses)
    .filter(([, cause]) => cause.counted)
    .map(([name]) => name);
  t.deepEqual(counted, ['ProcessFailed', 'PodFailed', 'Hang', 'MemberUnreachable']);
});
