// A worker pod from its first heartbeat to the result, with a real nats-server, real processes and
// a trainer of digests: whatever is killed, frozen or away in between, the end has the bits of a
// run that nobody disturbed, and the records say what happened.
//
// One test at a time: dozens of processes at once would only measure the machine.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Bus } from '../../crds/wire/bus.ts';
import { trainedRecord } from '../../crds/wire/run-folder.ts';
import {
  type AckRecord,
  type DesiredRecord,
  type StateRecord,
  stateRecord,
} from '../../crds/wire/state.ts';
import { keys, type StreamName, stream, subjects } from '../../crds/wire/subjects.ts';
import { aBuiltJob, someSettings } from '../builders/built-job.ts';
import type { Changes } from '../builders/job.ts';
import { aDesired, aState } from '../builders/situation.ts';
import { eventually } from '../doubles/eventually.ts';
import { type Pod, type PodsOf, runFolderOf, startPod } from '../doubles/job-pods.ts';
import { JobRecords } from '../doubles/job-records.ts';
import { cluster, NatsServer, records } from '../doubles/nats-server.ts';
import type { TrainerScript } from '../doubles/scripted-trainer.ts';

const seed = Number(process.env['ANNEAL_TEST_SEED'] ?? fc.sample(fc.noBias(fc.nat()), 1)[0]);

/** What `steps` steps without any fault leave. */
function chainOf(steps: number): string {
  let chain = '';
  for (let step = 1; step <= steps; step += 1) {
    chain = createHash('sha256').update(`${chain} ${step}`).digest('hex');
  }
  return chain;
}

/** A job on a bus, and what the operator would do for it. */
class Scene implements AsyncDisposable {
  readonly server: NatsServer;
  readonly bus: Bus;
  readonly pods: PodsOf;
  readonly #started: Pod[] = [];
  readonly #records: JobRecords;

  static async make(
    t: ExecutionContext,
    script: TrainerScript = {},
    changes: Changes = {},
    more: Readonly<Record<string, string>> = {},
  ): Promise<Scene> {
    t.timeout(300_000);
    const server = await NatsServer.start();
    const bus = await server.bus('operator');
    const root = await mkdtemp(join(tmpdir(), 'anneal-pods-'));
    const job = aBuiltJob({
      ...{ 'worker.devicesPerWorker': 0, 'observability.logLevel': 'Debug' },
      ...changes,
    });
    const settings = { ...someSettings, bus: { url: server.url, port: 0, namespace: undefined } };
    const program = [join(import.meta.dirname, '../doubles/pod-main.ts')];
    const scene = new Scene(server, bus, { job, settings, root, program, more });
    const folder = runFolderOf(scene.pods);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'prepared.json'), JSON.stringify(prepared));
    await writeFile(join(dirname(folder), 'trainer.json'), JSON.stringify(script));
    await new JobRecords(bus, job).admit();
    const state = await records(bus);
    await state.create(keys.state(job), aState());
    await state.put(keys.desired(job), aDesired());
    return scene;
  }

  private constructor(server: NatsServer, bus: Bus, pods: PodsOf) {
    this.server = server;
    this.bus = bus;
    this.pods = pods;
    this.#records = new JobRecords(bus, pods.job);
  }

  async start(uid: string): Promise<Pod> {
    const pod = await startPod(this.pods, 'worker', { uid });
    this.#started.push(pod);
    return pod;
  }

  state(): Promise<StateRecord> {
    return this.#records.state();
  }

  ack(round: number): Promise<AckRecord | undefined> {
    return this.#records.ack(round, 0);
  }

  want(changes: Partial<DesiredRecord>): Promise<void> {
    return this.#records.want(aDesired(changes));
  }

  /** The operator has seen that a pod is gone. */
  async openRound(): Promise<void> {
    const state = await this.#records.bucket();
    const key = keys.state(this.pods.job);
    const entry = await state.get(key);
    const { world: _, ...record } = stateRecord.parse(entry?.value);
    if (record.result !== undefined) return;
    const opened = { by: 'operator', cause: 'PodLost', at: new Date().toISOString() } as const;
    const next = { ...record, round: record.round + 1, opened };
    await state.update(key, next, entry?.revision ?? 0);
  }

  until(what: string, holds: (state: StateRecord) => boolean): Promise<void> {
    return eventually(what, async () => holds(await this.state()), {
      withinMs: 90_000,
      everyMs: 20,
    });
  }

  /** Chain of digests in the checkpoint that is the result. */
  result(): string {
    const text = readFileSync(join(runFolderOf(this.pods), 'trained.json'), 'utf8');
    const { checkpoint } = trainedRecord.parse(JSON.parse(text));
    return JSON.parse(readFileSync(join(checkpoint, 'manifest.json'), 'utf8')).chain;
  }

  /** Everything that was stored of the pods so far. */
  async stored(name: StreamName): Promise<readonly unknown[]> {
    const subject = subjects.messages(cluster, this.pods.job, name);
    const found: unknown[] = [];
    for (let next = 1; ; ) {
      const most = { messages: 500, bytes: 1e6 };
      const { messages, left } = await this.bus.page(stream[name], subject, next, most);
      found.push(...messages.map(({ value }) => value));
      next = (messages.at(-1)?.sequence ?? 0) + 1;
      if (left === 0) return found;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.thaw();
    for (const pod of this.#started) pod.signalAll('SIGKILL');
    await this.bus[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await rm(this.pods.root, { recursive: true, force: true });
  }
}

const prepared = {
  version: 1,
  model: { path: 'model', name: 'toy', digest: 'sha256:toy' },
  data: {
    ...{ train: 'store', digest: 'd', samples: 1, heldOutSamples: 0, skipped: {} },
    ...{ tokens: 1, targetTokens: 1 },
  },
};

test.serial('a pod trains to the end, and everything it said outlives it', async (t) => {
  await using scene = await Scene.make(t);
  const pod = await scene.start('a');
  t.is(await pod.ended, 0, pod.lines.join('\n'));
  const missed = pod.lines.filter((line) => line.includes('the bus does not answer'));
  t.deepEqual(missed, [], 'who leaves misses nothing');
  t.deepEqual(pod.terminationMessage(), { v: 1, finished: { reason: 'Finished', step: 20 } });
  t.is(scene.result(), chainOf(20));
  const state = await scene.state();
  t.like(state, {
    round: 1,
    world: { size: 1 },
    checkpoint: { step: 20, round: 1, manifest: 'round-1/step-00000020' },
    result: { type: 'Succeeded', reason: 'Finished', step: 20 },
  });
  t.like(await scene.ack(1), { podUID: 'a', restored: true, finished: true });
  const metrics = (await scene.stored('metrics')) as { type: string; step: number }[];
  const steps = metrics.filter(({ type }) => type === 'step').map(({ step }) => step);
  t.deepEqual(
    steps,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const events = (await scene.stored('events')) as { type: string }[];
  t.deepEqual([...new Set(events.map(({ type }) => type))].toSorted(), [
    'BusBack',
    'Committed',
    'NodeChecked',
    'Restored',
    'Started',
  ]);
  const logs = (await scene.stored('logs')).map((line) => JSON.stringify(line));
  t.true(logs.some((line) => line.includes('goes on after step 0 with a secret [redacted]')));
  t.false([...logs, ...pod.lines].some((line) => line.includes('hf_abcdef')));
});

test.serial(
  'a trainer that dies is started again in place, once counted, with the same bits at the end',
  async (t) => {
    const fault = { name: 'died', afterStep: 8, how: 'SIGSEGV' } as const;
    await using scene = await Scene.make(t, { fault });
    const pod = await scene.start('a');
    t.is(await pod.ended, 0, pod.lines.join('\n'));
    t.is(scene.result(), chainOf(20));
    const state = await scene.state();
    t.like(state, {
      round: 2,
      opened: { by: 'first-a', cause: 'ProcessFailed' },
      checkpoint: { round: 2 },
    });
    t.like(state.restarts, { counted: 1, sinceCommit: 0 });
    t.true((state.restarts.lastRecoverySeconds ?? 0) >= 1, 'one second of pause is part of it');
    t.false(
      existsSync(join(runFolderOf(scene.pods), 'round-1')),
      'what is not needed any more is gone',
    );
  },
);

test.serial(
  'three deaths without a new checkpoint end the job with words that name the cause',
  async (t) => {
    const fault = { name: 'died', afterStep: 2, how: 'Internal', always: true } as const;
    await using scene = await Scene.make(t, { fault });
    const pod = await scene.start('a');
    t.is(await pod.ended, 70);
    t.like((await scene.state()).result, {
      type: 'Failed',
      code: 'E_NO_PROGRESS',
      index: 0,
      exitCode: 70,
    });
    t.like(pod.terminationMessage()?.failure, { reason: 'NoProgress', round: 3, index: 0 });
    t.regex(
      pod.terminationMessage()?.failure?.message ?? '',
      /3 restarts in a row led to no new checkpoint; the last cause: made to fail after step 2/,
    );
  },
);

test.serial(
  'a permanent failure is the result, the exit code and the termination message, and no pod after it trains',
  async (t) => {
    const fault = { name: 'diverged', afterStep: 7, how: 'Diverged' } as const;
    await using scene = await Scene.make(t, { fault });
    const pod = await scene.start('a');
    t.is(await pod.ended, 74);
    t.like((await scene.state()).result, {
      type: 'Failed',
      code: 'E_DIVERGED',
      step: 7,
      exitCode: 74,
    });
    t.like((await scene.state()).checkpoint, { step: 6 }, 'what was saved before is kept');
    t.like(pod.terminationMessage()?.failure, { code: 'E_DIVERGED', step: 7 });
    const next = await scene.start('b');
    t.is(await next.ended, 74);
    t.false(next.lines.some((line) => line.includes('goes on after')));
  },
);

test.serial('a trainer that says nothing any more is ended and started again', async (t) => {
  const fault = { name: 'hung', afterStep: 5, how: 'Hang' } as const;
  await using scene = await Scene.make(t, { fault }, { 'failurePolicy.hangTimeoutSeconds': 10 });
  const pod = await scene.start('a');
  t.is(await pod.ended, 0, pod.lines.join('\n'));
  t.is(scene.result(), chainOf(20));
  t.like(await scene.state(), { round: 2, opened: { cause: 'Hang' } });
});

test.serial('a full device is met with the smaller plan, which costs no restart', async (t) => {
  const fault = { name: 'full', afterStep: 4, how: 'OutOfMemory' } as const;
  await using scene = await Scene.make(t, { fault });
  const pod = await scene.start('a');
  t.is(await pod.ended, 0, pod.lines.join('\n'));
  const state = await scene.state();
  t.like(state, { round: 2, opened: { cause: 'OutOfMemory' }, restarts: { counted: 0 } });
  t.deepEqual(state.adjustments, ['ActivationRecomputation=Full']);
  const run = JSON.parse(readFileSync(join(runFolderOf(scene.pods), 'round-2/run.json'), 'utf8'));
  t.is(run.spec.parallelism.activationRecomputation, 'Full');
});

test.serial(
  'SIGTERM saves, commits and goes; the next pod goes on at that very step',
  async (t) => {
    await using scene = await Scene.make(t, { steps: 40, saveEvery: 1000 });
    const pod = await scene.start('a');
    await eventually('some steps are done', () => stepOf(pod) >= 5);
    pod.signal('SIGTERM');
    t.is(await pod.ended, 75);
    const left = await scene.state();
    t.like(left, {
      round: 2,
      opened: { cause: 'Disruption' },
      restarts: { counted: 0, disruptions: 1 },
    });
    t.true((left.checkpoint?.step ?? 0) >= 5);
    t.is(pod.terminationMessage(), undefined);
    const next = await scene.start('b');
    t.is(await next.ended, 0, next.lines.join('\n'));
    t.true(next.lines.some((line) => line.includes(`goes on after step ${left.checkpoint?.step}`)));
    t.is(scene.result(), chainOf(40));
  },
);

test.serial(
  'asked to stop with a save, a pod says at which step it is safe and waits to be removed',
  async (t) => {
    await using scene = await Scene.make(t, { steps: 400, saveEvery: 1000 });
    const pod = await scene.start('a');
    await eventually('training has begun', async () => (await scene.ack(1))?.restored === true);
    await scene.want({ stop: 'Save' });
    await eventually('it stopped', async () => (await scene.ack(1))?.stoppedStep !== undefined);
    const state = await scene.state();
    t.is((await scene.ack(1))?.stoppedStep, state.checkpoint?.step);
    pod.signal('SIGTERM');
    t.is(await pod.ended, 75);
    t.is((await scene.state()).round, 1, 'nobody is to take its place');
  },
);

test.serial('asked for a save, a pod saves and goes on', async (t) => {
  await using scene = await Scene.make(t, { steps: 150, saveEvery: 1000 });
  const pod = await scene.start('a');
  await eventually('training has begun', async () => (await scene.ack(1))?.restored === true);
  await scene.want({ save: 1 });
  await eventually('it saved', async () => (await scene.ack(1))?.saved === 1);
  const { savedStep = 0 } = (await scene.ack(1)) ?? {};
  t.true(savedStep > 0 && savedStep < 150);
  t.true(((await scene.state()).checkpoint?.step ?? 0) >= savedStep);
  t.is(await pod.ended, 0, pod.lines.join('\n'));
  t.is(scene.result(), chainOf(150));
});

test.serial(
  'the server dies in the middle and comes back: training goes on, and what was said meanwhile arrives',
  async (t) => {
    await using scene = await Scene.make(t, { steps: 150, stepMs: 40 });
    const pod = await scene.start('a');
    await scene.until('a first checkpoint counts', ({ checkpoint }) => checkpoint !== undefined);
    await scene.server.kill();
    const before = stepOf(pod);
    await eventually('training goes on without the bus', () => stepOf(pod) > before + 30);
    await scene.server.start();
    t.is(await pod.ended, 0, pod.lines.join('\n'));
    t.is(scene.result(), chainOf(150));
    t.like(await scene.state(), { round: 1, restarts: { counted: 0 } });
    const metrics = (await scene.stored('metrics')) as { type: string; step: number }[];
    const steps = metrics.filter(({ type }) => type === 'step');
    t.deepEqual(
      steps.map(({ step }) => step).toSorted((a, b) => a - b),
      Array.from({ length: 150 }, (_, i) => i + 1),
      'each step is there, and once',
    );
  },
);

test.serial(
  'killed over and over at any moment, with an operator that sees it, pods end with the undisturbed bits',
  async (t) => {
    t.log(`ANNEAL_TEST_SEED=${seed}`);
    await using scene = await Scene.make(t, { steps: 100, stepMs: 25 });
    const kill = fc.record({
      steps: fc.integer({ min: 0, max: 12 }),
      ms: fc.integer({ min: 0, max: 300 }),
    });
    const kills = fc.noBias(fc.array(kill, { minLength: 6, maxLength: 6 }));
    const [chosen = []] = fc.sample(kills, { seed, numRuns: 1 });
    for (const [round, { steps, ms }] of chosen.entries()) {
      const pod = await scene.start(`kill-${round}`);
      let over = false;
      void pod.ended.then(() => {
        over = true;
      });
      const from = ((await scene.state()).checkpoint?.step ?? 0) + steps;
      await eventually('it got so far', () => over || stepOf(pod) >= from);
      await new Promise((resolve) => setTimeout(resolve, ms));
      pod.signalAll('SIGKILL');
      await pod.ended;
      t.log(`killed ${ms} ms after step ${from}, at step ${stepOf(pod)}`);
      await scene.openRound();
    }
    const last = await scene.start('last');
    t.is(await last.ended, 0, last.lines.join('\n'));
    t.is(scene.result(), chainOf(100));
    t.like((await scene.state()).result, { type: 'Succeeded', step: 100 });
  },
);

test.serial(
  'a lost pod is replaced although there is no operator: the new one opens the round',
  async (t) => {
    await using scene = await Scene.make(
      t,
      { steps: 60 },
      {},
      { ANNEAL_NEWCOMER_PATIENCE_MS: '1500' },
    );
    const pod = await scene.start('a');
    await scene.until('a first checkpoint counts', ({ checkpoint }) => checkpoint !== undefined);
    pod.signalAll('SIGKILL');
    await pod.ended;
    const next = await scene.start('b');
    t.is(await next.ended, 0, next.lines.join('\n'));
    t.is(scene.result(), chainOf(60));
    t.like(await scene.state(), {
      round: 2,
      opened: { by: 'first-b', cause: 'PodLost' },
      restarts: { counted: 0, disruptions: 1 },
    });
  },
);

test.serial(
  'a pod that was frozen and comes back finds that it was replaced: nothing it writes counts, and it goes',
  async (t) => {
    await using scene = await Scene.make(t, { steps: 80, stepMs: 30 });
    const zombie = await scene.start('zombie');
    await scene.until('a first checkpoint counts', ({ checkpoint }) => checkpoint !== undefined);
    zombie.signalAll('SIGSTOP');
    await scene.openRound();
    const next = await scene.start('b');
    await scene.until('the new pod commits', ({ checkpoint }) => checkpoint?.round === 2);
    zombie.signalAll('SIGCONT');
    t.is(await zombie.ended, 75, zombie.lines.join('\n'));
    t.is(await next.ended, 0, next.lines.join('\n'));
    t.is(scene.result(), chainOf(80));
    t.like(await scene.state(), { round: 2, restarts: { counted: 0 } });
  },
);

test.serial(
  'a plan that is not the one of the pod is refused before anything is done',
  async (t) => {
    await using scene = await Scene.make(t);
    const other = { ...scene.pods.job, planDigest: '0'.repeat(64) };
    const pod = await startPod({ ...scene.pods, job: other }, 'worker', { uid: 'a' });
    t.is(await pod.ended, 64);
    t.like(pod.terminationMessage()?.failure, { code: 'E_PLAN_MISMATCH' });
    t.is((await scene.state()).world, undefined);
  },
);

function stepOf({ lines }: Pod): number {
  const steps = lines.flatMap((line) => /step (\d+) of/.exec(line)?.[1] ?? []);
  return Number(steps.at(-1) ?? 0);
}
