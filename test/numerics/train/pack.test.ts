// Runs that come to one process and leave it while others train: each ends with the bits of its
// training alone, the base is loaded once, and memory decides who begins.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { systemClock } from '../../../crds/clock.ts';
import { Exit, failureOf } from '../../../crds/failures/table.ts';
import { type PackedMessage, type PoolOrder, packedMessage } from '../../../crds/wire/packed.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { workerConfig } from '../../../worker/config.ts';
import { Pack } from '../../../worker/train/pack.ts';
import { PackedRuns } from '../../../worker/train/packed-runs.ts';
import { aToyRun, type ToyRun } from '../../builders/toy-run.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';

const float32 = { type: 'Float32' };
const lora = (rank: number, dropout = '0') => ({
  preset: 'LoRA',
  precision: float32,
  adapter: { type: 'LoRA', lora: { rank, dropout } },
});

const jobs = {
  first: { name: 'first', method: lora(4, '0.2'), training: { maxSteps: 30 } },
  second: {
    name: 'second',
    method: { preset: 'QLoRA', precision: float32, base: { type: 'NF4', nf4: { blockSize: 32 } } },
    training: { maxSteps: 20, schedule: { type: 'Constant' }, learningRate: '1e-2' },
  },
  third: { name: 'third', method: lora(2), training: { maxSteps: 12 } },
} satisfies Record<string, ToyJobOptions>;

async function prepared(t: ExecutionContext, options: ToyJobOptions): Promise<ToyRun> {
  const run = await aToyRun(t, { checkpoint: { intervalSteps: 4 }, ...options });
  await run.prepare();
  return run;
}

async function adapterOf(run: ToyRun): Promise<Buffer> {
  await run.publish();
  return readFile(join(run.destination, 'adapter/adapter_model.safetensors'));
}

async function alone(t: ExecutionContext, options: ToyJobOptions): Promise<Buffer> {
  const run = await prepared(t, options);
  await run.train();
  return adapterOf(run);
}

/** A pack in this process, and what it says. */
class Heard {
  readonly pack: Pack;
  readonly stop = new AbortController();
  readonly messages: PackedMessage[] = [];
  onMessage: (run: number, message: Telemetry) => void = () => {};

  constructor(expected = 3) {
    this.pack = new Pack({
      ...{ config: workerConfig({}), clock: systemClock, stop: this.stop.signal, expected },
      waits: true,
      say: (message) => {
        this.messages.push(message);
        if ('message' in message) this.onMessage(message.run, message.message);
      },
      onStderr: () => {},
    });
  }

  endOf(run: number): number | undefined {
    const found = this.messages.findLast((one) => one.run === run && 'exitCode' in one);
    return found !== undefined && 'exitCode' in found ? found.exitCode : undefined;
  }

  steps(run: number): number {
    return this.messages.filter(
      (one) => one.run === run && 'message' in one && one.message.type === 'step',
    ).length;
  }
}

test('runs come while others train, and each ends with the bits of training alone', async (t) => {
  const [first, second, third] = [
    await prepared(t, jobs.first),
    await prepared(t, jobs.second),
    await prepared(t, jobs.third),
  ];
  const heard = new Heard();
  const { pack } = heard;
  const later: Promise<void>[] = [];
  let before = 0;
  heard.onMessage = (run, message) => {
    if (message.type !== 'step' || run !== 0) return;
    if (message.step === 3) later.push(pack.train(second.folder, 1));
    if (message.step === 12) {
      before = pack.loaded;
      later.push(pack.train(third.folder, 2));
    }
    if (message.step === 16) t.is(pack.loaded, before, 'the base is there: nothing is loaded');
  };
  await pack.train(first.folder, 0);
  t.is(later.length, 2);
  t.true(before > 0);
  await Promise.all(later);
  t.deepEqual(
    [0, 1, 2].map((run) => heard.endOf(run)),
    [0, 0, 0],
  );
  t.is(pack.loaded, 0, 'with the last one the base goes');
  for (const [run, options] of [
    [first, jobs.first],
    [second, jobs.second],
    [third, jobs.third],
  ] as const) {
    t.deepEqual(await adapterOf(run), await alone(t, options), options.name);
  }
});

test('one that leaves saves and goes on later; one that diverges changes nobody', async (t) => {
  const wild = {
    ...jobs.second,
    name: 'wild',
    training: {
      ...jobs.second.training,
      learningRate: '1e30',
      nonFinitePolicy: { action: 'Fail' },
    },
  };
  const [first, second, third] = [
    await prepared(t, jobs.first),
    await prepared(t, wild),
    await prepared(t, jobs.third),
  ];
  const heard = new Heard();
  const { pack } = heard;
  let again: Promise<void> | undefined;
  heard.onMessage = (run, message) => {
    if (run === 2 && message.type === 'step' && message.step === 5) pack.detach(2);
    if (run === 0 && message.type === 'step' && message.step === 20) {
      t.is(heard.endOf(2), Exit.PlannedStop);
      again = pack.train(third.folder, 2);
    }
  };
  await Promise.all([
    pack.train(first.folder, 0),
    pack.train(second.folder, 1),
    pack.train(third.folder, 2),
  ]);
  await again;
  t.deepEqual(
    [heard.endOf(0), heard.endOf(1), heard.endOf(2)],
    [0, failureOf('E_DIVERGED').workerExit, 0],
  );
  t.is(heard.steps(2), 12, 'no step was done twice');
  t.deepEqual(await adapterOf(first), await alone(t, jobs.first));
  t.deepEqual(await adapterOf(third), await alone(t, jobs.third));
});

test('a process that is killed costs each the steps since its checkpoint, and no bits', async (t) => {
  const runs = [await prepared(t, jobs.first), await prepared(t, jobs.third)];
  const saved = new Set<number>();
  const victim = await pool(runs, (run, { type }, kill) => {
    if (type === 'checkpoint') saved.add(run);
    if (saved.size === 2) kill();
  });
  t.is(victim.exitCode, undefined);
  const next = await pool(runs, () => {});
  t.deepEqual([...next.ends].sort(), [
    [0, 0],
    [1, 0],
  ]);
  t.true(
    next.firstSteps.every((step) => step >= 4),
    `${next.firstSteps}`,
  );
  t.deepEqual(await adapterOf(runs[0] as ToyRun), await alone(t, jobs.first));
  t.deepEqual(await adapterOf(runs[1] as ToyRun), await alone(t, jobs.third));
});

/** A process of its own, until its runs have ended or it is killed. */
async function pool(
  runs: readonly ToyRun[],
  see: (run: number, message: Telemetry, kill: () => void) => void,
) {
  const worker = new URL('../../../worker/main.ts', import.meta.url).pathname;
  const child = execa(process.execPath, [worker, 'pool', String(runs.length)], {
    ...{ ipc: true, buffer: { ipc: false }, reject: false },
  });
  const say = (order: PoolOrder) => void child.sendMessage(order).catch(() => {});
  const ends = new Map<number, number>();
  const firstSteps: number[] = [];
  const listen = async () => {
    for await (const raw of child.getEachMessage()) {
      const said = packedMessage.parse(raw);
      if ('exitCode' in said) {
        ends.set(said.run, said.exitCode);
        if (ends.size === runs.length) say('stop');
      } else {
        if (said.message.type === 'plan') firstSteps.push(said.message.firstStep);
        see(said.run, said.message, () => child.kill('SIGKILL'));
      }
    }
  };
  const heard = listen().catch(() => {});
  for (const [run, { folder }] of runs.entries()) say({ attach: folder, run });
  const { exitCode } = await child;
  await heard;
  return { ends, firstSteps, exitCode };
}

test('a base that is not that of the others, or would be changed, is refused alone', async (t) => {
  const full = { preset: 'Full', precision: float32 };
  const [first, other, changes] = [
    await prepared(t, jobs.third),
    await prepared(t, { ...jobs.third, name: 'other', sizes: { hidden_size: 48 } }),
    await prepared(t, {
      ...{ name: 'changes', method: full, training: { maxSteps: 2 } },
      formats: ['MergedSafetensors'],
    }),
  ];
  const heard = new Heard();
  const { pack } = heard;
  await Promise.all([
    pack.train(first.folder, 0),
    pack.train(other.folder, 1),
    pack.train(changes.folder, 2),
  ]);
  const refused = failureOf('E_USAGE').workerExit;
  t.deepEqual(
    [0, 1, 2].map((run) => heard.endOf(run)),
    [0, refused, refused],
  );
  const whyOf = (run: number): string =>
    heard.messages
      .flatMap((one) =>
        'message' in one && one.run === run && one.message.type === 'failure'
          ? [one.message.message]
          : [],
      )
      .join();
  t.regex(whyOf(1), /is not the base that the other runs train on/);
  t.regex(whyOf(2), /the method of changes trains weights of the base itself/);
});

test('a run waits for memory in the order of coming, and leaves while it waits', async (t) => {
  const runs = new PackedRuns({} as never, 4, true);
  t.is(runs.freeWhenEmpty('host', 100), 100);
  t.is(runs.freeWhenEmpty('host', 20), 100, 'what runs took since is theirs');
  const base = { form: 'Dense', bytes: 40 };
  const said: string[] = [];
  const stop = new AbortController();
  const onWait = (message: string) => void said.push(message);
  const ask = (peak: number, kept: number, asking = { stop: stop.signal, onWait }) => {
    const run = runs.enter();
    return { run, admitted: run.admitted({ peak, kept, base }, asking) };
  };
  const first = ask(80, 10);
  await first.admitted;
  const leaves = new AbortController();
  const large = ask(95, 10, { stop: leaves.signal, onWait });
  const small = ask(60, 5);
  t.deepEqual(said, [
    'the process would need 0.00 GiB with the run there by the memory plans, and has 0.00 GiB',
    'a run that came before waits for memory; they begin in the order in which they came',
  ]);
  leaves.abort();
  await t.throwsAsync(large.admitted, { name: 'AbortError' });
  large.run[Symbol.dispose]();
  await small.admitted;
  t.is(runs.peak, 85);
  t.is(runs.count, 3);
  const never = ask(120, 1);
  first.run[Symbol.dispose]();
  small.run[Symbol.dispose]();
  await new Promise(setImmediate);
  t.is(never.run.planned, undefined, 'it would not fit alone');
  stop.abort();
  await t.throwsAsync(never.admitted, { name: 'AbortError' });
});
