/**
 * Conversations of different lengths, float32, the same conversations, chat template, sequence
 * length and threads. What counts is target tokens a second: each program may pack as well as it
 * can. A job with packing is held against TRL's SFTTrainer as users get it, and what lies between
 * is taken apart: packing alone, in either program, and the step alone, with and without it.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import * as z from 'zod';
import type { Setup } from '../../../cli/setup/setup.ts';
import { isProblem } from '../../../worker/data/reading.ts';
import { readRecords } from '../../../worker/data/records.ts';
import { ensurePeers } from '../../setup/peers.ts';
import { inTurn } from '../turns.ts';
import { line, median, spread } from './table.ts';

const checkout = join(import.meta.dirname, '../../..');

/** ChatML with the tags that say what an assistant wrote, which both programs read. */
const template = `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}{% else %}{{ message['content'] + '<|im_end|>\\n' }}{% endif %}{% endfor %}`;

interface Packing {
  readonly model: string;
  readonly volume: string;
  readonly scratch: string;
  readonly threads: number;
  readonly steps: number;
  readonly rounds: number;
}

const rows = 4;
const length = 512;

type Arm = keyof typeof arms;

const arms = {
  'ours, packed': { program: 'ours', packing: true },
  'ours, not packed': { program: 'ours', packing: false },
  'TRL, packed': { program: 'trl', packing: true, defaults: false },
  'TRL, not packed': { program: 'trl', packing: false, defaults: false },
  /** Nothing is set but what the comparison needs: it does not pack, and recomputes activations. */
  'TRL as users get it': { program: 'trl', packing: false, defaults: true },
} as const;

/** What is divided by what, and what that says. */
const ratios: readonly (readonly [what: string, of: Arm, by: Arm])[] = [
  ['all of it', 'ours, packed', 'TRL as users get it'],
  ['packing alone, ours', 'ours, packed', 'ours, not packed'],
  ['packing alone, TRL', 'TRL, packed', 'TRL, not packed'],
  ['the step alone, both packed', 'ours, packed', 'TRL, packed'],
  ['the step alone, neither packed', 'ours, not packed', 'TRL, not packed'],
  ['settings of TRL alone', 'TRL, not packed', 'TRL as users get it'],
];

export async function benchPacking(setup: Setup, bench: Packing): Promise<string> {
  const data = join(bench.scratch, 'conversations.jsonl');
  await writeConversations(join(bench.volume, 'sharegpt.json'), data, setup.signal);
  const rates = new Map<Arm, number[]>();
  for (let round = 0; round < bench.rounds; round += 1) {
    for (const arm of inTurn(Object.keys(arms) as Arm[], round)) {
      const settings = arms[arm];
      const rate = await (settings.program === 'ours'
        ? ours(setup, bench, data, settings.packing)
        : trl(setup, bench, data, settings));
      setup.steps.note(`packing, ${arm}: ${rate.toFixed(0)} target tokens a second`);
      rates.set(arm, [...(rates.get(arm) ?? []), rate]);
    }
  }
  return packingTables(rates);
}

/**
 * Rates by arm, in the order of their rounds → the rates, and ratios of their medians with those of
 * the rounds.
 */
export function packingTables(rates: ReadonlyMap<string, readonly number[]>): string {
  const of = (arm: Arm) => rates.get(arm) ?? [];
  const ratioOf = (a: readonly number[], b: readonly number[]) => {
    const each = a.map((rate, round) => rate / (b[round] ?? Number.NaN));
    return `${(median(a) / median(b)).toFixed(2)} (${Math.min(...each).toFixed(2)}–${Math.max(...each).toFixed(2)})`;
  };
  const tableOf = (rows: readonly (readonly string[])[]) => rows.map(line).join('\n');
  return [
    tableOf([
      [`LoRA float32, ${rows} x ${length} tokens`, 'target tokens a second'],
      ['---', '---'],
      ...(Object.keys(arms) as Arm[]).map((arm) => [arm, spread(of(arm), 0)]),
    ]),
    tableOf([
      ['what', 'divided', 'ratio (rounds)'],
      ['---', '---', '---'],
      ...ratios.map(([what, a, b]) => [what, `${a} ÷ ${b}`, ratioOf(of(a), of(b))]),
    ]),
  ].join('\n\n');
}

interface Step {
  readonly targets: number;
  /** Seconds. */
  readonly wall: number;
}

/** Over all steps but the first, which warms caches. */
function rateOf(steps: readonly Step[]): number {
  const warm = steps.slice(1);
  const sum = (value: (step: Step) => number) => warm.reduce((total, s) => total + value(s), 0);
  return sum(({ targets }) => targets) / sum(({ wall }) => wall);
}

async function trl(
  setup: Setup,
  bench: Packing,
  data: string,
  { packing, defaults }: { readonly packing: boolean; readonly defaults: boolean },
): Promise<number> {
  const { python } = await ensurePeers(setup);
  const { model, threads, steps } = bench;
  const request = { model, data, template, threads, steps, rows, length, packing, defaults };
  const { stdout } = await execa(python, [join(import.meta.dirname, 'trl_packing.py')], {
    input: JSON.stringify({ ...request, rank: 16, alpha: 32, learning_rate: 2e-4 }),
    env: { HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
    cancelSignal: setup.signal,
  });
  return rateOf((JSON.parse(stdout) as { readonly steps: readonly Step[] }).steps);
}

const stepMessage = z.object({
  type: z.literal('step'),
  targetTokens: z.number(),
  stepMs: z.object({ total: z.number() }),
});

async function ours(setup: Setup, bench: Packing, data: string, packing: boolean): Promise<number> {
  const cache = join(bench.scratch, 'packing-cache');
  await rm(cache, { recursive: true, force: true });
  const job = join(bench.scratch, 'packing.json');
  await writeFile(job, JSON.stringify(jobOf(bench, data, packing)));
  await execa(
    process.execPath,
    [join(checkout, 'cli/anneal.mjs'), 'run', job, '--display', 'quiet', '--fresh'],
    {
      env: { ANNEAL_CACHE: cache, OMP_NUM_THREADS: String(bench.threads) },
      cancelSignal: setup.signal,
    },
  );
  const telemetry = await readFile(join(cache, 'runs/packing/1/telemetry.jsonl'), 'utf8');
  const steps = telemetry.split('\n').flatMap((line): Step[] => {
    if (line === '') return [];
    const { success, data } = stepMessage.safeParse(JSON.parse(line));
    return success ? [{ targets: data.targetTokens, wall: data.stepMs.total / 1000 }] : [];
  });
  return rateOf(steps);
}

function jobOf({ model, scratch, steps }: Packing, data: string, packing: boolean) {
  return {
    apiVersion: 'anneal.dev/v1alpha1',
    kind: 'FineTuneJob',
    metadata: { name: 'packing' },
    spec: {
      model: { source: { local: { path: model } } },
      dataset: {
        train: { local: { path: data } },
        format: 'Chat',
        chatTemplate: template,
        sequenceLength: length,
        overlength: 'Truncate',
        packing: packing ? 'Packed' : 'None',
      },
      method: {
        precision: { type: 'Float32' },
        adapter: { type: 'LoRA', lora: { rank: 16, alpha: '32' } },
      },
      training: { maxSteps: steps, globalBatchSize: rows, learningRate: '2e-4' },
      worker: { devicesPerWorker: 0 },
      output: {
        formats: ['PEFTAdapter'],
        destination: { local: { path: join(scratch, 'packing-output') } },
      },
    },
  };
}

const fromRole = new Map([
  ['human', 'user'],
  ['user', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['system', 'system'],
]);

const conversation = z.object({
  conversations: z.array(z.object({ from: z.string(), value: z.string() })).min(2),
});

/** The first 400 conversations that both programs read, as messages. */
async function writeConversations(from: string, to: string, signal: AbortSignal): Promise<void> {
  const lines: string[] = [];
  for await (const reading of readRecords(from, () => undefined, signal)) {
    if (isProblem(reading)) continue;
    const { success, data } = conversation.safeParse(reading.value);
    if (!success) continue;
    const messages = data.conversations.flatMap(({ from, value }) => {
      const role = fromRole.get(from);
      return role === undefined ? [] : [{ role, content: value }];
    });
    const answered = messages.some(({ role }) => role === 'assistant');
    if (!answered || messages.length < data.conversations.length) continue;
    lines.push(JSON.stringify({ messages }));
    if (lines.length === 400) break;
  }
  await writeFile(to, `${lines.join('\n')}\n`);
}
