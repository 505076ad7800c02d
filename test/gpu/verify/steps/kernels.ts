// The tests of the kernels, as CUDA kernels: the files that run on the emulated device too.
import { deviceTests } from '../../device-tests.ts';
import type { Found } from '../result.ts';
import type { Context } from '../step.ts';
import { testsOnDevice } from './tests-on-device.ts';

export async function kernels({ isSample, signal }: Context): Promise<Found> {
  const files = isSample ? [deviceTests.patches] : Object.values(deviceTests);
  const { passed, failed, said } = await testsOnDevice(files, { signal });
  const failures = failed.map((title) => `test: ${title}`);
  if (passed === 0) failures.push(`no test of a kernel has passed: ${said}`);
  const figures = [{ name: 'tests of kernels that passed', value: passed, unit: 'tests' }];
  return { figures, failures, leftOut: [] };
}
