// A real nats-server that asks a responder of ours about every connection, and the responder beside it. Tokens are judged by what they
// say of themselves: who signs tokens is not what is tested here.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection, tokenAuthenticator } from 'nats';
import { freePort } from '../../cli/client/free-port.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { group } from '../../crds/group.ts';
import { Bus } from '../../crds/wire/bus.ts';
import { viewAudience, viewInbox } from '../../crds/wire/pod.ts';
import type { JobOnBus } from '../../crds/wire/subjects.ts';
import { Bearers } from '../../operator/bus-auth/bearer.ts';
import { busKeys } from '../../operator/bus-auth/keys.ts';
import {
  connectResponder,
  type ResponderEvent,
  respond,
} from '../../operator/bus-auth/responder.ts';
import { serverConfig } from '../../operator/bus-auth/server-config.ts';
import { systemClock } from '../../operator/runtime/clock.ts';
import type { KubeRequest, KubeTransport } from '../../operator/runtime/transport.ts';
import { ensureNats } from '../setup/nats.ts';
import { aToken } from './token-reviewer.ts';

const keys = busKeys(Buffer.alloc(32, 3).toString('base64'));
const operatorAccount = 'anneal-system:anneal-operator';

export class GuardedNats implements AsyncDisposable {
  readonly url: string;
  readonly events: ResponderEvent[] = [];
  readonly #server: ChildProcess;
  readonly #folder: string;
  readonly #stop = new AbortController();
  readonly #connections: NatsConnection[] = [];

  static async start(): Promise<GuardedNats> {
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
    await guarded.#respond();
    return guarded;
  }

  private constructor(url: string, server: ChildProcess, folder: string) {
    this.url = url;
    this.#server = server;
    this.#folder = folder;
  }

  async #respond(): Promise<void> {
    const connection = await connectResponder({ url: this.url, name: 'bus-auth' }, keys);
    this.#connections.push(connection);
    const facts = {
      ...{ keys, clock: systemClock, tell: (event: ResponderEvent) => this.events.push(event) },
      bearers: new Bearers({ transport: believing, clock: systemClock, operatorAccount }),
    };
    void respond(connection, facts, this.#stop.signal);
    await connection.flush();
  }

  operator(): Promise<NatsConnection> {
    return this.connect(
      tokenOf('anneal.dev/operator', `system:serviceaccount:${operatorAccount}`),
      '_INBOX',
    );
  }

  /** As a pod of the job connects. */
  pod(job: JobOnBus, account = `${job.namespace}:default`): Promise<NatsConnection> {
    const audience = `anneal.dev/${job.namespace}/first/${job.uid}`;
    const token = tokenOf(audience, `system:serviceaccount:${account}`);
    return this.connect(token, `_INBOX.${job.namespace}.${job.uid}`);
  }

  /** As a person connects who looks at the jobs of a namespace. */
  view(
    namespace: string,
    inbox = viewInbox(namespace),
    account = `${namespace}:default`,
  ): Promise<NatsConnection> {
    return this.connect(viewToken(namespace, account), inbox);
  }

  /** What the API server gives to a person for an account of the namespace. */
  tokenFor(namespace: string): string {
    return viewToken(namespace, `${namespace}:default`);
  }

  /** The same, as the command line does it. */
  viewer(namespace: string): Promise<Bus> {
    const token = viewToken(namespace, `${namespace}:default`);
    const inboxPrefix = viewInbox(namespace);
    const options = { url: this.url, name: 'viewer', token: () => token, inboxPrefix };
    return Bus.connect(options, AbortSignal.timeout(30_000));
  }

  async connect(token: string, inboxPrefix: string): Promise<NatsConnection> {
    const connection = await connect({
      ...{ servers: this.url, inboxPrefix, timeout: 5_000, reconnect: false },
      authenticator: tokenAuthenticator(token),
    });
    this.#connections.push(connection);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const connection of this.#connections) await connection.close();
    const ended = once(this.#server, 'exit');
    this.#server.kill('SIGKILL');
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function viewToken(namespace: string, account: string): string {
  return tokenOf(viewAudience(group, namespace), `system:serviceaccount:${account}`);
}

function tokenOf(audience: string, username: string): string {
  const exp = Math.floor(systemClock.now() / 1000) + 3600;
  return aToken({ aud: [audience], exp, sub: username });
}

/** An API server that believes every token. */
const believing: KubeTransport = {
  skewMs: 0,
  async send({ body }: KubeRequest) {
    const { token, audiences } = (body as { spec: { token: string; audiences: string[] } }).spec;
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return { status: { authenticated: true, audiences, user: { username: sub } } };
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
