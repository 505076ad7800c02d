// The configuration that the chart gives to NATS, read by a real nats-server; and three servers of it, which become one cluster that
// keeps three copies and lets in who shows a good token.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { connect, nkeyAuthenticator } from 'nats';
import { freePort } from '../../cli/client/free-port.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { busKeys } from '../../operator/bus-auth/keys.ts';
import { serverConfig } from '../../operator/bus-auth/server-config.ts';
import { eventually } from '../doubles/eventually.ts';
import { ensureNats } from '../setup/nats.ts';
import { only, render } from './render.ts';

const keys = busKeys(Buffer.alloc(32, 5).toString('base64'));
const program = ensureNats(thisSetup(new AbortController().signal));

async function configOf(values: object): Promise<string> {
  return only(await render(values), 'ConfigMap', 'prod-anneal-nats')['data']['nats.conf'];
}

/** Folders as the pod has them. */
async function lay(folder: string, config: string): Promise<string> {
  await mkdir(join(folder, 'nats'), { recursive: true });
  await mkdir(join(folder, 'nats-auth'), { recursive: true });
  await writeFile(join(folder, 'nats-auth/auth.conf'), serverConfig(keys));
  const path = join(folder, 'nats/nats.conf');
  await writeFile(path, config.replace('store_dir: /data', `store_dir: "${folder}/data"`));
  return path;
}

const cases: readonly (readonly [string, object])[] = [
  ['as it comes', {}],
  ['with one server', { nats: { replicas: 1 } }],
  ['with five servers and other sizes', { nats: { replicas: 5, memoryStore: '1G' } }],
  ['with a size in bytes', { nats: { memoryStore: 67_108_864 } }],
  ['for trials without rights', { bus: { auth: { mode: 'None' } } }],
];

for (const [title, values] of cases) {
  test(`nats-server understands its configuration ${title}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'anneal-nats-config-'));
    const path = await lay(folder, await configOf(values));
    const ran = await execa(await program, ['-t', '--config', path], {
      ...{ env: { POD_NAME: 'prod-anneal-nats-0' }, reject: false, all: true },
    });
    t.is(ran.exitCode, 0, ran.all);
    t.regex(ran.all, /configuration file .* is valid/);
    await rm(folder, { recursive: true });
  });
}

test('three servers form one cluster that keeps three copies', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-nats-cluster-'));
  const config = await configOf({ bus: { auth: { mode: 'None' } } });
  const servers: ChildProcess[] = [];
  try {
    const ports = await freePorts(9);
    const host = 'prod-anneal-nats-INDEX.prod-anneal-nats-peers.anneal-system.svc.cluster.local';
    for (const index of [0, 1, 2]) {
      const [client, peers, monitor] = [ports[index], ports[3 + index], ports[6 + index]];
      let own = config
        .replace('listen: 0.0.0.0:4222', `listen: 127.0.0.1:${client}`)
        .replace('http: 0.0.0.0:8222', `http: 127.0.0.1:${monitor}`)
        .replace('listen: 0.0.0.0:6222', `listen: 127.0.0.1:${peers}`);
      for (const other of [0, 1, 2]) {
        const name = host.replace('INDEX', String(other));
        t.true(own.includes(`${name}:6222`), `the configuration has a route to ${name}`);
        own = own.replace(`${name}:6222`, `127.0.0.1:${ports[3 + other]}`);
      }
      const path = await lay(join(folder, String(index)), own);
      const env = { ...process.env, POD_NAME: `prod-anneal-nats-${index}` };
      servers.push(spawn(await program, ['--config', path], { env, stdio: 'ignore' }));
    }
    const monitor = (index: number) =>
      `http://127.0.0.1:${ports[6 + index]}/healthz?js-server-only=true`;
    await eventually('the readiness probe of all three passes', () => healthy(monitor), {
      withinMs: 60_000,
    });
    const connection = await connect({ servers: `127.0.0.1:${ports[0]}`, timeout: 20_000 });
    // Until the servers have chosen one of them, a bucket cannot be made; the operator tries again as well.
    let copies: readonly unknown[] = [];
    const made = async () => {
      try {
        const { views } = connection.jetstream({ timeout: 5_000 });
        const kv = await views.kv('three', { replicas: 3 });
        await kv.put('a.b', 'kept');
        const { cluster } = await (await connection.jetstreamManager()).streams.info('KV_three');
        copies = cluster?.replicas ?? [];
        return true;
      } catch {
        return false; // asked again until the time is over
      }
    };
    await eventually('a bucket with three copies is made', made, { withinMs: 90_000 });
    t.is(copies.length, 2, 'a leader and two followers');
    await connection.close();
  } finally {
    for (const server of servers) await kill(server);
    await rm(folder, { recursive: true, force: true });
  }
});

test('a server of the chart turns away who has no token, and lets the responder in', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-nats-guarded-'));
  const [client, monitor] = await freePorts(2);
  const config = (await configOf({ nats: { replicas: 1 } }))
    .replace('listen: 0.0.0.0:4222', `listen: 127.0.0.1:${client}`)
    .replace('http: 0.0.0.0:8222', `http: 127.0.0.1:${monitor}`);
  const path = await lay(folder, config);
  const env = { ...process.env, POD_NAME: 'prod-anneal-nats-0' };
  const server = spawn(await program, ['--config', path], { env, stdio: 'ignore' });
  try {
    const servers = `127.0.0.1:${client}`;
    const url = () => `http://127.0.0.1:${monitor}/healthz?js-server-only=true`;
    await eventually('the server is ready', () => healthy(url, [0]), { withinMs: 30_000 });
    const authenticator = nkeyAuthenticator(keys.responder.getSeed());
    await (await connect({ servers, authenticator })).close();
    await t.throwsAsync(connect({ servers, maxReconnectAttempts: 0, timeout: 15_000 }));
  } finally {
    await kill(server);
    await rm(folder, { recursive: true, force: true });
  }
});

async function healthy(url: (index: number) => string, indexes = [0, 1, 2]): Promise<boolean> {
  const answers = indexes.map((index) => fetch(url(index)).then((answer) => answer.ok));
  return (await Promise.all(answers).catch(() => [false])).every((each) => each);
}

async function kill(server: ChildProcess): Promise<void> {
  const ended = once(server, 'exit');
  if (server.exitCode !== null || !server.kill('SIGKILL')) return;
  await ended;
}

/** So many different ones. */
async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
