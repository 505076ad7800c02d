import test from 'ava';
import fc from 'fast-check';
import { emptyJob, isOver, type JobEvent, seeJob } from '../../../cli/jobs/job-state.ts';
import { emptyRun, see, seeAll } from '../../../cli/jobs/run-state.ts';
import { aVersion, heardOfAJob } from '../../builders/heard.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';

const all = heardOfAJob();
const away: JobEvent = { type: 'Away', why: 'no answer', at: 1000 };

test('late, doubled and disordered messages lead to the same state, in batches of any size', (t) => {
  const expected = seeJob(emptyJob, all);
  const order = fc
    .tuple(fc.shuffledSubarray([...all], { minLength: all.length }), fc.subarray([...all]))
    .map(([once, again]) => [...once, ...again]);
  fc.assert(
    fc.property(order, fc.integer({ min: 1, max: 50 }), (events, size) => {
      let state = emptyJob;
      for (let at = 0; at < events.length; at += size) {
        state = seeJob(state, events.slice(at, at + size));
      }
      t.deepEqual(state, expected);
    }),
  );
});

test('missing messages leave gaps and no wrong numbers', (t) => {
  const whole = seeJob(emptyJob, all);
  fc.assert(
    fc.property(fc.subarray([...all]), (some) => {
      const state = seeJob(emptyJob, some);
      const known = new Set(whole.happened.map(({ words }) => words));
      t.true(state.happened.every(({ words }) => known.has(words)));
      t.true(state.workers.every(({ heartbeat }) => heartbeat.step <= 9));
      t.true((state.run.step?.step ?? 0) <= (whole.run.step?.step ?? 0));
    }),
  );
});

test('many messages at once are the same as one after the other', (t) => {
  const messages = messagesOfARun();
  const order = fc.shuffledSubarray([...messages]);
  fc.assert(
    fc.property(order, fc.nat(messages.length), (some, at) => {
      const before = some.slice(0, at).reduce(see, emptyRun);
      t.deepEqual(seeAll(before, some.slice(at)), some.slice(at).reduce(see, before));
    }),
  );
});

test('a hundred thousand steps are folded at once', (t) => {
  const messages = messagesOfARun(100_000);
  t.is(seeAll(emptyRun, messages).steps.length, 100_000);
});

test('a checkpoint is told once: that it counts, or that it was written and never counted', (t) => {
  const head = { v: 1 as const, podName: 'p' };
  const written = (index: number, time: number, step: number): JobEvent => {
    const message = { type: 'checkpoint', time, step, path: '/c', bytes: 1, ms: 1 } as const;
    return { type: 'Heard', heard: { type: 'Message', index, message }, at: time };
  };
  const counts = (time: number, step: number): JobEvent => {
    const facts = { ...head, index: 0, time, round: 1, step, type: 'Committed' as const };
    const event = { ...facts, message: `the checkpoint of step ${step} counts` };
    return { type: 'Heard', heard: { type: 'PodEvent', event }, at: time };
  };
  const events = [written(0, 10, 4), written(1, 11, 4), counts(12, 4), written(0, 20, 8)];
  const expected = ['checkpoint of step 4 counts', 'checkpoint of step 8 written'];
  fc.assert(
    fc.property(fc.shuffledSubarray(events, { minLength: events.length }), (shuffled) => {
      const state = shuffled.reduce((before, event) => seeJob(before, [event]), emptyJob);
      t.deepEqual(
        state.happened.map(({ words }) => words),
        expected,
      );
    }),
  );
});

test('who is away is known since the first time, until something is heard again', (t) => {
  const late = { ...away, at: 1010 };
  const state = seeJob(emptyJob, [...all, away, late]);
  t.deepEqual(state.away.jobs, { since: 1000, why: 'no answer' });
  t.is(seeJob(state, all.slice(0, 1)).away.jobs, null);
  const heard = { type: 'Heard', heard: { type: 'Away', why: 'cut' }, at: 1005 } as const;
  const cut = seeJob(state, [heard]);
  t.deepEqual(cut.away.bus, { since: 1005, why: 'cut' });
  t.is(seeJob(cut, [{ ...heard, heard: { type: 'UpToDate' } }]).away.bus, null);
});

test('a job is over when it ended or is gone', (t) => {
  const ended = (phase: 'Succeeded' | 'Running') =>
    isOver(seeJob(emptyJob, [{ type: 'Job', job: aVersion(1, { phase }) }]));
  t.true(ended('Succeeded'));
  t.false(ended('Running'));
  t.true(isOver(seeJob(emptyJob, [...all, { type: 'Gone' }])));
});
