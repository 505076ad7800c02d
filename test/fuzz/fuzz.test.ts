// Every reader of foreign files against damaged ones, ANNEAL_FUZZ_SECONDS each (20 when not set;
// npm run test:all takes 60), two at a time. The seed is always the same, so that a change is
// judged by itself and not by a lucky seed; npm run fuzz takes another each time.
import test from 'ava';
import { gate } from '../../worker/remote/gate.ts';
import { isStuck } from './engine.ts';
import { inWords, runTarget } from './run-target.ts';
import { targetNames } from './target-names.ts';

const seconds = Number(process.env['ANNEAL_FUZZ_SECONDS'] ?? 20);
const seed = 1;
const twoAtOnce = gate(2);
const never = new AbortController().signal;

for (const name of targetNames) {
  test(`Damaged input to ${name} ends in a sentence`, async (t) => {
    // All wait for the same gate, and each start and end may take a while on a busy machine.
    t.timeout((seconds + 60) * 1000 * targetNames.length);
    const report = await twoAtOnce(() => runTarget(name, seconds, seed, never));
    t.log(`seed ${seed}; ${inWords(report)}`);
    t.is(report.outcome.finding, undefined, inWords(report));
    t.false(isStuck(report.outcome), inWords(report));
  });
}
