/**
 * What Whisper loses elsewhere by learning one voice: whole runs of the real command on tiny.en,
 * S2-LoRA and LoRA, from several seeds; each result, as it was published, is evaluated on sounds of
 * the voice that were held out, on the same with noise, on another voice, and on a person. Outcomes
 * lie in a file to which each run adds a line: runs that are in it are not made again.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { whisperTiny } from '../../setup/whisper.ts';
import { chosen } from '../chosen.ts';
import { digestOf, Outcomes } from '../outcomes.ts';
import { forgetRun, runDocument } from '../run-document.ts';
import { numberOf, numbersOf, seedOptions } from '../seed-options.ts';
import { inTurn } from '../turns.ts';
import { domains, soundsOfDomains } from './domains.ts';
import { domainsTables } from './domains-table.ts';
import { type Heard, heardOf } from './evaluate.ts';
import { documentOf, evaluationOf, methods, type SpeechRun } from './jobs.ts';
import { type Outcome, outcome, trainingOf } from './outcome.ts';

const root = join(import.meta.dirname, '../../..');

export async function benchOutOfDomain(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...seedOptions('out-of-domain.jsonl', '1,2,3'),
      steps: { type: 'string', default: '40' },
      /** In place of those of the methods. */
      rate: { type: 'string', default: '' },
    },
  });
  const names = chosen(methods, values.only);
  const seeds = numbersOf('seeds', values.seeds);
  const steps = numberOf('steps', values.steps);
  await ensureNative(setup, root);
  const outcomes = new Outcomes(values.out, outcome);
  if (!values.table) {
    setThreads(2);
    const places = { whisper: await whisperTiny(setup), sounds: await soundsOfDomains(setup) };
    await measureBase(setup, places, outcomes);
    for (const [round, seed] of seeds.entries()) {
      for (const method of inTurn(names, round)) {
        const learningRate = values.rate || methods[method].learningRate;
        const run = { method, seed, steps, learningRate };
        await runOnce(setup, run, places, outcomes);
      }
    }
  }
  const titles = Object.entries(methods).map(([name, { title }]) => [name, title] as const);
  const rows = { none: 'Whisper as it is', ...Object.fromEntries(titles) };
  const tables = domainsTables({ methods: rows, domains }, await outcomes.read());
  process.stdout.write(`\n${tables}\n`);
}

/** Folders: Whisper's, and that of the folders of all domains. */
interface Places {
  readonly whisper: string;
  readonly sounds: string;
}

async function measureBase(
  setup: Setup,
  { whisper, sounds }: Places,
  outcomes: Outcomes<Outcome>,
): Promise<void> {
  const digest = digestOf(evaluationOf('whisper', 'sounds'));
  if (await outcomes.has(digest)) return;
  const heard = await heardEverywhere(setup, whisper, sounds);
  const [load = Number.NaN] = loadavg();
  await outcomes.add({ method: 'none', seed: 0, digest, learningRate: '', heard, load });
  setup.steps.note(`as it is: ${wordsOf(heard)}`);
}

/** Adds its line, unless that is there. */
async function runOnce(
  setup: Setup,
  run: SpeechRun,
  places: Places,
  outcomes: Outcomes<Outcome>,
): Promise<void> {
  const document = documentOf(run);
  const digest = digestOf(document);
  if (await outcomes.has(digest)) return;
  const scratch = join(setup.cache.root, 'bench/out-of-domain');
  const report = await runDocument(setup, document, { volumes: { ...places }, scratch });
  const { name } = document.metadata;
  const heard = await heardEverywhere(setup, join(scratch, name, 'merged'), places.sounds);
  await forgetRun(scratch, name);
  const [load = Number.NaN] = loadavg();
  const { method, seed, learningRate } = run;
  const training = trainingOf(report);
  await outcomes.add({ method, seed, digest, learningRate, heard, training, load });
  setup.steps.note(`${methods[method].title}, seed ${seed}: ${wordsOf(heard)}`);
}

async function heardEverywhere(
  { signal }: Setup,
  model: string,
  sounds: string,
): Promise<Readonly<Record<string, Heard>>> {
  const heard: Record<string, Heard> = {};
  for (const domain of Object.keys(domains)) {
    heard[domain] = await heardOf(model, join(sounds, domain), signal);
  }
  return heard;
}

function wordsOf(heard: Readonly<Record<string, Heard>>): string {
  const each = Object.entries(heard).map(([name, { errors, words, loss }]) => {
    return `${name} ${((100 * errors) / words).toFixed(1)} % ${loss.toFixed(3)}`;
  });
  return `WER and loss: ${each.join(', ')}`;
}
