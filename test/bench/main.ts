// npm run bench -- NAME [OPTIONS]: paired measurements beside the named peers.
import { attempt } from '../../cli/setup/attempt.ts';
import { UserError } from '../../crds/errors.ts';
import { benchCli } from './cli/bench-cli.ts';
import { benchKernels } from './kernels/bench-kernels.ts';
import { benchMemory } from './memory/bench-memory.ts';
import { benchMethods } from './methods/bench-methods.ts';
import { benchOperator } from './operator/bench-operator.ts';
import { benchRecovery } from './recovery/bench-recovery.ts';
import { benchSharding } from './sharding/bench-sharding.ts';
import { benchTrain } from './train/bench-train.ts';

const benches = new Map([
  ['train', benchTrain],
  ['kernels', benchKernels],
  ['memory', benchMemory],
  ['methods', benchMethods],
  ['operator', benchOperator],
  ['sharding', benchSharding],
  ['recovery', benchRecovery],
  ['cli', benchCli],
]);

await attempt(async (setup) => {
  const [name = '', ...args] = process.argv.slice(2);
  const bench = benches.get(name);
  if (bench === undefined) {
    const known = [...benches.keys()].join(', ');
    throw new UserError({
      code: 'E_USAGE',
      message: `there is no benchmark ${name || '(no name given)'}; there are ${known}`,
      hint: 'npm run bench -- train',
    });
  }
  await bench(setup, args);
  return 0;
});
