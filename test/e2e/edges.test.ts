// A run that is killed between its processes: the same command goes on with the one whose results
// are missing, and the end has the bits of a run that nobody disturbed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { writeToyJob } from '../toy/toy-job.ts';
import { type RunLine, runCommand } from './anneal-process.ts';
import { resultOf } from './killed-run.ts';

interface Edge {
  readonly name: string;
  readonly at: (line: RunLine) => boolean;
}

const isStage = (line: RunLine, stage: string, state: string): boolean =>
  line.type === 'stage' && line.stage === stage && line.state === state;

const edges: readonly Edge[] = [
  { name: 'before preparing', at: ({ type }) => type === 'begin' },
  { name: 'prepared', at: (line) => isStage(line, 'Prepare', 'Done') },
  { name: 'training begins', at: ({ type }) => type === 'plan' },
  { name: 'trained', at: (line) => isStage(line, 'Export', 'Started') },
];

/** Of one command: what was done, each word once in a row. */
function doneIn(lines: readonly RunLine[]): string {
  const words = lines.flatMap((line) => {
    if (line.type === 'plan') return [`plan ${line.firstStep}`];
    if (line.type === 'step') return ['steps'];
    if (line.type !== 'stage') return [];
    const isTold = ['Prepare', 'Train', 'Export'].includes(line.stage) && line.state === 'Done';
    return isTold ? [line.stage] : [];
  });
  return words.filter((word, index) => word !== words[index - 1]).join(' ');
}

test('killed at each edge, a run goes on there', async (t) => {
  t.timeout(600_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-edges-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const method = { preset: 'LoRA', precision: { type: 'Float32' } };
  const job = await writeToyJob(folder, { name: 'edges', method, training: { maxSteps: 6 } });
  const run = (cache: string, at: Edge['at'] = () => false) => {
    const words = ['run', job.file, '--display', 'json', '--threads', '1'];
    return runCommand<RunLine>(words, join(folder, cache), {}, (line) =>
      at(line) ? 'tree' : null,
    );
  };
  const folderIn = ({ lines }: { readonly lines: readonly RunLine[] }): string => {
    const begun = lines.find((line) => line.type === 'begin');
    return begun?.type === 'begin' ? begun.folder : '';
  };
  const whole = await run('whole');
  t.is(whole.code, 0, whole.stderr);
  t.is(doneIn(whole.lines), 'Prepare plan 0 steps Export');
  const expected = resultOf(job, folderIn(whole));

  for (const { name, at } of edges) t.is((await run('killed', at)).code, null, name);
  const last = await run('killed');
  t.is(last.code, 0, last.stderr);
  t.is(doneIn(last.lines), 'Prepare Train Export', 'no training, whose result is there');
  t.deepEqual(resultOf(job, folderIn(last)), expected);
});
