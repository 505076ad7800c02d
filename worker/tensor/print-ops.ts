// Prints ops.generated.ts: one typed function for each operator of ops.list.ts, from the schemas of
// the loaded libraries. `node worker/tensor/print-ops.ts` rewrites it; a test compares.
import { writeFileSync } from 'node:fs';
import { native } from './native.ts';
import { operatorNames } from './ops.list.ts';
import { printFunction } from './print-function.ts';
import { parseSchema } from './schema.ts';

const header = `// Printed by \`node worker/tensor/print-ops.ts\` from ops.list.ts and the schemas of libtorch and of
// worker/native/kernels. Arguments before \`*\` are positional, those behind it are options;
// layout, pinning, memory format and generators stay at their defaults. What returns its own
// argument is written in place.
import type { Device } from './device.ts';
import { type DType, dtypeCode } from './dtype.ts';
import { native } from './native.ts';
import {
  confirmOperators,
  handlesOf,
  made,
  madeList,
  operator,
  optionalHandlesOf,
  results,
  type Scalar,
} from './operator.ts';
import type { Tensor } from './tensor.ts';

const { call } = native;
`;

export function printOperators(): string {
  const functions = Object.entries(operatorNames).map(([name, fullName]) => {
    const [operator = '', overload = ''] = fullName.split('.');
    const text = native.schema(operator, overload);
    if (text === undefined) {
      throw new RangeError(`${name} is ${fullName}, which the loaded libraries do not have`);
    }
    return printFunction(name, text, parseSchema(text));
  });
  return [header, ...functions, 'confirmOperators();\n'].join('\n');
}

if (import.meta.main) {
  writeFileSync(new URL('./ops.generated.ts', import.meta.url), printOperators());
}
