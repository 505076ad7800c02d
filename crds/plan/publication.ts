// Formats of the result, and the pod that writes them. A separate Job does what needs memory or a
// Secret: merging, converting, uploading. An adapter that goes to a claim is written by the first
// worker, which has it in memory: it runs the same program before it ends, and no other pod is
// created.
import type { FineTuneJobSpec } from '../api/job.ts';
import { resolveMethod } from '../methods/resolve.ts';

type Result = Pick<FineTuneJobSpec, 'method' | 'output'>;

export function formatsOf({ method, output }: Result): NonNullable<Result['output']['formats']> {
  const isWhole = output.formats === undefined && resolveMethod(method).adapter.type === 'None';
  return output.formats ?? [isWhole ? 'MergedSafetensors' : 'PEFTAdapter'];
}

export function publishesInWorker(job: Result): boolean {
  const { destination, pushToHub } = job.output;
  return (
    destination?.persistentVolumeClaim !== undefined &&
    pushToHub === undefined &&
    formatsOf(job).every((format) => format === 'PEFTAdapter')
  );
}
