// Adapters of a toy moved to another one in real processes: what they answer is what the old one
// says, what is kept is of the task, a kill of anything leaves no trace, and an adapter that knows
// nothing teaches nothing.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { type Candidate, transferKit } from '../../crds/wire/transfer.ts';
import { modelTokenizer } from '../../worker/data/model-tokenizer.ts';
import { createTokenizer } from '../../worker/data/tokenizer.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { readModelHeaders } from '../../worker/decoder/model-headers.ts';
import { generate } from '../../worker/decoding/generate.ts';
import { frozenModel, modelSource } from '../../worker/engine/build-model.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { writePeftFolder } from '../builders/peft-folder.ts';
import { aToyTransfer, isOfTask, type ToyTransfer } from '../builders/toy-transfer.ts';
import { trainedModel } from '../peers/train-job.ts';
import { startHosts } from '../warm/hosts.ts';
import type { Victim } from './anneal-process.ts';
import { digestsBelow } from './killed-run.ts';
import { syntheticFile, type TransferLine, transfer } from './transfer-run.ts';

const hosts = await startHosts();
const folder = await mkdtemp(join(tmpdir(), 'anneal-transfer-'));
const { variables } = hosts;
let toy: ToyTransfer;

test.before(async (t) => {
  t.timeout(600_000);
  setThreads(1);
  toy = await aToyTransfer(folder);
  const made = await transfer(toy.job, { ...run('kit'), flags: ['--kit', join(folder, 'kit')] });
  t.is(made.code, 0, made.stderr);
});

test.after.always(async () => {
  hosts[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

function run(name: string) {
  return { cache: join(folder, 'caches', name), variables };
}

/** The file with another spec, and a name of its own. */
async function changed(name: string, change: (spec: ReturnType<typeof parse>) => void) {
  const document = parse(await readFile(toy.file, 'utf8'));
  change(document.spec);
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, stringify(document));
  return file;
}

function candidatesOf(transferred: string): readonly Candidate[] {
  const lines = readFileSync(syntheticFile(transferred, 'candidates.jsonl'), 'utf8').split('\n');
  return lines.filter((line) => line !== '').flatMap((line) => JSON.parse(line).candidates);
}

test.serial('a kit has five prompts, and tells the task from what the base says', (t) => {
  const kit = transferKit.parse(JSON.parse(readFileSync(join(folder, 'kit/kit.json'), 'utf8')));
  t.is(new Set(kit.seeds).size, 5);
  t.true(kit.seeds.every(isOfTask));
  t.deepEqual(kit.clientData, ['seeds']);
  t.deepEqual(kit.form, { type: 'Chat' });
  t.is(statSync(join(folder, 'kit/kit.json')).mode & 0o777, 0o600);
  t.log(`AUC ${kit.discriminator.auc}`);
  t.true(kit.discriminator.auc > 0.5);
  // No other record, and no answer of one.
  const text = readFileSync(join(folder, 'kit/kit.json'), 'utf8');
  t.is(text.match(/say \w+ \w+/g)?.length, 5);
  t.notRegex(text, /mew|bark|cluck/);
});

test.serial(
  'the new adapter answers as the old one, on a base of another family, width and tokenizer',
  async (t) => {
    const ended = await transfer(toy.file, run('whole'));
    t.is(ended.code, 0, ended.stderr);
    const { synthetic, comparison } = ended;
    if (synthetic === undefined || comparison === undefined) return t.fail();
    t.is(synthetic.heldOut, 8);
    t.is(synthetic.train, 24);
    const { student, base, teacher } = comparison;
    t.log(`overlap ${student.overlap} of ${teacher.overlap}, the base ${base.overlap}`);
    t.true(student.overlap > base.overlap + 0.1);
    const report = JSON.parse(readFileSync(join(toy.destination, 'transfer.json'), 'utf8'));
    t.deepEqual(report.comparison.student, student);
    t.true(existsSync(join(toy.destination, 'adapter/adapter_model.safetensors')));

    // TL-4: of what was kept a larger share is of the task than of all that the base generates.
    const kept = candidatesOf(ended.folder).filter((one) => 'prompt' in one);
    const all = await transfer(
      await changed('unfiltered', (spec) => {
        Object.assign(spec, { minProbability: '0', samples: 1, heldOut: 24, maxCandidates: 64 });
      }),
      { ...run('unfiltered'), kill: (line) => (line.type === 'synthetic' ? 'tree' : null) },
    );
    const unfiltered = candidatesOf(all.folder).filter((one) => 'prompt' in one);
    const share = (some: typeof kept): number =>
      some.filter(({ prompt }) => isOfTask(prompt)).length / some.length;
    t.log(`of the task: ${share(kept)} of what is kept, ${share(unfiltered)} of all`);
    t.true(share(kept) > share(unfiltered));

    // TL-2: the labels are what the old adapter says alone, as it lies in its checkpoint.
    const old = await trainedModel({ folder: join(folder, 'runs/adapted'), result: '' });
    using _parameters = old.parameters;
    const headers = readModelHeaders(join(folder, 'source-base/merged'));
    const tokenizer = createTokenizer(await modelTokenizer(headers));
    for (const { prompt, answer } of kept) {
      const asked = `<|begin|>user\n${prompt}<|end|><|begin|>assistant\n`;
      const made = generate(old, tokenizer.encode(asked), {
        ...{ maxTokens: 24, temperature: 0, draw: () => 0, stop: new Set([1]) },
      });
      t.is(tokenizer.decode(made).trim(), answer, prompt);
    }
  },
);

test.serial('moved to its own base, it says nearly what it said', async (t) => {
  const file = await changed('same', (spec) => {
    spec.samples = 64;
    spec.job.model = spec.from.model;
    spec.job.output.destination = { local: { path: 'same' } };
  });
  const { code, stderr, lines } = await transfer(file, run('same'));
  t.is(code, 0, stderr);
  const losses = lines.flatMap((line) =>
    line.type === 'progress' && line.message.type === 'evaluation' ? [line.message.loss] : [],
  );
  const [before, after] = [losses.at(0), losses.at(-1)];
  t.log(`held-out loss ${before}, then ${after}`);
  // Of all that stood between the base and its adapter less than a tenth is left (TL-3).
  t.true((after ?? Number.NaN) < (before ?? Number.NaN) / 10);
});

/** One after the other, each in a start of its own. */
const kills: readonly (readonly [string, (line: TransferLine) => Victim | null])[] = [
  ['all, between two batches of candidates', at('synthesize', /of 16 candidates/, 'tree')],
  ['the worker alone, while it makes some', at('synthesize', /of 32 candidates/, 'worker')],
  ['all, once the records are made', (line) => (line.type === 'synthetic' ? 'tree' : null)],
  ['all, when they are prepared and training begins', at('train', /./, 'tree')],
  ['all, in the middle of the training', at('train', /"step":60,/, 'tree')],
  ['all, when it is trained and comparing begins', at('compare', /./, 'tree')],
  ['all, while both are compared', at('compare', /the new base/, 'tree')],
  ['all, when they are compared and publishing begins', at('publish', /./, 'tree')],
];

function at(stage: string, words: RegExp, victim: Victim) {
  return (line: TransferLine): Victim | null =>
    line.type === 'progress' && line.stage === stage && words.test(JSON.stringify(line.message))
      ? victim
      : null;
}

test.serial(
  'killed again and again, it ends with the bytes of an undisturbed transfer',
  async (t) => {
    const resultOf = (transferred: string) => ({
      files: digestsBelow(toy.destination),
      synthetic: digestsBelow(join(transferred, 'synthetic')),
    });
    const asked = run('kills');
    const whole = await transfer(toy.file, asked);
    t.is(whole.code, 0, whole.stderr);
    const expected = resultOf(whole.folder);
    await rm(asked.cache, { recursive: true });
    await rm(toy.destination, { recursive: true });
    for (const [what, kill] of kills) {
      let killed = false;
      const once = (line: TransferLine): Victim | null => {
        const victim = killed ? null : kill(line);
        killed ||= victim !== null;
        return victim;
      };
      await transfer(toy.file, { ...asked, kill: once });
      t.true(killed, what);
    }
    const ended = await transfer(toy.file, asked);
    t.is(ended.code, 0, ended.stderr);
    t.true(ended.lines.some((line) => line.type === 'begin' && line.continued));
    t.deepEqual(resultOf(ended.folder), expected);
  },
);

test.serial('the gate keeps what is worse from being published, and nothing else', async (t) => {
  const place = { local: { path: 'refused' } };
  const change = (minRelative: string) => (spec: ReturnType<typeof parse>) => {
    spec.gate = { minRelative, tests: { local: { path: 'task.jsonl' } } };
    spec.job.training.maxSteps = 2;
    spec.job.output.destination = place;
  };
  const asked = run('gate');
  const refused = await transfer(await changed('refused', change('0.9')), asked);
  t.is(refused.code, 10, refused.stderr);
  t.regex(
    refused.stderr,
    /spec\.gate\.tests the new adapter scores .*spec\.gate\.minRelative is 0\.9/,
  );
  t.false(existsSync(join(folder, 'refused/adapter')));
  t.is(refused.comparison?.on, 'Tests');
  t.true((refused.comparison?.teacher.overlap ?? 0) > 0.5, 'the old adapter knows its task');
  // The gate does not decide what is trained: with a lower one the same command goes on.
  const passed = await transfer(await changed('refused', change('0')), asked);
  t.is(passed.code, 0, passed.stderr);
  t.true(existsSync(join(folder, 'refused/adapter')));
});

test.serial('an adapter that was never trained gives no gain', async (t) => {
  using files = openModel(join(folder, 'source-base/merged'));
  const model = frozenModel(modelSource(files), { dtype: 'float32', sequenceLength: 64 });
  using _parameters = model.parameters;
  await writePeftFolder(join(folder, 'untrained'), model, { rank: 4, size: 0 });
  const file = await changed('untrained', (spec) => {
    spec.from.adapter = { local: { path: 'untrained' } };
    spec.gate = { minRelative: '0', tests: { local: { path: 'task.jsonl' } } };
    spec.job.output.destination = { local: { path: 'unchanged' } };
    Object.assign(spec, { samples: 6, heldOut: 2, maxCandidates: 320, answerTokens: 96 });
    spec.job.training.maxSteps = 40;
  });
  const ended = await transfer(file, run('untrained'));
  t.log(ended.stderr, ended.comparison);
  t.is(ended.code, 0, ended.stderr);
  // None of the 48 answers is right, and hardly a word of them.
  t.is(ended.comparison?.student.exact, 0);
  t.true((ended.comparison?.student.overlap ?? 1) < 0.05);
});

test.serial('what does not belong together is refused in a sentence', async (t) => {
  const other = await changed('other', (spec) => {
    spec.from.model = spec.job.model;
  });
  const wrong = await transfer(other, run('wrong'));
  t.not(wrong.code, 0);
  t.regex(wrong.stderr, /the kit was made with the base .*; spec\.from\.model is .*target-base/s);
  await cp(join(folder, 'task.jsonl'), join(folder, 'nokit/task.jsonl'));
  const none = await changed('none', (spec) => {
    spec.job.dataset.train = { local: { path: 'nokit' } };
  });
  t.regex((await transfer(none, run('wrong'))).stderr, /nokit has no kit\.json/);
  // One whose records are made already, of which a job may have seen some.
  const kit = join(folder, 'kit/kit.json');
  await writeFile(kit, `${await readFile(kit, 'utf8')}\n`);
  const late = await transfer(join(folder, 'unfiltered.yaml'), run('unfiltered'));
  t.is(late.code, 10, late.stderr);
  t.regex(late.stderr, /the kit, a base or the device is another one .*--fresh/s);
});
