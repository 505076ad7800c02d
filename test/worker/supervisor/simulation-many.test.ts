// A long run of schedules tells all that it found, and each of it once.
import test from 'ava';
import fc from 'fast-check';
import { kindOf, runMany, shortened } from '../../doubles/simulation/many.ts';

test('a long run goes on where something did not hold, and tells each kind once, shortened', async (t) => {
  const lines: string[] = [];
  const { schedules, ends, violations } = await runMany(
    {
      events: fc.array(fc.nat(9), { minLength: 5, maxLength: 9 }),
      given: fc.constant('budget'),
      end: async (events) => {
        if (events.includes(7)) throw new Error(`${events.length} events: trainers: none`);
        return 'Succeeded';
      },
    },
    {
      ...{ schedules: 50, seed: 3, signal: new AbortController().signal },
      tell: (line) => void lines.push(line),
    },
  );
  t.is(schedules, 50);
  const failed = violations.get('N events') ?? 0;
  t.true(failed > 1);
  t.is(ends.get('Succeeded'), 50 - failed);
  t.is(lines.length, 2);
  t.regex(lines[0] ?? '', /^schedule \d+ of seed 3: \d events: trainers: none$/);
  t.is(lines[1], '[7] with "budget"');
});

test('a run that is interrupted tells what there was until then', async (t) => {
  const controller = new AbortController();
  const { schedules } = await runMany(
    {
      ...{ events: fc.constant([]), given: fc.constant(0) },
      end: async () => {
        controller.abort();
        return 'Succeeded';
      },
    },
    { schedules: 50, seed: 3, signal: controller.signal, tell: () => t.fail() },
  );
  t.is(schedules, 1);
});

test('a schedule is shortened to what it takes', async (t) => {
  const events = Array.from({ length: 40 }, (_, index) => index);
  const both = async (some: readonly number[]) => some.includes(5) && some.includes(38);
  t.deepEqual(await shortened(events, both), [5, 38]);
});

test('violations that differ in numbers alone are of one kind', (t) => {
  t.is(kindOf('round 7 is charged 1.5 times: trainers: none'), 'round N is charged N times');
});
