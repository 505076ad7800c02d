// A job of several workers as real pods on this machine: real supervisors and trainers, a real bus,
// a real model. What the operator and the Job controller would do in between, a test orders step by
// step.

import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { TransientError } from '../../crds/failures/errors.ts';
import { parseJob } from '../../crds/manifest/manifest.ts';
import { splitLive } from '../../crds/plan/live.ts';
import { countRestart } from '../../crds/plan/restart-account.ts';
import type { Bus } from '../../crds/wire/bus.ts';
import type { RendezvousCause } from '../../crds/wire/rendezvous-causes.ts';
import {
  type AckRecord,
  type DesiredRecord,
  type StateRecord,
  stateRecord,
} from '../../crds/wire/state.ts';
import { keys } from '../../crds/wire/subjects.ts';
import { arrange } from '../../operator/bus/arrange.ts';
import { firstState } from '../../operator/job/first-state.ts';
import { built, someSettings } from '../builders/built-job.ts';
import { aDesired, aState } from '../builders/situation.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { eventually } from './eventually.ts';
import { type Pod, type PodsOf, runFolderOf, startPod } from './job-pods.ts';
import { JobRecords } from './job-records.ts';
import { NatsServer, records } from './nats-server.ts';
import { mountDisk } from './small-disk.ts';

const claim = 'toy';
const program = [join(import.meta.dirname, '../../worker/supervisor/main.ts')];

interface WorldPlan {
  readonly workers: number;
  readonly training?: Readonly<Record<string, unknown>>;
  readonly checkpoint?: Readonly<Record<string, unknown>>;
  readonly failurePolicy?: Readonly<Record<string, unknown>>;
  readonly worker?: Readonly<Record<string, unknown>>;
  readonly method?: Readonly<Record<string, unknown>>;
  readonly sizes?: Readonly<Record<string, number>>;
  readonly dataset?: Readonly<Record<string, unknown>>;
  readonly observability?: Readonly<Record<string, unknown>>;
  /** Of the environment of each pod. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Address of a collector of traces. */
  readonly collector?: string;
  /** The claim has no more room than so many bytes. */
  readonly diskBytes?: number;
}

const lora = {
  preset: 'LoRA',
  precision: { type: 'Float32' },
  adapter: { type: 'LoRA', lora: { rank: 4, dropout: '0.2' } },
};

export class JobWorld implements AsyncDisposable {
  readonly server: NatsServer;
  /** Folder of the claim, and of the job file in it. */
  readonly folder: string;
  readonly pods: Pod[] = [];
  /** What the numbers of its result depend on, but for the number of workers. */
  readonly numbers: Pick<WorldPlan, 'training' | 'method' | 'sizes'>;
  readonly #bus: Bus;
  readonly #of: PodsOf;
  readonly #records: JobRecords;
  readonly #disk: AsyncDisposable | undefined;
  #wanted: DesiredRecord;
  #made = 0;

  /** Model and data are prepared, and the bus says how many workers are wanted. */
  static async make(plan: WorldPlan): Promise<JobWorld> {
    const server = await NatsServer.start();
    const bus = await server.bus('operator');
    const root = await mkdtemp(join(tmpdir(), 'anneal-world-'));
    const folder = join(root, claim);
    const { workers, worker, method = lora, diskBytes, collector, variables, ...rest } = plan;
    const { training, sizes } = plan;
    const disk = diskBytes === undefined ? undefined : await mountDisk(folder, diskBytes);
    const { file } = await writeToyJob(folder, {
      ...{ name: 'toy', claim, method, ...rest },
      worker: {
        ...{ replicas: workers, devicesPerWorker: 0, terminationGracePeriodSeconds: 30 },
        // Sums of one thread here as there.
        ...{ resources: { requests: { cpu: '1' } }, ...worker },
      },
    });
    await chmod(folder, 0o777);
    const { job: written } = parseJob(await readFile(file, 'utf8'), file);
    const observability = { ...written.spec.observability, logLevel: 'Debug' as const };
    const job = built({ ...written, spec: { ...written.spec, observability } });
    const traces = collector && {
      ...{ endpoint: `${collector}/v1/traces`, port: 0, namespace: undefined },
    };
    const settings = {
      ...{ ...someSettings, traces: traces || undefined },
      bus: { url: server.url, port: 0, namespace: undefined },
    };
    const more = { OMP_NUM_THREADS: '1', ...variables };
    const live = JSON.parse(JSON.stringify(splitLive(job.spec).live));
    const desired = aDesired({ workers, min: workers, max: workers, live });
    const of = { job, settings, root, program, more };
    const numbers = { method, ...(training && { training }), ...(sizes && { sizes }) };
    const world = new JobWorld(server, bus, of, desired, disk, numbers);
    await world.#records.admit(8);
    await world.stage('prepare');
    const state = await records(bus);
    await state.create(keys.state(job), aState());
    await world.want({});
    return world;
  }

  private constructor(
    server: NatsServer,
    bus: Bus,
    of: PodsOf,
    wanted: DesiredRecord,
    disk: AsyncDisposable | undefined,
    numbers: JobWorld['numbers'],
  ) {
    this.server = server;
    this.numbers = numbers;
    this.folder = join(of.root, claim);
    this.#bus = bus;
    this.#of = of;
    this.#records = new JobRecords(bus, of.job);
    this.#wanted = wanted;
    this.#disk = disk;
  }

  async stage(role: 'prepare' | 'publish'): Promise<void> {
    const pod = await startPod(this.#of, role, { uid: role });
    this.pods.push(pod);
    const code = await pod.ended;
    if (code !== 0) throw new Error(`${role} ended with ${code}:\n${pod.lines.join('\n')}`);
  }

  /** A pod of this index, as the Job controller makes it. */
  async start(index: number, workerRevision = 1, within: readonly string[] = []): Promise<Pod> {
    const uid = `w${workerRevision}-${index}-${++this.#made}`;
    const node = `node-${index % 2}`;
    const replicas = this.#wanted.workers;
    const pod = await startPod(this.#of, 'worker', {
      ...{ uid, workerRevision, index, node, replicas, within },
    });
    this.pods.push(pod);
    return pod;
  }

  /** Of a site that has no bus. */
  async startAlone(): Promise<Pod> {
    const settings = { ...this.#of.settings, bus: undefined };
    const pod = await startPod({ ...this.#of, settings }, 'worker', { uid: `${++this.#made}` });
    this.pods.push(pod);
    return pod;
  }

  startAll(count: number, workerRevision = 1): Promise<readonly Pod[]> {
    return Promise.all(
      Array.from({ length: count }, (_, index) => this.start(index, workerRevision)),
    );
  }

  get uid(): string {
    return this.#of.job.uid;
  }

  get spec(): FineTuneJobSpec {
    return this.#of.job.spec;
  }

  /** What all pods of the job write below. */
  get runFolder(): string {
    return runFolderOf(this.#of);
  }

  /**
   * As the operator does when the bus has come back empty, and all that it knows of the job is what
   * status says: round and checkpoint as they were then.
   */
  async arrangeAgain({ round, checkpoint, restarts }: StateRecord): Promise<void> {
    // A server that has just come up does not answer all at once.
    await eventually('buckets and streams are there again', () =>
      arrange(this.#bus, 1).then(
        () => true,
        (error: unknown) => {
          if (error instanceof TransientError) return false;
          throw error;
        },
      ),
    );
    const status = {
      rendezvous: { round },
      ...(checkpoint && {
        checkpoint: {
          latestStep: checkpoint.step,
          latestTime: checkpoint.time,
          latestDigest: checkpoint.digest,
          latestURI: checkpoint.manifest,
          round: checkpoint.round,
        },
      }),
    };
    const beginning = { workerRevision: this.#wanted.workerRevision, restarts, now: Date.now() };
    await this.#records.admit(8);
    const bucketOfState = await this.#records.bucket();
    await bucketOfState.create(keys.state(this.#of.job), firstState(status, beginning));
    await this.want({});
  }

  async want(changes: Partial<DesiredRecord>): Promise<void> {
    this.#wanted = { ...this.#wanted, ...changes };
    await this.#records.want(this.#wanted);
  }

  state(): Promise<StateRecord> {
    return this.#records.state();
  }

  ack(round: number, index: number): Promise<AckRecord | undefined> {
    return this.#records.ack(round, index);
  }

  /** As the operator does when it sees that something is not as it should be. */
  async open(cause: RendezvousCause, workerRevision?: number): Promise<void> {
    const bucketOfState = await this.#records.bucket();
    const key = keys.state(this.#of.job);
    for (let written: number | false = false; written === false; ) {
      const entry = await bucketOfState.get(key);
      const { world: _, ...record } = stateRecord.parse(entry?.value);
      if (record.result !== undefined) return;
      const now = Date.now();
      const { restarts } = record;
      const isCounted = cause === 'PodFailed';
      const next: StateRecord = {
        ...record,
        ...(workerRevision === undefined ? {} : { workerRevision }),
        round: record.round + 1,
        opened: { by: 'operator', cause, at: new Date(now).toISOString() },
        restarts: isCounted
          ? countRestart(restarts, cause, now, this.#of.job.spec.failurePolicy)
          : { ...restarts, disruptions: restarts.disruptions + 1 },
      };
      written = await bucketOfState.update(key, next, entry?.revision ?? 0);
    }
  }

  until(what: string, holds: (state: StateRecord) => boolean | Promise<boolean>): Promise<void> {
    const look = async (): Promise<boolean> => {
      try {
        return await holds(await this.state());
      } catch (error) {
        // The bus is away, or has just come back.
        if (error instanceof TransientError) return false;
        throw error;
      }
    };
    return eventually(what, look, { withinMs: 120_000, everyMs: 20 });
  }

  /** Waits until somebody says that so many steps are done. */
  untilStep(step: number): Promise<void> {
    return eventually(`step ${step} is done`, () => this.step >= step, {
      withinMs: 120_000,
      everyMs: 5,
    });
  }

  /** The newest that any pod told of. */
  get step(): number {
    return Math.max(0, ...this.pods.map((pod) => stepsOf(pod).at(-1) ?? 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.thaw();
    for (const pod of this.pods) pod.signalAll('SIGKILL');
    await this.#bus[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.#disk?.[Symbol.asyncDispose]();
    await rm(this.#of.root, { recursive: true, force: true });
  }
}

/** Steps that a pod told of, in its order. */
export function stepsOf({ lines }: Pod): readonly number[] {
  return lines.flatMap((line) => {
    const step = /step (\d+) of/.exec(line)?.[1];
    return step === undefined ? [] : [Number(step)];
  });
}
