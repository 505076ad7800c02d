import test from 'ava';
import { besideWhyText } from '../../../cli/commands/why/text.ts';
import { readPool } from '../../../cli/jobs/pools.ts';
import { whyBesideJobs } from '../../../cli/jobs/why-beside-jobs.ts';
import { toldJob } from '../../builders/pool.ts';
import { aToldPool, oneOfEachPoolState } from '../../builders/told-pool.ts';

const style = { width: 80, paint: (text: string) => text };

test('one pool of each state says what it is and what it waits for, at 80 columns', (t) => {
  const texts = oneOfEachPoolState().map((object) => {
    const pool = readPool(object);
    return besideWhyText(pool, whyBesideJobs(pool), style);
  });
  t.snapshot(texts.join('\n'));
});

test('a pool that no operator looks at says by which value of the chart it would be', (t) => {
  const pool = readPool({ ...aToldPool('smol'), status: {} });
  t.regex(whyBesideJobs(pool).change, /features\.trainingPools of the chart/);
});

test('of hundreds of jobs that failed a few are named, and the rest counted', (t) => {
  const asking = Array.from({ length: 30 }, (_, index) => `job-${index}`);
  const told = asking.map((name) => toldJob(name, 'Failed', { message: 'it ended' }));
  const pool = readPool(aToldPool('smol', { asking, told, spec: { jobs: 32 } }));
  const lines = whyBesideJobs(pool).happened.split('\n');
  t.is(lines.length, 10);
  t.is(lines[1], 'Job job-0 failed: it ended.');
  t.is(lines.at(-1), '22 more jobs failed.');
});

test('words of a pod do not reach the terminal as commands', (t) => {
  const told = [toldJob('support', 'Failed', { code: 'E_INTERNAL', message: 'it\u001b[2J ended' })];
  const pool = readPool(aToldPool('smol', { asking: ['support'], told }));
  const text = besideWhyText(pool, whyBesideJobs(pool), style);
  t.true(text.includes('Job support failed: it[2J ended (E_INTERNAL).'));
  t.notRegex(text, /[^\P{Cc}\n]/u);
});
