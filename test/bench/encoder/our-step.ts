/**
 * Our half of `npm run bench -- encoder`: LoRA on query and value of a classifier, texts side by
 * side in one sequence. Reads one JSON request from standard input and writes one JSON line.
 */
import { text } from 'node:stream/consumers';
import { ignored } from '../../../worker/data/packed-sequences.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { backToBack, runLoraSteps } from '../train/lora-steps.ts';
import type { ClassRequest, ClassRows } from './request.ts';

const request = JSON.parse(await text(process.stdin)) as ClassRequest;
setThreads(request.threads);
using files = openModel(request.model, { labels: 2, seed: 0 });
const result = runLoraSteps(files, request, {
  targetModules: ['query', 'value'],
  batches: request.batches.map(toHostSequence),
  sequenceLength: 512,
});
process.stdout.write(`${JSON.stringify(result)}\n`);

function toHostSequence({ ids, labels }: ClassRows, key: number): HostSequence {
  return backToBack(ids, {
    labels: (row, i) => row.map((_, at) => (at === 0 ? (labels[i] ?? 0) : ignored)),
    ...{ targetCount: ids.length, key },
  });
}
