/** Prints the level of instructions that this processor has, as our kernels see it. */
import * as ops from '../../worker/tensor/ops.generated.ts';

process.stdout.write(ops.chooseIsa());
