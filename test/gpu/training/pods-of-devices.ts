// Worker pods of several devices, a trainer on each: real supervisors, trainers and bus, on the
// emulated device. Whatever is killed, they end with the bits of as many local workers as there are
// devices.
import { join } from 'node:path';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';
import { installation } from './installation.ts';

export const podsJob = {
  method: { preset: 'Full', precision: { type: 'Float32' } },
  sizes: { vocab_size: 320, hidden_size: 32, intermediate_size: 48 },
  dataset: { sequenceLength: 48, heldOut: { samples: 1 } },
  training: { maxSteps: 12, globalBatchSize: 4, learningRate: '1e-3' },
  checkpoint: { intervalSteps: 2 },
  worker: { devicesPerWorker: 2 },
};

type Variables = Readonly<Record<string, string>>;

export interface Machines extends AsyncDisposable {
  /** Of a pod that sees one device, and two. */
  readonly one: Variables;
  readonly pod: Variables;
  /** Of machines that do alone what one pod does, and what two do. */
  readonly two: Variables;
  readonly four: Variables;
}

export async function machines(): Promise<Machines> {
  const folder = await temporaryFolder();
  const of = (name: string, devices: number) => installation(join(folder.path, name), devices);
  return {
    one: await of('one', 1),
    pod: await of('pod', 2),
    two: await of('two', 2),
    four: await of('four', 4),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

export const says = (lines: readonly string[], words: RegExp) =>
  lines.some((line) => words.test(line));
