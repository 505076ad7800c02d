import test from 'ava';
import {
  type RendezvousCause,
  rendezvousCauseNames,
  rendezvousCauses,
} from '../../../crds/wire/rendezvous-causes.ts';
import { timeText } from '../../../operator/runtime/conditions.ts';
import { decided } from '../../builders/decided.ts';
import {
  aBus,
  aPodOf,
  aState,
  now,
  seconds,
  training,
  trainingStatus,
} from '../../builders/job-facts.ts';

const opened = (cause: RendezvousCause, at = now) => ({
  ...{ by: 'first-w1-0-abcde', cause, at: timeText(at) },
});
const account = (changes: object) => ({ ...aState().restarts, ...changes });

/** Round 1 was seen; the workers have opened the next one. */
const after = (cause: RendezvousCause, state: object = {}, changes: object = {}) =>
  training({
    status: { phase: 'Running', rendezvous: { round: 1 } },
    bus: aBus({ state: aState({ round: 2, opened: opened(cause), ...state }) }),
    ...changes,
  });

test('every cause is taken over: its round, its account, its condition', (t) => {
  for (const cause of rendezvousCauseNames) {
    const counts = rendezvousCauses[cause].counted;
    const restarts = account(counts ? { counted: 1, lastCause: 'Hang' } : { disruptions: 1 });
    const forming = decided(after(cause, { world: undefined, restarts }));
    t.is(forming.phase, 'Restarting', cause);
    t.is(forming.is('Restarting'), `True/${cause}`);
    t.like(forming.status.rendezvous, { round: 2, openedBy: 'first-w1-0-abcde' });
    t.like(forming.status.restarts, { counted: counts ? 1 : 0, disruptions: counts ? 0 : 1 });
    t.false(forming.words.some((word) => word.startsWith('OpenRound')));
  }
});

test('a restart that was over before anybody looked is told all the same, once', (t) => {
  const restarts = account({ counted: 3, lastCause: 'InternalError' });
  const facts = after('ProcessFailed', { restarts });
  const first = decided(facts);
  t.is(first.phase, 'Running');
  t.is(first.is('Restarting'), 'False/Restarted');
  t.deepEqual(first.events, [
    {
      type: 'Warning',
      reason: 'ProcessFailed',
      note: 'first-w1-0-abcde opened round 2: A training process ended badly (InternalError, restart 3 of the job, which may have 10)',
      action: 'Restart',
    },
  ]);
  const second = decided({ ...facts, job: { ...facts.job, status: first.status } });
  t.deepEqual(second.events, []);
  t.deepEqual(second.status, first.status);
});

test('what is not counted is no warning, and what the operator opened is told where it did', (t) => {
  const [memory] = decided(after('OutOfMemory')).events;
  t.like(memory, { type: 'Normal', reason: 'OutOfMemory' });
  t.regex(memory?.note ?? '', /it is not counted/);
  t.deepEqual(decided(after('PodFailed')).events, []);
  t.deepEqual(decided(after('Resize')).events, []);
});

test('the first look at a job tells nothing of what was before it', (t) => {
  const facts = after('ProcessFailed', {}, { status: trainingStatus({ phase: 'Running' }) });
  t.deepEqual(decided(facts).events, []);
});

const twice = (lastAt: number, beforeAt: number) => ({
  ...{ world: undefined, opened: opened('ProcessFailed', lastAt) },
  restarts: account({ counted: 2, sinceCommit: 2, window: [beforeAt, lastAt].map(timeText) }),
});

test('a second counted restart soon after the first replaces the pods, before they train again', (t) => {
  const close = decided(after('ProcessFailed', twice(now, seconds(-600))));
  t.true(close.words.includes('Delete Pod first-w1-0'));
  const far = decided(after('ProcessFailed', twice(now, seconds(-601))));
  t.false(far.words.includes('Delete Pod first-w1-0'));
  const { world: _, ...trains } = twice(now, seconds(-1));
  t.false(decided(after('ProcessFailed', trains)).words.includes('Delete Pod first-w1-0'));
  const one = { ...twice(now, seconds(-1)), restarts: account({ counted: 1, sinceCommit: 1 }) };
  t.false(decided(after('ProcessFailed', one)).words.includes('Delete Pod first-w1-0'));
  const { restarts } = twice(now, seconds(-1));
  const saved = { ...twice(now, seconds(-1)), restarts: { ...restarts, sinceCommit: 1 } };
  const { words } = decided(after('ProcessFailed', saved));
  t.false(words.includes('Delete Pod first-w1-0'), 'there was a checkpoint between them');
});

test('the pod that took its place stays', (t) => {
  const pods = [aPodOf({ createdAt: seconds(2), ready: false })];
  const { words } = decided({
    ...after('ProcessFailed', twice(now, seconds(-60)), { pods }),
    now: seconds(3),
  });
  t.false(words.some((word) => word.startsWith('Delete Pod')));
});
