// A real nats-server that asks a responder of ours about every connection, and the responder beside
// it. Tokens are judged by what they say of themselves: who signs tokens is not what is tested
// here.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection, tokenAuthenticator } from 'nats';
import { freePort } from '../../cli/client/free-port.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { systemClock } from '../../crds/clock.ts';
import { group } from '../../crds/names/group.ts';
import { Bus } from '../../crds/wire/bus.ts';
import { viewAudience } from '../../crds/wire/pod.ts';
import { PodBus } from '../../crds/wire/pod-bus.ts';
import { inbox, type JobOnBus, keys as recordKeys } from '../../crds/wire/subjects.ts';
import { ViewBus } from '../../crds/wire/view-bus.ts';
import { arrange } from '../../operator/bus/arrange.ts';
import { Guard } from '../../operator/bus-auth/guard.ts';
import { busKeys } from '../../operator/bus-auth/keys.ts';
import { serverConfig } from '../../operator/bus-auth/server-config.ts';
import type { KubeRequest, KubeTransport } from '../../operator/runtime/transport.ts';
import { ensureNats } from '../setup/nats.ts';
import { eventually } from './eventually.ts';
import { cluster, records } from './nats-server.ts';
import { aToken } from './token-reviewer.ts';

const keys = busKeys(Buffer.alloc(32, 3).toString('base64'));
/** By which the gateway itself connects. */
export const busSeeds = { store: keys.store.getSeed(), counter: keys.counter.getSeed() } as const;
const operatorAccount = 'anneal-system:anneal-operator';

interface PodPlace {
  /** @default 0; undefined: a pod that prepares. */
  readonly index?: number | undefined;
  /** @default one of its own */
  readonly pod?: string;
  /** @default <namespace>:default */
  readonly account?: string;
}

export class GuardedNats implements AsyncDisposable {
  readonly url: string;
  /** What was told of those who were turned away. */
  readonly refusals: string[] = [];
  readonly guards: Guard[] = [];
  readonly #server: ChildProcess;
  readonly #folder: string;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #connections: AsyncDisposable[] = [];
  #bus: Bus | undefined;
  #pods = 0;

  /** With so many guards, and with what the operator makes. */
  static async start(guards = 1): Promise<GuardedNats> {
    const program = await ensureNats(thisSetup(new AbortController().signal));
    const folder = await mkdtemp(join(tmpdir(), 'anneal-guarded-'));
    const port = await freePort();
    const config = [
      'server_name: guarded',
      `listen: 127.0.0.1:${port}`,
      `jetstream { store_dir: "${folder}/data" }`,
      'include ./auth.conf',
    ];
    await writeFile(join(folder, 'nats.conf'), config.join('\n'));
    await writeFile(join(folder, 'auth.conf'), serverConfig(keys));
    const server = spawn(program, ['--config', join(folder, 'nats.conf')], { stdio: 'ignore' });
    const guarded = new GuardedNats(`nats://127.0.0.1:${port}`, server, folder);
    for (let index = 0; index < guards; index += 1) guarded.#guard(index);
    await eventually('somebody answers', () => guarded.guards.every(({ ready }) => ready.ready));
    guarded.#bus = await guarded.#operatorBus();
    await arrange(guarded.#bus, 1);
    await eventually('requests are answered', () =>
      guarded.guards.every(({ gateway }) => gateway.isReady),
    );
    return guarded;
  }

  private constructor(url: string, server: ChildProcess, folder: string) {
    this.url = url;
    this.#server = server;
    this.#folder = folder;
  }

  #guard(index: number): void {
    const guard = new Guard({
      ...{ keys, url: this.url, authority: undefined, name: `guard-${index}`, operatorAccount },
      ...{ transport: believing, clock: systemClock, cluster: async () => cluster },
      log: {
        ...{ debug() {}, info() {}, error() {} },
        warn: (facts: { why?: string }) => void this.refusals.push(facts.why ?? ''),
      },
    });
    this.guards.push(guard);
    this.#running.push(guard.run(this.#stop.signal));
  }

  async #operatorBus(): Promise<Bus> {
    const options = { url: this.url, name: 'operator', token: operatorToken };
    const bus = await Bus.connect(options, AbortSignal.timeout(30_000));
    this.#connections.push(bus);
    return bus;
  }

  /** As the operator has it. */
  get bus(): Bus {
    if (this.#bus === undefined) throw new Error('it has not been started');
    return this.#bus;
  }

  /** A job that the operator has made known, and its pods may speak of. */
  async admit(job: JobOnBus, workers = 1): Promise<void> {
    const state = await records(this.bus);
    await state.put(recordKeys.job(job), { v: 1, name: 'first', workers });
    const isKnown = () => this.guards.every(({ gateway }) => gateway.workersOf(job) === workers);
    await eventually('the gateways know the job', isKnown, { everyMs: 5 });
  }

  operator(): Promise<NatsConnection> {
    return this.connect(operatorToken(), '_INBOX');
  }

  /** As a pod of the job connects, for a test that sends what it likes. */
  pod(job: JobOnBus, place: PodPlace = {}): Promise<NatsConnection> {
    const { pod, token } = this.#podOf(job, place);
    return this.connect(token, inbox.pod({ job, uid: pod }));
  }

  /** As a pod of the job connects. */
  async podBus(job: JobOnBus, place: PodPlace = {}): Promise<PodBus> {
    const { pod, token } = this.#podOf(job, place);
    const options = {
      ...{ url: this.url, name: 'pod', token: () => token },
      pod: { job, index: place.index ?? 0, uid: pod },
    };
    const bus = await PodBus.connect(options, AbortSignal.timeout(30_000));
    this.#connections.push(bus);
    return bus;
  }

  /** What kubelet gives to a pod of the job. */
  tokenOf(job: JobOnBus, place: PodPlace = {}): string {
    return this.#podOf(job, place).token;
  }

  #podOf(job: JobOnBus, place: PodPlace) {
    this.#pods += 1;
    const { account = `${job.namespace}:default` } = place;
    const pod = place.pod ?? `0b0b0b0b-0000-4000-8000-${String(this.#pods).padStart(12, '0')}`;
    const index = 'index' in place ? place.index : 0;
    const name = index === undefined ? 'first-init-1-abcde' : `first-w1-${index}-abcde`;
    const audience = `anneal.dev/${job.namespace}/first/${job.uid}`;
    return { pod, token: tokenOf(audience, `system:serviceaccount:${account}`, { pod, name }) };
  }

  /** As a person connects who looks at the jobs of a namespace. */
  view(
    namespace: string,
    prefix = inbox.view(namespace),
    account = `${namespace}:default`,
  ): Promise<NatsConnection> {
    return this.connect(viewToken(namespace, account), prefix);
  }

  /** What the API server gives to a person for an account of the namespace. */
  tokenFor(namespace: string): string {
    return viewToken(namespace, `${namespace}:default`);
  }

  /** The same, as the command line does it. */
  async viewer(namespace: string): Promise<ViewBus> {
    const options = { url: this.url, name: 'viewer', namespace };
    const token = () => this.tokenFor(namespace);
    const bus = await ViewBus.connect({ ...options, token }, AbortSignal.timeout(30_000));
    this.#connections.push(bus);
    return bus;
  }

  async connect(token: string, inboxPrefix: string): Promise<NatsConnection> {
    const connection = await connect({
      ...{ servers: this.url, inboxPrefix, timeout: 20_000, reconnect: false },
      authenticator: tokenAuthenticator(token),
    });
    this.#connections.push({ [Symbol.asyncDispose]: () => connection.close() });
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) await connection[Symbol.asyncDispose]();
    this.#stop.abort();
    await Promise.all(this.#running);
    const ended = once(this.#server, 'exit');
    this.#server.kill('SIGKILL');
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function viewToken(namespace: string, account: string): string {
  return tokenOf(viewAudience(group, namespace), `system:serviceaccount:${account}`);
}

function operatorToken(): string {
  return tokenOf('anneal.dev/operator', `system:serviceaccount:${operatorAccount}`);
}

function tokenOf(
  audience: string,
  username: string,
  bound?: { readonly pod: string; readonly name: string },
): string {
  const exp = Math.floor(systemClock.now() / 1000) + 3600;
  return aToken({ aud: [audience], exp, sub: username, ...(bound && { bound }) });
}

/** An API server that believes every token. */
const believing: KubeTransport = {
  skewMs: 0,
  async send({ body }: KubeRequest) {
    const { token, audiences } = (body as { spec: { token: string; audiences: string[] } }).spec;
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const { sub: username, bound } = claims;
    const extra = bound && {
      'authentication.kubernetes.io/pod-uid': [bound.pod],
      'authentication.kubernetes.io/pod-name': [bound.name],
    };
    return { status: { authenticated: true, audiences, user: { username, extra } } };
  },
  // biome-ignore lint/correctness/useYield: nobody watches
  async *lines() {
    throw new Error('nobody watches');
  },
};

/** The first error that the server told a connection of: a right that it does not have. */
export async function violationOf(connection: NatsConnection): Promise<string> {
  for await (const { type, data } of connection.status()) {
    if (type === 'error') return String(data);
  }
  return 'the connection was closed';
}
