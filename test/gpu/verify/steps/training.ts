// Each preset trains as on the processor, and is killed and continued with the bits of one that was
// not: so two trainings have the same bits, too.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { resultOf, type Session, session } from '../../../e2e/killed-run.ts';
import { rounded } from '../../../methods/adapter-trial.ts';
import { devicePresets } from '../../../methods/device-presets.ts';
import { writeToyJob } from '../../../toy/toy-job.ts';
import type { Figure, Found } from '../result.ts';
import type { Context } from '../step.ts';

const steps = 6;
const onDevice = { flags: ['--device', 'cuda:0'] };
const killed = { at: 'step', count: 5, ms: 0 } as const;

export async function training(context: Context): Promise<Found> {
  const all = Object.keys(devicePresets);
  const figures: Figure[] = [];
  const failures: string[] = [];
  for (const name of context.isSample ? all.slice(0, 1) : all) {
    const { gap, wrong } = await beside(name, join(context.folder, name));
    if (gap !== undefined) {
      figures.push({ name: `${name}: largest gap of a loss`, value: gap, unit: 'relative' });
    }
    failures.push(...wrong.map((words) => `${name}: ${words}`));
  }
  return { figures, failures, leftOut: [] };
}

async function beside(name: string, folder: string) {
  await mkdir(folder, { recursive: true });
  const job = await writeToyJob(folder, {
    ...{ name, method: devicePresets[name] ?? {}, sizes: { vocab_size: 320 } },
    dataset: { sequenceLength: 48, heldOut: { samples: 1 } },
    training: { maxSteps: steps, globalBatchSize: 2, learningRate: '1e-3' },
    checkpoint: { intervalSteps: 2 },
  });
  const cache = (of: string) => join(folder, of);
  const processor = await session(job, cache('processor'), null, { flags: ['--device', 'cpu'] });
  const whole = await session(job, cache('whole'), null, onDevice);
  const said = [processor, whole].find(({ code }) => code !== 0)?.stderr;
  if (said !== undefined) return { wrong: [said.trim().slice(-400)] };
  const expected = lossesOf(processor);
  const found = lossesOf(whole);
  const gap = Math.max(...found.map((loss, i) => Math.abs(loss / (expected[i] ?? 0) - 1)));
  const wrong: string[] = [];
  if (found.length !== steps || !(gap <= rounded)) {
    wrong.push(`losses ${found} on the device, ${expected} on the processor`);
  }
  const result = JSON.stringify(resultOf(job, whole.folder));
  const first = await session(job, cache('killed'), killed, onDevice);
  const resumed = await session(job, cache('killed'), null, onDevice);
  if (!first.killed) wrong.push('it ended before it could be killed');
  if (resumed.code !== 0) wrong.push(resumed.stderr.trim().slice(-400));
  else if (JSON.stringify(resultOf(job, resumed.folder)) !== result) {
    wrong.push('killed and continued, it ends with other bits');
  }
  return { gap, wrong };
}

function lossesOf({ lines }: Session): readonly number[] {
  return lines.flatMap((line) => (line.type === 'step' ? [line.loss ?? Number.NaN] : []));
}
