/**
 * A step of a classifier beside transformers + PEFT: LoRA on query and value of MiniLM in float32,
 * the same sentences and threads. Ours packs them; the peer pads them to the longest of a batch,
 * or, as its users do to pad less, gets batches of sentences of like length.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { miniLm } from '../../setup/minilm.ts';
import { ensurePeers } from '../../setup/peers.ts';
import { besideTable, measureInTurn, warmUp } from '../train/beside.ts';
import type { ClassRequest, ClassRows } from './request.ts';
import { classRows } from './texts.ts';

export async function benchEncoder(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      rows: { type: 'string', default: '64' },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../..'));
  const volume = await ensureDemo(setup);
  const model = await miniLm(setup);
  const { python } = await ensurePeers(setup);
  const [batches, rows] = [8, Number(values.rows)];
  const mixed = await classRows({ volume, model, batches, rows }, setup.signal);
  const request: Omit<ClassRequest, 'batches'> = {
    ...{ model, threads: availableParallelism(), rank: 8, alpha: 16 },
    ...{ learning_rate: 5e-4, clip: 1, steps: warmUp + batches },
  };
  const peer = pathOf('../train/peer_classifier.py');
  const programs = [
    { name: 'ours', script: pathOf('our-step.ts'), batches: mixed },
    { name: 'peer', script: peer, batches: mixed, beside: 'ours' },
    { name: 'peer, like lengths', script: peer, batches: likeLengths(mixed, rows), beside: 'ours' },
  ].map(({ batches: own, ...one }) => ({ ...one, request: { ...request, batches: own } }));
  const measured = await measureInTurn(setup, programs, { rounds: Number(values.rounds), python });
  const tokens = mixed.flatMap(({ ids }) => ids).reduce((sum, { length }) => sum + length, 0);
  const mean = (tokens / (batches * rows)).toFixed(1);
  const title = `MiniLM-L6, LoRA r 8 on query and value, float32, ${rows} sentences of ${mean} tokens a step`;
  process.stdout.write(`\n${title}\n\n${besideTable(programs, measured)}\n`);
}

/** The same sentences, sorted into batches; their order stays that of a shuffle. */
function likeLengths(batches: readonly ClassRows[], rows: number): readonly ClassRows[] {
  const sorted = batches.flatMap(({ ids }) => ids).toSorted((a, b) => a.length - b.length);
  return batches.map(({ labels }, i) => {
    const place = (5 * i) % batches.length;
    return { ids: sorted.slice(place * rows, (place + 1) * rows), labels };
  });
}

function pathOf(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}
