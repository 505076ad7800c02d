// Formats of the result, and the pod that writes them. A separate Job does what needs memory or a
// Secret: merging, converting, uploading. An adapter that goes to a claim is written by the first
// worker, which has it in memory: it runs the same program before it ends, and no other pod is
// created. A worker on a device has the memory of its host alone: the model is not in it, and the
// device would wait.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { GgufType } from '../api/output.ts';
import { changesBase } from '../methods/adapter-traits.ts';
import { type ResolvedMethod, resolveMethod } from '../methods/resolve.ts';
import { isAdapterForm } from '../names/result-folders.ts';
import { blocksOf } from './grid-bytes.ts';

/**
 * Whether an adapter fits only the base that it was trained on: it took over a part of the weights,
 * and the rest was quantized, which nobody else has.
 */
export function needsItsBase(method: ResolvedMethod): boolean {
  return method.base.type !== 'Dense' && changesBase(method);
}

type Result = Pick<FineTuneJobSpec, 'method' | 'output'>;

export function formatsOf({ method, output }: Result): NonNullable<Result['output']['formats']> {
  if (output.formats !== undefined) return output.formats;
  const resolved = resolveMethod(method);
  if (resolved.adapter.type === 'MixLoRA') return ['MixLoRA'];
  if (blocksOf(resolved) !== null) return ['GGUF'];
  const isInIntegers = resolved.base.type === 'FakeQuantized' || output.quantization !== undefined;
  if (isInIntegers) return ['CompressedTensors'];
  const isWhole = resolved.adapter.type === 'None' || needsItsBase(resolved);
  return [isWhole ? 'MergedSafetensors' : 'PEFTAdapter'];
}

/** The type of the matrices of a GGUF file. */
export function ggufTypeOf({ method, output }: Result): GgufType {
  return output.gguf.type ?? blocksOf(resolveMethod(method)) ?? 'BF16';
}

export function publishesInWorker(
  job: Result & Pick<FineTuneJobSpec, 'worker' | 'packing'>,
): boolean {
  const { destination, pushToHub } = job.output;
  return (
    // The pod of a pool is of other jobs too.
    job.packing === undefined &&
    job.worker.devicesPerWorker === 0 &&
    destination?.persistentVolumeClaim !== undefined &&
    pushToHub === undefined &&
    formatsOf(job).every(isAdapterForm)
  );
}
