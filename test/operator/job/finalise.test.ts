import test from 'ava';
import { decided } from '../../builders/decided.ts';
import { aBus, aChildJob, seconds, training } from '../../builders/job-facts.ts';

const deleted = (changes: object, ago = 1) => {
  const facts = training(changes);
  return { ...facts, job: { ...facts.job, deletedAt: seconds(-ago), hasFinalizer: true } };
};
const ack = {
  v: 1,
  podUID: 'u',
  opened: false,
  restored: true,
  saved: 0,
  stoppedStep: 7,
  finished: false,
} as const;

test('a deleted job tells its workers, cleans the bus, and lets go', (t) => {
  const { words } = decided(deleted({ bus: aBus() }));
  t.deepEqual(words, [
    'WriteDesired Now workers=1 save=0',
    'Delete Job first-w1',
    'PurgeBus',
    'RemoveFinalizer',
  ]);
});

test('a job without our finalizer is left to the garbage collector', (t) => {
  const facts = deleted({ bus: aBus() });
  t.deepEqual(decided({ ...facts, job: { ...facts.job, hasFinalizer: false } }).words, []);
});

test('a job that is to be saved waits for it, not longer than a minute', (t) => {
  const spec = { deletionPolicy: 'Save' };
  const saving = decided(deleted({ spec, bus: aBus() }));
  t.deepEqual(saving.words, ['WriteDesired Save workers=1 save=0']);
  t.is(saving.wakeAt, seconds(59));
  const saved = decided(deleted({ spec, bus: aBus({ acks: new Map([[0, ack]]) }) }));
  t.deepEqual(saved.words, ['Delete Job first-w1', 'PurgeBus', 'RemoveFinalizer']);
  const late = decided(deleted({ spec, bus: aBus() }, 60));
  t.deepEqual(late.words, ['Delete Job first-w1', 'PurgeBus', 'RemoveFinalizer']);
});

test('a bus that is away is waited for a minute, then the job goes and says what was left', (t) => {
  const bus = { type: 'Away', since: seconds(-100) } as const;
  const waiting = decided(deleted({ bus }));
  t.deepEqual(waiting.words, ['Delete Job first-w1']);
  t.is(waiting.wakeAt, seconds(59));
  const late = decided(deleted({ bus }, 60));
  t.deepEqual(late.words, ['Delete Job first-w1', 'RemoveFinalizer']);
  t.is(late.events[0]?.reason, 'BusUnavailable');
});

test('a spec that cannot be read does not keep a job from going', (t) => {
  const facts = deleted({ bus: aBus(), workers: [aChildJob()] });
  const { words } = decided({ ...facts, job: { ...facts.job, spec: undefined } });
  t.deepEqual(words, ['Delete Job first-w1', 'PurgeBus', 'RemoveFinalizer']);
});
