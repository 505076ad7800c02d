/**
 * Our half of `npm run bench -- encoder`: LoRA on query and value of a classifier, texts side by
 * side in one sequence. Reads one JSON request from standard input and writes one JSON line.
 */
import { text } from 'node:stream/consumers';
import { method as methodSchema } from '../../../crds/api/method.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { ignored } from '../../../worker/data/packed-sequences.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { runSteps } from '../train/run-steps.ts';
import type { ClassRequest, ClassRows } from './request.ts';

const request = JSON.parse(await text(process.stdin)) as ClassRequest;
setThreads(request.threads);
using files = openModel(request.model, { labels: 2, seed: 0 });
const lora = { rank: request.rank, alpha: String(request.alpha) };
const result = runSteps({
  files,
  method: resolveMethod(
    methodSchema.parse({
      precision: { type: 'Float32' },
      optimizer: { type: 'AdamW' },
      adapter: { type: 'LoRA', lora: { ...lora, targetModules: ['query', 'value'] } },
    }),
  ),
  batches: request.batches.map(toHostSequence),
  sequenceLength: 512,
  learningRate: request.learning_rate,
  ...{ clip: request.clip, recompute: false, count: request.steps },
});
process.stdout.write(`${JSON.stringify(result)}\n`);

function toHostSequence({ ids, labels }: ClassRows, key: number): HostSequence {
  const offsets = [0];
  for (const row of ids) offsets.push((offsets.at(-1) ?? 0) + row.length);
  return {
    ids: Int32Array.from(ids.flat()),
    labels: Int32Array.from(
      ids.flatMap((row, i) => row.map((_, at) => (at === 0 ? (labels[i] ?? 0) : ignored))),
    ),
    positions: Int32Array.from(ids.flatMap((row) => row.map((_, position) => position))),
    offsets: Int32Array.from(offsets),
    targetCount: ids.length,
    key,
  };
}
