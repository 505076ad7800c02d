// Adapter generators of toys in real processes: what they make is worth as much as what they
// learned from, follows the task, and does not depend on what was killed.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import { collectedRecord, generatorFiles } from '../../crds/wire/generator.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import {
  openTask,
  preparedTask,
  recordsOf,
  taskFolder,
} from '../../worker/generate/generator-run.ts';
import { lossOn, openSiblingModel } from '../../worker/generate/sibling-model.ts';
import { readSibling } from '../../worker/generate/siblings.ts';
import { startHosts } from '../warm/hosts.ts';
import type { Victim } from './anneal-process.ts';
import {
  type GeneratorLine,
  generate,
  madeIn,
  type ToyGenerator,
  type ToySiblings,
  toySiblings,
  withSpec,
} from './generator-run.ts';
import { digestsBelow } from './killed-run.ts';

const hosts = await startHosts();
test.after.always(() => hosts[Symbol.dispose]());
let siblings: ToySiblings;
test.before(async (t) => {
  t.timeout(600_000);
  siblings = await toySiblings(hosts.variables);
});
test.after.always(() => siblings?.[Symbol.asyncDispose]());

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const seeds = [0, 1, 2];
const asked = (['plus', 'twice'] as const).flatMap((task) =>
  seeds.map((seed) => ({ name: `${task}-${seed}`, task, seed })),
);

test.serial('it makes adapters of what it learned from, each for its task', async (t) => {
  t.timeout(600_000);
  // One adapter of each task: of several it makes one between them, which is worth what it is.
  const generator = await withSpec(siblings, 'learned', {
    last: 1,
    spec: { training: { epochs: 600, learningRate: '5e-3' }, generate: asked },
  });
  const ended = await generate(generator, hosts.variables);
  t.is(ended.code, 0, ended.stderr);
  const made = madeIn(generator);
  t.deepEqual(
    made.adapters.map(({ name }) => name),
    asked.map(({ name }) => name),
  );
  for (const task of ['plus', 'twice']) {
    const own = made.adapters.filter((one) => one.task === task);
    const ratio = median(own.map(({ losses }) => (losses.generated ?? 0) / (losses.own ?? 0)));
    const error = median(own.map((one) => one.error ?? Number.NaN));
    t.log(`${task}: loss ${ratio.toFixed(4)} of the own adapter's, change ${error.toFixed(4)} off`);
    // Measured 1.001 and 1.000, by changes that are 2 % off.
    t.true(ratio < 1.02, `${ratio}`);
    t.true(error < 0.1, `${error}`);
    for (const { losses } of own) t.true((losses.own ?? 0) < 0.5 * (losses.base ?? 0));
  }
  await swapped(t, generator, ended.folder);
});

/** What was made for a task is worse on the other one than what was made for that. */
async function swapped(
  t: ExecutionContext,
  { destination }: ToyGenerator,
  root: string,
): Promise<void> {
  const first = await preparedTask(taskFolder(root, 'plus'));
  const { form } = collectedRecord.parse(
    JSON.parse(readFileSync(join(root, generatorFiles.collected), 'utf8')),
  );
  using model = openSiblingModel(first, form, 'Float32');
  using files = openModel(first.prepared.model.path);
  const base = { config: files.config, digest: first.prepared.model.digest };
  const stop = new AbortController().signal;
  const losses = async (from: string, on: string): Promise<number> => {
    using feed = await openTask(await preparedTask(taskFolder(root, on)), stop);
    const found: number[] = [];
    for (const seed of seeds) {
      const { vector } = await readSibling(join(destination, `${from}-${seed}`), base, form);
      model.put(vector);
      found.push((await lossOn({ stop }, model.model, recordsOf(feed))) ?? Number.NaN);
    }
    return median(found);
  };
  for (const [task, other] of [
    ['plus', 'twice'],
    ['twice', 'plus'],
  ] as const) {
    const [right, wrong] = [await losses(task, task), await losses(other, task)];
    t.log(`${task}: ${right.toFixed(3)}, and ${wrong.toFixed(3)} by the vector of ${other}`);
    // Measured 2.2 and 1.5 times.
    t.true(wrong > 1.2 * right);
  }
}

/** One after the other, each in a start of its own. */
const kills: readonly (readonly [string, (line: GeneratorLine) => Victim | null])[] = [
  ['a task while it is prepared', whenWords('twice', /prepare/, 'tree')],
  ['all, when tasks are prepared and reading begins', whenWords('collect', /^collect$/, 'tree')],
  ['adapters while they are read', whenWords('collect', /collect/, 'worker')],
  ['all, when the adapters are read and training begins', whenWords('fit', /^fit$/, 'tree')],
  ['training behind a checkpoint', whenWords('fit', /epoch 2[5-9] /, 'tree')],
  ['training again', whenWords('fit', /epoch 3[5-9] /, 'worker')],
  ['all, when it is trained and making begins', whenWords('generate', /^generate$/, 'tree')],
  ['an adapter while it is written', whenWords('generate', /plus-1/, 'tree')],
];

test.serial('killed over and over, it ends with the same bits', async (t) => {
  t.timeout(600_000);
  const spec = { training: { epochs: 40, checkpointEpochs: 10 } };
  const whole = await withSpec(siblings, 'whole', { spec });
  const ended = await generate(whole, hosts.variables);
  t.is(ended.code, 0, ended.stderr);
  const killed = await withSpec(siblings, 'killed', { spec });
  const from: string[] = [];
  for (const [words, kill] of kills) {
    let victim: Victim | null = null;
    const cut = await generate(killed, hosts.variables, (line) => {
      if (victim !== null) return null;
      victim = kill(line);
      return victim;
    });
    t.not(victim, null, words);
    t.not(cut.code, 0, words);
    from.push(...cut.begunAt);
  }
  const last = await generate(killed, hosts.variables);
  t.is(last.code, 0, last.stderr);
  t.true(last.continued);
  const [first, ...later] = from.map((words) => Number(/^epoch (\d+) of 40$/.exec(words)?.[1]));
  t.is(first, 0);
  // How far it came meanwhile depends on when the kill arrives.
  t.true(later.length > 0 && later.every((epoch) => epoch >= 20 && epoch % 10 === 0), `${later}`);
  t.deepEqual(digestsBelow(killed.destination), digestsBelow(whole.destination));
  const [one, other] = madeIn(killed).adapters;
  t.not(one?.tensors, other?.tensors, 'another seed is another adapter');
  const again = await generate(killed, hosts.variables);
  t.is(again.continued, false, 'what has ended begins anew');
  t.deepEqual(digestsBelow(killed.destination), digestsBelow(whole.destination));
});

test.serial('a task without an adapter is asked for by its prompts', async (t) => {
  t.timeout(600_000);
  const generator = await withSpec(siblings, 'examples', {
    spec: {
      taskVectors: { model: 'Base', examples: 5 },
      training: { epochs: 5 },
      generate: [
        { name: 'like-plus', examples: { local: { path: 'plus.jsonl' } } },
        { name: 'plus', task: 'plus' },
      ],
    },
  });
  const ended = await generate(generator, hosts.variables);
  t.is(ended.code, 0, ended.stderr);
  const [byExamples, byTask] = madeIn(generator).adapters;
  t.is(byExamples?.tensors, byTask?.tensors, 'the same prompts are the same condition');
  t.deepEqual([byExamples?.error, byExamples?.losses.own], [undefined, undefined]);
  using file = openSafetensors(join(generator.destination, 'plus', 'adapter_model.safetensors'));
  t.regex(file.header.metadata.get('base_digest') ?? '', /^sha256:/);
});

test.serial('it refuses to replace what it reads, and adapters that are no siblings', async (t) => {
  t.timeout(600_000);
  const into = await withSpec(siblings, 'into', {
    spec: {
      destination: { local: { path: 'plus-30' } },
      generate: [{ name: 'adapter', task: 'plus' }],
    },
  });
  const refused = await generate(into, hosts.variables);
  t.not(refused.code, 0);
  t.regex(refused.stderr, /the result adapter would replace .*plus-30/);
  const other = await withSpec(siblings, 'other', {});
  const document = parse(readFileSync(other.file, 'utf8'));
  document.spec.tasks[1].adapters = [{ local: { path: 'wider/adapter' } }];
  await writeFile(other.file, stringify(document));
  const unlike = await generate(other, hosts.variables);
  t.not(unlike.code, 0);
  t.regex(unlike.stderr, /wider\/adapter has the rank 3, and those before it 2/);
});

function whenWords(who: string, words: RegExp, victim: Victim) {
  return (line: GeneratorLine): Victim | null =>
    line.type === 'progress' && line.who === who && words.test(line.words) ? victim : null;
}
