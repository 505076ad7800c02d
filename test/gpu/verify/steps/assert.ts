// Reads beyond a table on a device, whose kernel asserts; the failure is printed, and its exit code
// is that of this process.
import { AnnealError } from '../../../../crds/failures/errors.ts';
import { failureOf } from '../../../../crds/failures/table.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { indices, toArray } from '../../../../worker/tensor/tensor.ts';

try {
  scope(() => toArray(ops.indexSelect(ops.ones([4]), 0, indices([9]))), 'cuda:0');
} catch (error) {
  if (!(error instanceof AnnealError)) throw error;
  process.stdout.write(error.code);
  // What libtorch would give back when the process ends is on a device that no longer answers.
  process.exit(failureOf(error.code).workerExit);
}
