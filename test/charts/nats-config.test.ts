// The configuration that the chart gives to NATS, read by a real nats-server; and three servers of
// it, which become one cluster that keeps three copies and lets in who shows a good token.

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
import { ofKind, only, render } from './render.ts';

const keys = busKeys(Buffer.alloc(32, 5).toString('base64'));
const program = ensureNats(thisSetup(new AbortController().signal));

interface Given {
  readonly config: string;
  /** What the chart puts beside it, by name. */
  readonly tls: Readonly<Record<string, string>>;
}

async function configOf(values: object): Promise<Given> {
  const objects = await render(values);
  const secret = ofKind(objects, 'Secret').find(({ metadata }) => /nats-tls$/.test(metadata.name));
  const tls = Object.entries((secret?.['data'] ?? {}) as Record<string, string>).map(
    ([name, text]) => [name, Buffer.from(text, 'base64').toString()],
  );
  const { data } = only(objects, 'ConfigMap', 'prod-anneal-nats');
  return { config: data['nats.conf'], tls: Object.fromEntries(tls) };
}

/** Folders as the pod has them. */
async function lay(folder: string, { config, tls }: Given): Promise<string> {
  await mkdir(join(folder, 'nats'), { recursive: true });
  await mkdir(join(folder, 'nats-auth'), { recursive: true });
  await writeFile(join(folder, 'nats-auth/auth.conf'), serverConfig(keys));
  const path = join(folder, 'nats/nats.conf');
  await mkdir(join(folder, 'nats-tls'), { recursive: true });
  for (const [name, text] of Object.entries(tls))
    await writeFile(join(folder, 'nats-tls', name), text);
  const here = config
    .replace('store_dir: /data', `store_dir: "${folder}/data"`)
    .replaceAll('/etc/nats-tls', `${folder}/nats-tls`);
  await writeFile(path, here);
  return path;
}

const cases: readonly (readonly [string, object])[] = [
  ['as it comes', {}],
  ['with one server', { nats: { replicas: 1 } }],
  ['with five servers and other sizes', { nats: { replicas: 5 } }],
  ['without encryption', { nats: { tls: { plainText: true } } }],
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
  const { config, tls } = await configOf({ bus: { auth: { mode: 'None' } } });
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
      const path = await lay(join(folder, String(index)), { config: own, tls });
      const env = { ...process.env, POD_NAME: `prod-anneal-nats-${index}` };
      servers.push(spawn(await program, ['--config', path], { env, stdio: 'ignore' }));
    }
    const monitor = (index: number) =>
      `http://127.0.0.1:${ports[6 + index]}/healthz?js-server-only=true`;
    await eventually('the readiness probe of all three passes', () => healthy(monitor), {
      withinMs: 60_000,
    });
    const connection = await connect({
      ...{ servers: `127.0.0.1:${ports[0]}`, timeout: 20_000 },
      tls: { ca: tls['ca.crt'] ?? '' },
    });
    // Until the servers have chosen one of them, a bucket cannot be made; the operator tries again
    // as well.
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
  const { config: made, tls } = await configOf({ nats: { replicas: 1 } });
  const config = made
    .replace('listen: 0.0.0.0:4222', `listen: 127.0.0.1:${client}`)
    .replace('http: 0.0.0.0:8222', `http: 127.0.0.1:${monitor}`);
  const path = await lay(folder, { config, tls });
  const env = { ...process.env, POD_NAME: 'prod-anneal-nats-0' };
  const server = spawn(await program, ['--config', path], { env, stdio: 'ignore' });
  try {
    const servers = `127.0.0.1:${client}`;
    const url = () => `http://127.0.0.1:${monitor}/healthz?js-server-only=true`;
    await eventually('the server is ready', () => healthy(url, [0]), { withinMs: 30_000 });
    const authenticator = nkeyAuthenticator(keys.responder.getSeed());
    const ca = tls['ca.crt'] ?? '';
    await (await connect({ servers, authenticator, tls: { ca } })).close();
    const once = { servers, maxReconnectAttempts: 0, timeout: 15_000 };
    await t.throwsAsync(connect({ ...once, tls: { ca } }), { message: /Authorization/ });
    await t.throwsAsync(connect({ ...once, authenticator }), undefined, 'nobody whom it trusts');
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
