/**
 * Our half of `npm run bench -- train`: the step of the product on given rows of tokens. Reads one
 * JSON request from standard input and writes one JSON line, both as `peer_step.py` does.
 */

import { text } from 'node:stream/consumers';
import { method as methodSchema } from '../../../crds/api/method.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { ignored } from '../../../worker/data/packed-sequences.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import type { StepRequest, StepResult, TokenRows } from './request.ts';
import { runSteps } from './run-steps.ts';

const request = JSON.parse(await text(process.stdin)) as StepRequest;
const result = ours(request);
process.stdout.write(`${JSON.stringify(result)}\n`);

function ours(request: StepRequest): StepResult {
  setThreads(request.threads);
  using files = openModel(request.model);
  return runSteps({
    files,
    method: methodFor(request),
    batches: request.batches.map(toHostSequence),
    sequenceLength: request.batches[0]?.ids[0]?.length ?? 1,
    learningRate: request.learning_rate,
    ...{ clip: request.clip, recompute: request.recompute, count: request.steps },
  });
}

function methodFor({ method, dtype, rank, alpha, optimizer: wanted }: StepRequest) {
  const optimizer =
    wanted === 'AdamWBFloat16'
      ? { type: 'AdamW', adamW: { moments: 'BFloat16' } }
      : { type: wanted };
  const precision =
    dtype === 'float32'
      ? { type: 'Float32' }
      : // The peer keeps no float32 master weights either.
        { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } };
  const written =
    method === 'full'
      ? { preset: 'Full', precision, optimizer }
      : {
          precision,
          optimizer,
          adapter: { type: 'LoRA', lora: { rank, alpha: String(alpha) } },
        };
  return resolveMethod(methodSchema.parse(written));
}

/** Rows back to back, as the loader packs documents; labels move one to the left. */
function toHostSequence({ ids, labels }: TokenRows, key: number): HostSequence {
  const length = ids[0]?.length ?? 0;
  const shifted = labels.flatMap((row) => [...row.slice(1), ignored]);
  return {
    ids: Int32Array.from(ids.flat()),
    labels: Int32Array.from(shifted),
    positions: Int32Array.from(ids.flatMap((row) => row.map((_, position) => position))),
    offsets: Int32Array.from({ length: ids.length + 1 }, (_, row) => row * length),
    targetCount: shifted.filter((label) => label !== ignored).length,
    key,
  };
}
