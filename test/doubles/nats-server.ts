// A real nats-server with JetStream on a free port and a folder of its own. It can be killed and
// started again on the same port, with its storage or without, and stopped in place as a partition
// would.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../cli/client/free-port.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { systemClock } from '../../crds/clock.ts';
import type { Bucket } from '../../crds/wire/bucket.ts';
import { Bus } from '../../crds/wire/bus.ts';
import { bucket } from '../../crds/wire/subjects.ts';
import { arrange } from '../../operator/bus/arrange.ts';
import { Gateway } from '../../operator/gateway/gateway.ts';
import { ensureNats } from '../setup/nats.ts';
import { eventually } from './eventually.ts';

/** UID of the cluster of whatever is tested. */
export const cluster = 'c1';

export class NatsServer implements AsyncDisposable {
  readonly #program: string;
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;
  #gateway: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  static async start(): Promise<NatsServer> {
    const program = await ensureNats(thisSetup(new AbortController().signal));
    const folder = await mkdtemp(join(tmpdir(), 'anneal-nats-'));
    const server = new NatsServer(program, folder, await freePort());
    await server.start();
    return server;
  }

  private constructor(program: string, folder: string, port: number) {
    this.#program = program;
    this.#folder = folder;
    this.#port = port;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  async start(flags: readonly string[] = []): Promise<void> {
    const where = [
      '--addr',
      '127.0.0.1',
      '--port',
      String(this.#port),
      '--store_dir',
      this.#folder,
    ];
    this.#process = spawn(this.#program, ['--jetstream', ...where, ...flags], { stdio: 'ignore' });
    await eventually('nats-server listens', () => answers(this.#port));
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (running === undefined) return;
    this.#process = undefined;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** The server keeps its connections and answers nothing any more. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Everything that was stored is gone; to be called while it does not run. */
  async wipe(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /**
   * A connection, after buckets and streams were made as the operator makes them; and a gateway for
   * those who are no operator.
   */
  async bus(name = 'test'): Promise<Bus> {
    const bus = await this.connect(name);
    await arrange(bus, 1);
    this.startGateway();
    return bus;
  }

  startGateway(): void {
    const stop = new AbortController();
    const options = { url: this.url, name: 'gateway' };
    const gateway = new Gateway({
      ...{ bus: options, workers: options, clock: systemClock },
      cluster: async () => cluster,
      tell: () => {}, // servers go away in tests
      seen: () => {},
    });
    this.#gateway ??= { stop, ended: gateway.run(stop.signal) };
  }

  async stopGateway(): Promise<void> {
    this.#gateway?.stop.abort();
    await this.#gateway?.ended;
    this.#gateway = undefined;
  }

  connect(name: string): Promise<Bus> {
    return Bus.connect({ url: this.url, name }, AbortSignal.timeout(30_000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    await this.stopGateway();
    await this.kill();
    await this.wipe();
  }
}

/** The records, as the operator has them. */
export function records(bus: Bus): Promise<Bucket> {
  return bus.openBucket(bucket.state, cluster);
}

export function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  // The server speaks first: INFO.
  socket.once('data', () => resolve(true));
  socket.once('error', () => resolve(false));
  socket.once('close', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
