/** LoRA in float32 on layers of one name, for benchmarks of other tasks than language models. */
import { method as methodSchema } from '../../../crds/api/method.ts';
import { resolveMethod } from '../../../crds/index.ts';
import type { ModelFiles } from '../../../worker/decoder/model-files.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import type { LoraRequest, StepResult } from './request.ts';
import { runSteps } from './run-steps.ts';

interface LoraSteps {
  readonly targetModules: readonly string[];
  readonly batches: readonly HostSequence[];
  readonly sequenceLength: number;
  /** Of a model that hears: tokens of the sounds of a step. @default 0 */
  readonly soundTokens?: number;
}

export function runLoraSteps(
  files: ModelFiles,
  { rank, alpha, learning_rate: learningRate, clip, steps }: LoraRequest,
  { targetModules, ...of }: LoraSteps,
): StepResult {
  const method = methodSchema.parse({
    precision: { type: 'Float32' },
    optimizer: { type: 'AdamW' },
    adapter: { type: 'LoRA', lora: { rank, alpha: String(alpha), targetModules } },
  });
  return runSteps({
    ...{ files, method: resolveMethod(method), learningRate, clip, recompute: false, count: steps },
    ...of,
  });
}

/** Texts back to back; `labels` of one, and how many targets all have. */
export function backToBack(
  ids: readonly (readonly number[])[],
  {
    labels,
    targetCount,
    key,
  }: Pick<HostSequence, 'key' | 'targetCount'> & {
    labels(row: readonly number[], i: number): readonly number[];
  },
): HostSequence {
  const offsets = [0];
  for (const row of ids) offsets.push((offsets.at(-1) ?? 0) + row.length);
  return {
    ids: Int32Array.from(ids.flat()),
    labels: Int32Array.from(ids.flatMap(labels)),
    positions: Int32Array.from(ids.flatMap((row) => row.map((_, position) => position))),
    offsets: Int32Array.from(offsets),
    targetCount,
    key,
  };
}
