/**
 * Our half of `npm run bench -- speech`: LoRA on queries and values of both halves of Whisper,
 * texts back to back beside their sounds. Reads one JSON request from standard input and writes one
 * JSON line.
 */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { ignored } from '../../../worker/data/packed-sequences.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { backToBack, runLoraSteps } from '../train/lora-steps.ts';
import type { SoundRows, SpeechRequest } from './request.ts';

const request = JSON.parse(await text(process.stdin)) as SpeechRequest;
setThreads(request.threads);
using files = openModel(request.model);
const result = runLoraSteps(files, request, {
  targetModules: ['q_proj', 'v_proj'],
  batches: request.batches.map(toHostSequence),
  sequenceLength: 64,
  // One state for two frames.
  soundTokens: Math.max(...request.batches.map(({ ids }) => ids.length)) * (request.frames / 2),
});
process.stdout.write(`${JSON.stringify(result)}\n`);

function toHostSequence({ ids, mel }: SoundRows, key: number): HostSequence {
  const { buffer } = Uint8Array.from(readFileSync(mel));
  const shape = [80, request.frames];
  return {
    ...backToBack(ids, {
      // The token after each; nobody learns the second of those that begin a text.
      labels: (row) => row.map((_, at) => (at === 0 ? ignored : (row[at + 1] ?? ignored))),
      targetCount: ids.reduce((sum, { length }) => sum + length - 2, 0),
      key,
    }),
    values: { mel: { values: new Float32Array(buffer), shape } },
  };
}
