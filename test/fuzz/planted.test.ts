// The fuzzer itself: each planted fault lies behind three conditions that chance alone would meet
// once in 2^24 inputs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { gate } from '../../worker/remote/gate.ts';
import { type Finding, isStuck } from './engine.ts';
import { inWords, runTarget } from './run-target.ts';

const never = new AbortController().signal;
const twoAtOnce = gate(2);
/** For all of them, one pair after the other, on a machine that does other things too. */
const patienceMs = 15 * 60_000;

const found = test.macro({
  title: (_, name: string) => `The planted ${name} is found`,
  async exec(t, name: string, type: Finding['type'], message: RegExp) {
    t.timeout(patienceMs);
    const report = await twoAtOnce(() => runTarget(`planted/${name}`, 120, 1, never));
    const { finding } = report.outcome;
    t.is(finding?.type, type, inWords(report));
    t.regex(finding?.message ?? '', message);
    t.is(Buffer.from(finding?.input ?? []).toString('latin1', 0, 3), 'ann');
  },
});

test(found, 'crash', 'Threw', /RangeError: planted/);
test(found, 'memory', 'Memory', /took 10\d\d MiB/);
test(found, 'slow', 'Slow', /took \d{4} ms/);
test(found, 'hang', 'Hang', /without an end/);
test(found, 'write', 'Threw', /ERR_ACCESS_DENIED|Access to this API has been restricted/);

test('Nothing that a reader writes reaches the disk', async (t) => {
  t.timeout(patienceMs);
  await twoAtOnce(() => runTarget('planted/write', 120, 2, never));
  t.false(existsSync(join(import.meta.dirname, 'planted', 'written')));
});

test('A reader that refuses everything at once is told from one that was fuzzed, however many seeds it has', async (t) => {
  t.timeout(patienceMs);
  const report = await twoAtOnce(() => runTarget('planted/wall', 3, 1, never));
  const { outcome } = report;
  t.is(outcome.finding, undefined);
  // Functions of the runtime that run for the first time are counted once.
  t.true(isStuck({ ...outcome, functions: 100 }), inWords(report));
});
