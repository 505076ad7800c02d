// Jobs that train together in one process: each ends with the bits of training alone, whatever
// happens to the others.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ToyJob, type ToyJobOptions, writeToyJob } from '../toy/toy-job.ts';
import { type RunLine, startAnneal } from './anneal-process.ts';
import { digestsBelow } from './killed-run.ts';

type Line = RunLine & { readonly job: string };

const float32 = { type: 'Float32' };
const jobs = {
  // Dropout, and two micro-batches a step.
  one: {
    method: {
      preset: 'LoRA',
      precision: float32,
      adapter: { type: 'LoRA', lora: { rank: 4, dropout: '0.2' } },
    },
    training: { maxSteps: 12, globalBatchSize: 4 },
  },
  // The same base in another form, and another schedule.
  two: {
    method: {
      preset: 'QLoRA',
      precision: float32,
      base: { type: 'NF4', nf4: { blockSize: 32 } },
    },
    training: { maxSteps: 20, schedule: { type: 'Constant' }, learningRate: '1e-2' },
  },
  // Trains columns of the base's own matrices.
  three: { method: { preset: 'PaCA', precision: float32 }, training: { maxSteps: 16 } },
} satisfies Record<string, Pick<ToyJobOptions, 'method' | 'training'>>;

interface Toys {
  readonly cache: string;
  readonly files: readonly string[];
  readonly results: () => Readonly<Record<string, ReturnType<typeof digestsBelow>>>;
}

async function toys(
  t: ExecutionContext,
  asked: Readonly<
    Record<string, Pick<ToyJobOptions, 'method' | 'training' | 'sizes' | 'formats'>>
  > = jobs,
): Promise<Toys> {
  t.timeout(600_000);
  const root = await mkdtemp(join(tmpdir(), 'anneal-together-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const made: Record<string, ToyJob> = {};
  for (const [name, own] of Object.entries(asked)) {
    made[name] = await writeToyJob(join(root, name), { name, formats: ['PEFTAdapter'], ...own });
  }
  return {
    cache: join(root, 'cache'),
    files: Object.values(made).map(({ file }) => file),
    results: () =>
      Object.fromEntries(
        Object.entries(made).map(([name, { destination }]) => [name, digestsBelow(destination)]),
      ),
  };
}

/** Runs all of them by one command. */
async function together({ files: [first = '', ...others], cache }: Toys, flags: string[] = []) {
  const lines: Line[] = [];
  const see = (line: RunLine) => void lines.push(line as Line);
  const ended = await startAnneal(first, cache, see, [...others, ...flags]).ended;
  return { ...ended, lines };
}

/** Of each job by itself, elsewhere. */
async function alone(t: ExecutionContext, asked: typeof jobs = jobs) {
  const made = await toys(t, asked);
  for (const file of made.files) {
    const { code, stderr } = await startAnneal(file, made.cache, () => {}).ended;
    t.is(code, 0, stderr);
  }
  return made.results();
}

test.serial(
  'each of three ends with the bits of training alone, and the base is read once',
  async (t) => {
    const expected = await alone(t);
    const made = await toys(t);
    const { code, stderr, lines } = await together(made);
    t.is(code, 0, stderr);
    t.deepEqual(made.results(), expected);
    const steps = lines.flatMap((line) => (line.type === 'step' ? [line.job] : []));
    const turns = steps.slice(0, 30).filter((job, i) => job !== steps[i - 1]).length;
    t.true(turns > 10, `they took turns: ${steps}`);
    const reports = lines.flatMap((line) =>
      line.type === 'outcome' && 'report' in line
        ? [(line.report as { memory?: { together?: object } }).memory?.together]
        : [],
    );
    t.is(reports.length, 3);
    for (const report of reports) t.like(report, { runs: 3 });
  },
);

test.serial('one that diverges fails, and the others end as ever', async (t) => {
  const { one, three } = await alone(t);
  const wild = { ...jobs.two.training, learningRate: '1e30', nonFinitePolicy: { action: 'Fail' } };
  const made = await toys(t, { ...jobs, two: { ...jobs.two, training: wild } });
  const { code, stderr, lines } = await together(made);
  t.is(code, 10, stderr);
  t.regex(stderr, /two: step \d+: loss or gradient is not finite/);
  const results = made.results();
  t.deepEqual({ one: results['one'], three: results['three'] }, { one, three });
  const states = lines.flatMap((line) =>
    line.type === 'outcome' ? [[line.job, line.state, line.code]] : [],
  );
  t.deepEqual(states, [
    ['default/one', 'Complete', undefined],
    ['default/two', 'Failed', 'E_DIVERGED'],
    ['default/three', 'Complete', undefined],
  ]);
});

test.serial(
  'a killed process costs each the steps since its checkpoint, and no bits',
  async (t) => {
    const expected = await alone(t);
    const made = await toys(t);
    const [first = '', ...others] = made.files;
    let steps = 0;
    const victim = startAnneal(
      first,
      made.cache,
      (line) => {
        if (line.type === 'step' && ++steps === 25) victim.kill('tree');
      },
      others,
    );
    await victim.ended;
    t.is(steps, 25);
    const { code, stderr, lines } = await together(made);
    t.is(code, 0, stderr);
    const begun = lines.flatMap((line) => (line.type === 'begin' ? [line.continued] : []));
    t.deepEqual(begun, [true, true, true]);
    const from = lines.flatMap((line) => (line.type === 'plan' ? [line.firstStep] : []));
    t.true(
      from.every((step) => step > 0),
      `${from}`,
    );
    t.deepEqual(made.results(), expected);
  },
);

test.serial('what cannot train together is refused before anything begins', async (t) => {
  const full = {
    method: { preset: 'Full', precision: float32 },
    training: { maxSteps: 4 },
    formats: ['MergedSafetensors'],
  };
  const made = await toys(t, { one: jobs.one, full });
  const refused = await together(made);
  t.is(refused.code, 2);
  t.regex(
    refused.stderr,
    /full\/job\.yaml: .* trains weights of the base itself; jobs that train together share a frozen base\n/,
  );
  const sharded = await together({ ...made, files: made.files.slice(0, 1).concat(made.files) }, [
    ...['--workers', '2'],
  ]);
  t.is(sharded.code, 2);
  t.regex(sharded.stderr, /--workers is 2/);
  const twice = await together({ ...made, files: [made.files[0] ?? '', made.files[0] ?? ''] });
  t.regex(twice.stderr, /are both jobs of the name one; jobs that train together have names/);
});

test.serial('another base is refused for that job alone', async (t) => {
  const { one } = await alone(t);
  const made = await toys(t, { one: jobs.one, two: { ...jobs.two, sizes: { hidden_size: 48 } } });
  const { code, stderr } = await together(made);
  t.is(code, 2);
  t.regex(stderr, /^two: .*model is not the base that the other runs train on;/);
  t.deepEqual(made.results()['one'], one);
});
