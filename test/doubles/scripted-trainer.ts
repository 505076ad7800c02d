// A trainer without a model for tests of the supervisor: a real process that trains a chain of
// digests, saves it as checkpoints, goes on from the newest one, and obeys like the real one; as
// the one that publishes it has nothing to do. The same steps give the same bits, however often it
// is killed. `trainer.json` beside the folder of the run, or the defaults, say how fast it is and
// where it goes wrong.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import { aReport } from '../builders/run-report.ts';

export interface TrainerScript {
  readonly steps?: number;
  readonly stepMs?: number;
  readonly saveEvery?: number;
  /**
   * Ends so after this step, once; the file `<name>` in the script's folder remembers that it did.
   */
  readonly fault?: {
    readonly name: string;
    readonly afterStep: number;
    readonly how: 'SIGKILL' | 'SIGSEGV' | 'Hang' | 'Diverged' | 'Internal' | 'OutOfMemory';
    /** Every time, not once. */
    readonly always?: boolean;
  };
}

const [role = '', folder = ''] = process.argv.slice(2);
// The result and the report were written at the end of the training.
if (role === 'publish') process.exit(0);
const base = dirname(dirname(folder));
const file = join(base, 'trainer.json');
const script: TrainerScript = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const { steps = 20, stepMs = 20, saveEvery = 3, fault } = script;
const checkpoints = join(folder, 'checkpoints');
let stop = false;
let save = false;
process.on('message', (message) => {
  if (message === 'stop') stop = true;
  if (message === 'save') save = true;
});
process.on('disconnect', () => {
  stop = true;
});

const begun = newest();
let { step, chain } = begun;
let saved = step;
say({ type: 'stage', stage: 'Load', state: 'Started' });
process.stderr.write(
  `role ${role} goes on after step ${step} with a secret hf_abcdefghijklmnopqrst\n`,
);
say({
  ...{ type: 'plan', job: 'toy', model: { name: 'toy', family: 'Toy', parameters: 1 } },
  ...{ method: 'toy', trainableParameters: 1, precision: 'Float32', device: 'cpu' },
  ...{ totalSteps: steps, firstStep: step, sequencesPerStep: 1, tokensPerStep: 1, samples: 1 },
  ...{ heldOutSamples: 0, blocks: { keep: 1, recompute: 0, offload: 0 } },
  memory: { weights: 1, optimizer: 1, gradients: 1, activations: 1, workspace: 1, peak: 5 },
});
while (step < steps && !stop) {
  await wait(stepMs);
  step += 1;
  chain = createHash('sha256').update(`${chain} ${step}`).digest('hex');
  say({
    ...{
      type: 'step',
      step,
      totalSteps: steps,
      epoch: 0,
      loss: 1 / step,
      targetTokens: 1,
      tokens: 1,
    },
    ...{ tokensSeen: step, tokensPerSecond: 1, gradNorm: 1, clipFactor: 1, learningRate: 1 },
    ...{ stepMs: { total: stepMs, compute: stepMs, data: 0 }, memory: { now: 1, peak: 1 } },
  });
  await goWrong();
  if (step % saveEvery === 0 || save) write();
  save = false;
}
if (saved !== step) write();
if (step === steps) {
  const training = { ...aReport().training, steps };
  const report = { ...aReport(), training };
  const record = { version: 1, checkpoint: nameOf(step), report };
  writeFileSync(join(folder, 'trained.json'), JSON.stringify(record));
}
process.exitCode = step === steps ? 0 : 75;
if (process.connected) process.disconnect();

async function goWrong(): Promise<void> {
  if (fault === undefined || step !== fault.afterStep) return;
  const mark = join(base, fault.name);
  if (existsSync(mark) && fault.always !== true) return;
  writeFileSync(mark, '');
  switch (fault.how) {
    case 'Hang':
      return new Promise(() => setInterval(() => {}, 1e6));
    case 'Diverged':
      return fail('E_DIVERGED', 74);
    case 'Internal':
      return fail('E_INTERNAL', 70);
    case 'OutOfMemory':
      return fail('E_DEVICE_OUT_OF_MEMORY', 72);
    default:
      process.kill(process.pid, fault.how);
      return new Promise(() => {});
  }
}

async function fail(code: 'E_DIVERGED' | 'E_INTERNAL' | 'E_DEVICE_OUT_OF_MEMORY', exit: number) {
  say({ type: 'failure', code, reason: code, message: `made to fail after step ${step}` });
  await wait(50);
  process.exit(exit);
}

function newest(): { step: number; chain: string } {
  const names = existsSync(checkpoints) ? readdirSync(checkpoints) : [];
  const found = names
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .at(-1);
  if (found === undefined) return { step: 0, chain: '' };
  return JSON.parse(readFileSync(join(checkpoints, found, 'manifest.json'), 'utf8'));
}

function write(): void {
  const target = nameOf(step);
  rmSync(`${target}.partial`, { recursive: true, force: true });
  mkdirSync(`${target}.partial`, { recursive: true });
  writeFileSync(join(`${target}.partial`, 'manifest.json'), JSON.stringify({ step, chain }));
  rmSync(target, { recursive: true, force: true });
  renameSync(`${target}.partial`, target);
  saved = step;
  say({ type: 'checkpoint', step, path: target, bytes: 1, ms: 1 });
}

function nameOf(of: number): string {
  return join(checkpoints, `step-${String(of).padStart(8, '0')}`);
}

function say(message: TelemetryBody): void {
  process.send?.({ ...message, time: 1e9 }, undefined, undefined, () => {});
}
