/**
 * Servers over HTTP, as their clients meet them: `anneal serve` with few and many adapters, one
 * that swaps PEFT adapters, and llama.cpp's. The same prompts, greedy, in alternating rounds;
 * medians. Each is started anew for each round, and loading is not measured.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../../cli/setup/native.ts';
import type { Setup } from '../../../../cli/setup/setup.ts';
import { ensureLlamaServer } from '../../../setup/llama-server.ts';
import { ensurePeers } from '../../../setup/peers.ts';
import { chosen } from '../../chosen.ts';
import { median, spread } from '../../train/table.ts';
import { inTurn } from '../../turns.ts';
import { type Answered, type Driven, drive } from './drive.ts';
import { ensureFiles, type Files, mostAdapters } from './files.ts';
import { type Asked, scheduled } from './schedule.ts';
import { type Running, startLlama, startOurs, startPeft } from './servers.ts';

interface Contender {
  readonly name: string;
  readonly start: () => Promise<Running>;
  readonly schedule: readonly Asked[];
  /** Open at once. @default all that came */
  readonly most?: number;
  /** Whether some answers are asked for again, each alone. */
  readonly isOurs: boolean;
}

interface Options {
  readonly files: Files;
  readonly threads: number;
  readonly requests: number;
  readonly rate: number;
  readonly seed: number;
}

const comparisons = { adapters, peft, llama };

export async function benchServeHttp(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: Object.keys(comparisons).join(',') },
      rounds: { type: 'string', default: '3' },
      requests: { type: 'string', default: '64' },
      /** Of each answer. */
      tokens: { type: 'string', default: '64' },
      threads: { type: 'string', default: '1' },
      /** Requests a second; more than any of them can answer, so that the slowest part is them. */
      rate: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      /** Answers that are asked for again, each alone. */
      alone: { type: 'string', default: '8' },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../../..'));
  const options = {
    ...{ files: await ensureFiles(setup), threads: Number(values.threads) },
    ...{ requests: Number(values.requests), rate: Number(values.rate), seed: Number(values.seed) },
  };
  for (const name of chosen(comparisons, values.only)) {
    const contenders = await comparisons[name](setup, options);
    const found = new Map<Contender, Driven[]>(contenders.map((one) => [one, []]));
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const one of inTurn(contenders, round)) {
        const driven = await measured(setup, one, Number(values.tokens), Number(values.alone));
        found.get(one)?.push(driven);
      }
    }
    process.stdout.write(`\n${table(found)}\n`);
  }
}

/** Few and many adapters, Poisson arrivals. */
async function adapters(_setup: Setup, options: Options): Promise<readonly Contender[]> {
  return [4, mostAdapters].map((count) => ours(options, count, { rate: options.rate }));
}

async function peft(setup: Setup, options: Options): Promise<readonly Contender[]> {
  const { python } = await ensurePeers(setup);
  const { files, threads, rate } = options;
  const schedule = scheduled({ ...options, adapters: mostAdapters });
  return [
    ours(options, mostAdapters, { rate }),
    {
      ...{ name: `PEFT, ${mostAdapters} adapters`, schedule, isOurs: false },
      start: () => startPeft({ files, adapters: mostAdapters, threads, python }),
    },
  ];
}

/** 16 requests at once, of one adapter (llama.cpp reads them together) and of many. */
async function llama(setup: Setup, options: Options): Promise<readonly Contender[]> {
  const program = await ensureLlamaServer(setup);
  const { files, threads } = options;
  return [1, 16].flatMap((count) => {
    const schedule = scheduled({ ...options, adapters: count, rate: 0 });
    return [
      ours(options, count, { rate: 0, most: 16 }),
      {
        ...{ name: `llama.cpp, ${count} adapters`, schedule, most: 16, isOurs: false },
        start: () => startLlama({ files, adapters: count, threads, program }),
      },
    ];
  });
}

function ours(
  options: Options,
  count: number,
  { rate, most }: { readonly rate: number; readonly most?: number },
): Contender {
  const { files, threads } = options;
  return {
    ...{ name: `anneal serve, ${count} adapters`, isOurs: true },
    schedule: scheduled({ ...options, adapters: count, rate }),
    ...(most === undefined ? {} : { most }),
    start: () => startOurs({ files, adapters: count, threads }),
  };
}

async function measured(
  setup: Setup,
  { name, start, schedule, most, isOurs }: Contender,
  tokens: number,
  again: number,
): Promise<Driven> {
  await using server = await start();
  const driven = await drive(server, schedule, tokens, most);
  const { seconds, processor, tokens: made } = driven;
  const cpu = ((1000 * processor) / made).toFixed(1);
  const speed = (made / seconds).toFixed(1);
  const text = `${name}: ${made} tokens, ${speed} tokens/s, ${cpu} ms of processor a token`;
  const same = isOurs ? await sameAlone(server, schedule.slice(0, again), driven, tokens) : '';
  setup.steps.note(`${text}${same}`);
  return driven;
}

/** Whether answers are what the same requests get when nobody else asks. */
async function sameAlone(
  server: Running,
  schedule: readonly Asked[],
  { answers }: Driven,
  tokens: number,
): Promise<string> {
  const alone: Answered[] = [];
  for (const one of schedule) alone.push(await server.ask(one, tokens));
  const same = alone.filter(({ text }, i) => text === answers[i]?.text).length;
  return `; ${same} of ${alone.length} answers as alone`;
}

function table(found: ReadonlyMap<Contender, readonly Driven[]>): string {
  const [first] = [...found.values()];
  const rows = [...found].map(([{ name }, all]) => {
    const speeds = all.map(({ tokens, seconds }) => tokens / seconds);
    const processor = all.map((one) => (1000 * one.processor) / one.tokens);
    const waits = all.map((one) => median(one.waits));
    const base = median((first ?? []).map(({ tokens, seconds }) => tokens / seconds));
    const baseProcessor = median((first ?? []).map((one) => (1000 * one.processor) / one.tokens));
    const [one] = all;
    const cells = [
      ...[name, String(one?.tokens ?? 0), spread(speeds, 1), (median(speeds) / base).toFixed(2)],
      ...[spread(processor, 2), (median(processor) / baseProcessor).toFixed(2), spread(waits, 1)],
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| | tokens | tokens/s | times the first | processor ms a token | times the first | median request, s |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}
