// Every method trains on a device as it does on the processor, waits for it no more often in a step
// than it has to, and ends with the same bits where its second half is trained again from a
// checkpoint.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { DeviceName } from '../../../crds/wire/device.ts';
import '../with-device.ts';
import { countsOf, resetCounts } from '../../builders/emulated-device.ts';
import { aToyRun, type ToyRun } from '../../builders/toy-run.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { splitRows } from '../../methods/split-rows.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';
import { cases } from './jobs.ts';

const steps = 4;

/** An adapter of each kind, and models of each family. */
const short = [
  ...['bi-lora of 3-bit integers', 'co-lora', 'increlora', 'lora-ga in halo, int8', 'nlora'],
  ...['eva of an NF4 base with dropout and noise, in bfloat16', 'lora-xs of an Int8 base'],
  ...['loldu, stochastic gradient descent', 'mixlora of an Int8 base', 'paca of an NF4 base'],
  ...['s2ft in lisa, with a density loss', 'spiel of an Int4 base, with a density loss'],
  ...['full in bfloat16 on blocks of Q4_0, 8-bit moments, distilled', 'lisa of int8 weights'],
  ...['owlore and galore in formats that change', 'natural galore', 'halo in fp8', 'pv-tuning'],
  ...['nvfp4', 'lora in mxfp4'],
  ...['classes of pictures, qlora on a vision transformer'],
  ...['pictures and texts, block-lora on clip', 'spiel by momenta of an Int4 base', 'allora'],
  ...['q-galore'],
];

/** Declares the tests of a part of the table. */
export function testsOnADevice(part: 'short' | 'others'): void {
  for (const [name, one] of splitRows(cases, short, ({ method }) => method)[part]) {
    const { method, family, training, gap, waits = 1 } = one;
    test.serial(`${name}: trains on a device as on the processor`, async (t) => {
      const options = {
        name: 'device',
        ...(family && { family }),
        method,
        sizes: { vocab_size: 320 },
        dataset: { ...(!family && { sequenceLength: 48 }), heldOut: { samples: 1 } },
        training: { maxSteps: steps, globalBatchSize: 2, learningRate: '1e-3', ...training },
        checkpoint: { intervalSteps: 2 },
      };
      const expected = lossesOf(await trained(t, options, 'cpu'));
      const waited: number[] = [];
      const began = performance.now();
      const whole = await trained(t, options, 'cuda:0', () => {
        waited.push(countsOf(0).waits);
        resetCounts(0);
      });
      t.log(`${((performance.now() - began) / steps).toFixed(0)} ms a step`);
      const found = lossesOf(whole);
      const gaps = found.map((loss, i) => Math.abs(loss / (expected[i] ?? Number.NaN) - 1));
      t.log(`largest gap of a loss: ${Math.max(...gaps).toExponential(1)}; waits ${waited}`);
      t.is(found.length, steps);
      t.true(Math.max(...gaps) <= gap, `${found} on the device, ${expected} on the processor`);
      // After the first and the third step nothing is saved.
      t.deepEqual([waited[1], waited[3]], [waits, waits], 'waits in a step');

      const ended = checkpointOf(whole);
      await rm(stepFolder(whole, steps), { recursive: true });
      whole.startAgain();
      await whole.train();
      t.deepEqual(lossesOf(whole), found.slice(steps / 2), 'losses of the second half, again');
      t.deepEqual(checkpointOf(whole), ended);
    });
  }
}

async function trained(
  t: ExecutionContext,
  options: ToyJobOptions,
  device: DeviceName,
  onStep = () => {},
): Promise<ToyRun> {
  const run = await aToyRun(t, options, device);
  await run.prepare();
  run.onMessage = (message) => {
    if (message.type === 'step') onStep();
  };
  await run.train();
  return run;
}

function lossesOf(run: ToyRun): readonly number[] {
  return run.ofType('step').map(({ loss }) => loss ?? Number.NaN);
}

/** Digests of the last checkpoint's files of tensors. */
function checkpointOf(run: ToyRun): Readonly<Record<string, string>> {
  return digestsBelow(stepFolder(run, steps));
}

function stepFolder({ folder }: ToyRun, step: number): string {
  return join(folder, 'checkpoints', `step-${String(step).padStart(8, '0')}`);
}
