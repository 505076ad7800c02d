import test from 'ava';
import { annotation } from '../../../crds/names/labels.ts';
import type { AckRecord, DesiredRecord } from '../../../crds/wire/state.ts';
import type { BusFacts, Facts } from '../../../operator/job/facts.ts';
import { decided } from '../../builders/decided.ts';
import { aBus, quietSite, training } from '../../builders/job-facts.ts';
import { anAck } from '../../builders/situation.ts';

const bus = { url: 'u', port: 1, namespace: undefined };
const site = { ...quietSite, settings: { ...quietSite.settings, bus } };
const saves = ({ words }: ReturnType<typeof decided>) =>
  words.filter((word) => word.startsWith('WriteDesired'));

/** A job that trains, was asked for a save, and heard so much. */
function asked(
  wish: string,
  before: Partial<Facts['job']> = {},
  facts: Partial<Facts> = {},
): Facts {
  const base = training({ site, bus: aBus(), ...facts });
  const annotations = { [annotation.save]: wish };
  return { ...base, job: { ...base.job, annotations, ...before } };
}

const desiredOf = ({ calls }: ReturnType<typeof decided>): DesiredRecord => {
  const call = calls.find(({ type }) => type === 'WriteDesired');
  if (call?.type !== 'WriteDesired') throw new Error('nothing is desired');
  return call.record;
};

const heard = (desired: DesiredRecord, ack: Partial<AckRecord> = {}): BusFacts =>
  aBus({ desired, acks: new Map([[0, anAck(ack)]]) });

test('a wish raises the count of saves, once, and is done when a worker says so', (t) => {
  const first = decided(asked('one'));
  t.deepEqual(saves(first), ['WriteDesired None workers=1 save=1']);
  t.like(first.status.save, { asked: 'one', count: 1 });
  const { status } = first;
  const desired = desiredOf(first);
  const waiting = decided(asked('one', { status }, { bus: heard(desired) }));
  t.deepEqual(saves(waiting), []);
  t.is(waiting.status.save?.done, undefined);
  const done = decided(
    asked('one', { status }, { bus: heard(desired, { saved: 1, savedStep: 70 }) }),
  );
  t.like(done.status.save, { done: 'one', step: 70 });
  t.true(done.events.some(({ reason, note }) => reason === 'Saved' && /step 70/.test(note)));
  const still = decided(
    asked('one', { status: done.status }, { bus: heard(desired, { saved: 1, savedStep: 70 }) }),
  );
  t.deepEqual(saves(still), []);
  t.false(still.events.some(({ reason }) => reason === 'Saved'));
});

test('another wish is another save', (t) => {
  const first = decided(asked('one'));
  const bus = heard(desiredOf(first), { saved: 1, savedStep: 70 });
  const done = decided(asked('one', { status: first.status }, { bus }));
  const second = decided(asked('two', { status: done.status }, { bus }));
  t.deepEqual(saves(second), ['WriteDesired None workers=1 save=2']);
  t.is(second.status.save?.asked, 'two');
  const old = decided(asked('two', { status: second.status }, { bus }));
  t.not(old.status.save?.done, 'two');
});

test('a record that was written before the status was kept is not raised again', (t) => {
  const first = decided(asked('one'));
  const again = decided(asked('one', { status: first.status }, { bus: heard(desiredOf(first)) }));
  t.deepEqual(saves(again), []);
  t.is(again.status.save?.count, 1);
});

test('while no world trains nothing is asked, and nothing is lost', (t) => {
  const resting = asked('one');
  const { status } = resting.job;
  const conditions = (status.conditions ?? []).map((each) =>
    each.type === 'Running' ? { ...each, status: 'False' as const, reason: 'Waiting' } : each,
  );
  const waiting = decided(asked('one', { status: { ...status, conditions } }));
  t.is(waiting.status.save, undefined);
  const later = decided(asked('one', { status: waiting.status }));
  t.is(later.status.save?.asked, 'one');
});

test('new workers are asked anew', (t) => {
  const first = decided(asked('one'));
  const save = { ...first.status.save, workerRevision: 7, count: 3 };
  const next = decided(asked('one', { status: { ...first.status, save } }));
  t.like(next.status.save, { asked: 'one', workerRevision: 1, count: 1 });
});

test('without a bus it is said once that nobody can be told', (t) => {
  const first = decided(asked('one', {}, { bus: { type: 'Absent' } }));
  t.true(first.events.some(({ reason }) => reason === 'SaveRefused'));
  const again = decided(asked('one', { status: first.status }, { bus: { type: 'Absent' } }));
  t.false(again.events.some(({ reason }) => reason === 'SaveRefused'));
  t.is(again.status.save?.done, undefined);
});

test('without a wish nothing is said of saves', (t) => {
  t.is(decided(training({ site, bus: aBus() })).status.save, undefined);
});
