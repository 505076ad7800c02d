/**
 * A step of Whisper beside transformers + PEFT: LoRA on queries and values of tiny.en in float32,
 * the same sounds, texts and threads, with a window of a few seconds and with the half minute that
 * the model was made for. Ours has texts back to back; the peer pads them to the longest of a
 * batch.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { ensurePeers } from '../../setup/peers.ts';
import { whisperTiny } from '../../setup/whisper.ts';
import { besideTable, measureInTurn, type StepProgram, warmUp } from '../train/beside.ts';
import type { SpeechRequest } from './request.ts';
import { soundRows } from './sounds.ts';

export async function benchSpeech(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      rows: { type: 'string', default: '8' },
      seconds: { type: 'string', default: '6,30' },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../..'));
  const volume = await ensureDemo(setup);
  const model = await whisperTiny(setup);
  const { python } = await ensurePeers(setup);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-bench-'));
  try {
    const programs: StepProgram[] = [];
    for (const seconds of values.seconds.split(',')) {
      const [batches, rows, frames] = [4, Number(values.rows), 100 * Number(seconds)];
      const wanted = { volume, model, folder, batches, rows, frames };
      const request: SpeechRequest = {
        ...{ model, threads: availableParallelism(), rank: 8, alpha: 16, frames },
        ...{ learning_rate: 5e-4, clip: 1, steps: warmUp + batches },
        batches: await soundRows(wanted, setup.signal),
      };
      const ours = `ours, ${seconds} s`;
      programs.push(
        { name: ours, script: pathOf('our-step.ts'), request },
        { name: `peer, ${seconds} s`, script: pathOf('peer_speech.py'), request, beside: ours },
      );
    }
    const rounds = Number(values.rounds);
    const measured = await measureInTurn(setup, programs, { rounds, python });
    const title = `Whisper tiny.en, LoRA r 8 on q_proj and v_proj, float32, ${values.rows} sounds a step`;
    process.stdout.write(`\n${title}\n\n${besideTable(programs, measured)}\n`);
    const losses = programs.map(({ name }) => {
      const [result] = measured.get(name) ?? [];
      return `${name}: ${result?.steps.map(({ loss }) => loss.toFixed(4)).join(' ')}`;
    });
    process.stdout.write(`\nlosses\n${losses.join('\n')}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function pathOf(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}
