// Forms of the result, and which pod writes it. A Job of its own does what takes memory or a
// Secret: merging, converting, uploading. An adapter that goes to a claim is a file of what the
// first worker holds anyway: that one writes it before it ends, with the same program, and no other
// pod is made.
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
