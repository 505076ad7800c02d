// Two real NATS servers, joined by a leaf node: one where the hub of a federation is, with the
// accounts that `anneal federate --make-keys` writes, and one at a client, which dials out with the
// key of that client. Each can be killed and started again on its port and storage.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../cli/client/free-port.ts';
import { makeKeys } from '../../cli/federation/make-keys.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { ensureNats } from '../setup/nats.ts';
import { eventually } from './eventually.ts';
import { answers } from './nats-server.ts';

interface Server {
  readonly config: string;
  readonly port: number;
  process: ChildProcess | undefined;
}

export class FederationServers implements AsyncDisposable {
  /** Of keys: `hub.key`, `client-<name>.key`. */
  readonly keys: string;
  readonly #program: string;
  readonly #folder: string;
  readonly #servers: Readonly<Record<'hub' | 'leaf', Server>>;

  /** `behind`: the client whose site has the leaf node. */
  static async start(
    federation: string,
    clients: readonly string[],
    behind: string,
  ): Promise<FederationServers> {
    const program = await ensureNats(thisSetup(new AbortController().signal));
    const folder = await mkdtemp(join(tmpdir(), 'anneal-federation-servers-'));
    const [port, leafPort, dialled] = [await freePort(), await freePort(), await freePort()];
    const keys = join(folder, 'keys');
    await makeKeys(keys, federation, clients);
    const hub = [
      ...['server_name: hub', `listen: 127.0.0.1:${port}`],
      `jetstream { store_dir: "${folder}/hub", domain: hub }`,
      `leafnodes { listen: 127.0.0.1:${dialled} }`,
      'accounts { include ./keys/accounts.conf }',
    ];
    const seed = (await readFile(join(keys, `client-${behind}.key`), 'utf8')).trim();
    // With JetStream of its own, which must not take requests that are for the hub.
    const leaf = [
      ...['server_name: leaf', `listen: 127.0.0.1:${leafPort}`],
      `jetstream { store_dir: "${folder}/leaf", domain: leaf }`,
      `leafnodes { reconnect: "200ms", remotes: [ { url: "nats-leaf://127.0.0.1:${dialled}", nkey: ${seed} } ] }`,
    ];
    await writeFile(join(folder, 'hub.conf'), hub.join('\n'));
    await writeFile(join(folder, 'leaf.conf'), leaf.join('\n'));
    const servers = new FederationServers(program, folder, { port, leafPort });
    await servers.startServer('hub');
    await servers.startServer('leaf');
    return servers;
  }

  private constructor(
    program: string,
    folder: string,
    { port, leafPort }: { readonly port: number; readonly leafPort: number },
  ) {
    this.#program = program;
    this.#folder = folder;
    this.keys = join(folder, 'keys');
    this.#servers = {
      hub: { config: join(folder, 'hub.conf'), port, process: undefined },
      leaf: { config: join(folder, 'leaf.conf'), port: leafPort, process: undefined },
    };
  }

  url(where: 'hub' | 'leaf'): string {
    return `nats://127.0.0.1:${this.#servers[where].port}`;
  }

  key(name: string): string {
    return join(this.keys, `${name}.key`);
  }

  async startServer(where: 'hub' | 'leaf'): Promise<void> {
    const server = this.#servers[where];
    server.process = spawn(this.#program, ['--config', server.config], { stdio: 'ignore' });
    await eventually(`the server of the ${where} listens`, () => answers(server.port));
  }

  /** kill -9. */
  async kill(where: 'hub' | 'leaf'): Promise<void> {
    const server = this.#servers[where];
    const running = server.process;
    if (running === undefined) return;
    server.process = undefined;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  /** Everything that the server of the hub had stored is gone; while it does not run. */
  async wipe(): Promise<void> {
    await rm(join(this.#folder, 'hub'), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('hub');
    await this.kill('leaf');
    await rm(this.#folder, { recursive: true, force: true });
  }
}
