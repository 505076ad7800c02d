// Failures that must be told apart: a device without memory, and an assert of a kernel.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { failureOf } from '../../../../crds/failures/table.ts';
import { deviceMemory } from '../../../../worker/tensor/device.ts';
import { session } from '../../../e2e/killed-run.ts';
import { writeToyJob } from '../../../toy/toy-job.ts';
import type { Found } from '../result.ts';
import type { Context } from '../step.ts';

/** Less than the job takes. */
const tooFewBytes = 600_000;

export async function faults(context: Context): Promise<Found> {
  const found: Found = { figures: [], failures: [], leftOut: [] };
  await memoryEnds(context, found);
  if (context.isEmulated) {
    found.leftOut.push('assert of a kernel: operators of the emulated device throw instead');
    return found;
  }
  const entry = join(import.meta.dirname, 'assert.ts');
  const signal = context.signal;
  const { exitCode, stdout } = await execa(process.execPath, [entry], {
    ...{ reject: false, cancelSignal: signal },
  });
  expectCode(found, 'assert of a kernel', exitCode, failureOf('E_DEVICE_ASSERT').workerExit);
  if (stdout !== 'E_DEVICE_ASSERT') found.failures.push(`assert of a kernel: it is ${stdout}`);
  return found;
}

async function memoryEnds({ folder, isEmulated }: Context, found: Found): Promise<void> {
  const home = join(folder, 'memory');
  await mkdir(home, { recursive: true });
  const job = await writeToyJob(home, {
    ...{ name: 'memory', method: { preset: 'Full' }, sizes: { vocab_size: 320 } },
    dataset: { sequenceLength: 48, heldOut: { samples: 1 } },
    training: { maxSteps: 2, globalBatchSize: 2 },
  });
  const share = tooFewBytes / deviceMemory('cuda:0').total;
  const variables = isEmulated
    ? { ANNEAL_EMULATED_MEMORY: String(tooFewBytes) }
    : { PYTORCH_CUDA_ALLOC_CONF: `per_process_memory_fraction:${share.toFixed(9)}` };
  const flags = ['--device', 'cuda:0'];
  const { code, lines } = await session(job, join(home, 'cache'), null, { variables, flags });
  const outcome = lines.findLast((line) => line.type === 'outcome');
  const expected = 'E_DEVICE_OUT_OF_MEMORY';
  expectCode(found, 'memory that ends', code, failureOf(expected).cliExit);
  if (outcome?.code !== expected) {
    found.failures.push(`memory that ends: the run ended with ${outcome?.code ?? 'no outcome'}`);
  }
}

function expectCode(found: Found, name: string, code: number | null | undefined, right: number) {
  found.figures.push({ name: `${name}: exit code`, value: code ?? -1, unit: `of ${right}` });
  if (code !== right) found.failures.push(`${name}: exit code ${code}, and ${right} is right`);
}
