// compute-sanitizer over tests of kernels with small shapes: accesses outside of memory, and races
// of threads for shared memory.
import { execa } from 'execa';
import { deviceTests } from '../../device-tests.ts';
import type { Found } from '../result.ts';
import type { Context } from '../step.ts';
import { testsOnDevice } from './tests-on-device.ts';

const program = 'compute-sanitizer';
const files = [deviceTests.rms_norm, deviceTests.sample_round];
/** By which compute-sanitizer tells that it has found something. */
const foundSomething = 97;

export async function sanitizer({ isEmulated, signal }: Context): Promise<Found> {
  const none: Found = { figures: [], failures: [], leftOut: [] };
  if (isEmulated) {
    const why = 'compute-sanitizer: it watches a GPU; the emulated device looks at memory itself';
    return { ...none, leftOut: [why] };
  }
  const there = await execa(program, ['--version'], { reject: false });
  if (there.failed) return { ...none, leftOut: [`${program}: it is not on the PATH`] };
  for (const tool of ['memcheck', 'racecheck']) {
    const under = [
      ...[program, '--tool', tool, '--target-processes', 'all'],
      ...['--error-exitcode', String(foundSomething)],
    ];
    const { passed, failed, said, code } = await testsOnDevice(files, { signal, under });
    if (code === foundSomething || failed.length > 0 || passed === 0) {
      none.failures.push(`${tool}: ${said}`);
    }
    none.figures.push({ name: `tests under ${tool} that passed`, value: passed, unit: 'tests' });
  }
  return none;
}
