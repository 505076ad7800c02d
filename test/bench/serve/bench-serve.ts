/**
 * Texts decoded together beside texts one by one: tokens a second of the same greedy requests on
 * the demo's model, in alternating rounds, and the median of the rounds. The peer is transformers,
 * one by one, on the same weights with the same threads.
 */
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { ensurePeers } from '../../setup/peers.ts';
import { writePeerFolder } from '../train/peer-folder.ts';
import { inTurn } from '../turns.ts';
import type { DecodeRequest, DecodeResult } from './request.ts';

const ways = [
  { name: 'one by one', together: 1, adapters: 0 },
  { name: '8 together', together: 8, adapters: 0 },
  { name: '16 together', together: 16, adapters: 0 },
  { name: '16 together, 4 adapters', together: 16, adapters: 4 },
  { name: '16 together, 16 adapters', together: 16, adapters: 16 },
] as const;

interface Program {
  readonly name: string;
  readonly run: () => Promise<DecodeResult>;
}

export async function benchServe(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      /** Of each answer. */
      tokens: { type: 'string', default: '64' },
      threads: { type: 'string', default: String(availableParallelism()) },
      /** Leaves the peer out. */
      ours: { type: 'boolean', default: false },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../..'));
  const volume = await ensureDemo(setup);
  const model = join(setup.cache.root, 'bench', 'serve-model');
  await rm(model, { recursive: true, force: true });
  await mkdir(model, { recursive: true });
  await writePeerFolder(join(volume, 'model'), model, 'bfloat16');
  const common = { model, threads: Number(values.threads), tokens: Number(values.tokens) };
  const ours = [...workerNodeArguments('serve'), fileOf('our-decode.ts')];
  const programs: Program[] = ways.map((way) => ({
    name: way.name,
    run: () => decode(setup, process.execPath, ours, { ...common, ...way, requests: 16 }),
  }));
  if (!values.ours) {
    const { python } = await ensurePeers(setup);
    const request = { ...common, together: 1, adapters: 0, requests: 2 };
    const run = () => decode(setup, python, [fileOf('peer_decode.py')], request);
    programs.push({ name: 'transformers, one by one', run });
  }
  const speeds = new Map<string, number[]>();
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const { name, run } of inTurn(programs, round)) {
      const { tokens, seconds, cpuSeconds } = await run();
      const speed = tokens / seconds;
      speeds.set(name, [...(speeds.get(name) ?? []), speed]);
      const cpu = ((1000 * cpuSeconds) / tokens).toFixed(1);
      setup.steps.note(`${name}: ${speed.toFixed(1)} tokens/s, ${cpu} ms of processor a token`);
    }
  }
  process.stdout.write(`\n${table(speeds)}\n`);
}

function table(speeds: ReadonlyMap<string, readonly number[]>): string {
  const base = median(speeds.get('one by one') ?? []);
  const rows = [...speeds].map(([name, all]) => {
    const own = median(all);
    return `| ${name} | ${own.toFixed(1)} | ${(own / base).toFixed(1)} |`;
  });
  return ['| | tokens/s | times one by one |', '| --- | ---: | ---: |', ...rows].join('\n');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function decode(
  setup: Setup,
  file: string,
  words: readonly string[],
  request: DecodeRequest,
): Promise<DecodeResult> {
  const { stdout } = await execa(file, words, {
    input: JSON.stringify(request),
    env: { HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
    cancelSignal: setup.signal,
  });
  // Both halves write exactly this; they are ours.
  return JSON.parse(stdout) as DecodeResult;
}

function fileOf(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}
