/**
 * Our half of `npm run bench -- speech`: LoRA on queries and values of both halves of Whisper,
 * texts back to back beside their sounds. Reads one JSON request from standard input and writes one
 * JSON line.
 */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { method as methodSchema } from '../../../crds/api/method.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { ignored } from '../../../worker/data/packed-sequences.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { runSteps } from '../train/run-steps.ts';
import type { SoundRows, SpeechRequest } from './request.ts';

const request = JSON.parse(await text(process.stdin)) as SpeechRequest;
setThreads(request.threads);
using files = openModel(request.model);
const lora = { rank: request.rank, alpha: String(request.alpha) };
const result = runSteps({
  files,
  method: resolveMethod(
    methodSchema.parse({
      precision: { type: 'Float32' },
      optimizer: { type: 'AdamW' },
      adapter: { type: 'LoRA', lora: { ...lora, targetModules: ['q_proj', 'v_proj'] } },
    }),
  ),
  batches: request.batches.map(toHostSequence),
  sequenceLength: 64,
  // One state for two frames.
  soundTokens: Math.max(...request.batches.map(({ ids }) => ids.length)) * (request.frames / 2),
  learningRate: request.learning_rate,
  ...{ clip: request.clip, recompute: false, count: request.steps },
});
process.stdout.write(`${JSON.stringify(result)}\n`);

function toHostSequence({ ids, mel }: SoundRows, key: number): HostSequence {
  const offsets = [0];
  for (const row of ids) offsets.push((offsets.at(-1) ?? 0) + row.length);
  const { buffer } = Uint8Array.from(readFileSync(mel));
  return {
    ids: Int32Array.from(ids.flat()),
    labels: Int32Array.from(ids.flatMap(labelsOf)),
    positions: Int32Array.from(ids.flatMap((row) => row.map((_, position) => position))),
    offsets: Int32Array.from(offsets),
    // All but the first two.
    targetCount: ids.reduce((sum, { length }) => sum + length - 2, 0),
    key,
    values: { mel: { values: new Float32Array(buffer), shape: [80, request.frames] } },
  };
}

/** The token after each; nobody learns the second of those that begin a text. */
function labelsOf(row: readonly number[]): readonly number[] {
  return row.map((_, at) => (at === 0 ? ignored : (row[at + 1] ?? ignored)));
}
