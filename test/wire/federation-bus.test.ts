// What hub and clients of a federation say over two real NATS servers: that it arrives, that a
// later attempt or hub shuts an earlier one out, and what somebody with the key of a client cannot
// do. South is honest, north attacks, and west is behind a leaf node.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { headers, type NatsConnection } from 'nats';
import { writeJson } from '../../cli/client/whole-json.ts';
import { HubBus } from '../../cli/federation/hub-bus.ts';
import { readKey } from '../../cli/federation/make-keys.ts';
import { objectFile, receiveObject } from '../../cli/federation/object-files.ts';
import { PeerBus } from '../../cli/federation/peer-bus.ts';
import { recordsOf } from '../../cli/federation/run-hub.ts';
import { digestOf } from '../../crds/index.ts';
import { parseFederation } from '../../crds/manifest/federation.ts';
import { Connection } from '../../crds/wire/connection.ts';
import { type RoundSpec, recordName, type StoredObject } from '../../crds/wire/federation.ts';
import { arrangeFederation } from '../../crds/wire/federation-arrange.ts';
import {
  chunkBytes,
  clientSubjects,
  hubSubjects,
  importsOf,
  largestObjectBytes,
  streamOf,
} from '../../crds/wire/federation-bus.ts';
import { FederationLink } from '../../crds/wire/federation-link.ts';
import { eventually } from '../doubles/eventually.ts';
import { FederationServers } from '../doubles/federation-servers.ts';

const clients = ['north', 'south', 'west'] as const;
type Who = 'hub' | (typeof clients)[number];
const servers = await FederationServers.start('clinics', clients, 'west');
test.after.always(() => servers[Symbol.asyncDispose]());

const file = new URL('../../crds/federations/hub.yaml', import.meta.url);
const { spec } = parseFederation(readFileSync(file, 'utf8'), 'hub.yaml', 'bus');
const hubAt = hubSubjects('clinics');
const at = clientSubjects('clinics');
let runs = 0;

async function reach(t: ExecutionContext, who: Who) {
  const stop = new AbortController();
  const url = servers.url(who === 'west' ? 'leaf' : 'hub');
  const seed = await readKey(servers.key(who === 'hub' ? 'hub' : `client-${who}`));
  // Nobody asks for a key at the site of the leaf node.
  const options = { url, name: who, ...(who !== 'west' && { seed }) };
  const connection = await Connection.connect(options, AbortSignal.timeout(30_000));
  t.teardown(async () => {
    stop.abort();
    await connection[Symbol.asyncDispose]();
  });
  const link = new FederationLink(connection, stop.signal, (sentence) => t.log(sentence));
  return { connection, link, nats: connection.nats };
}

async function aFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-federation-bus-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function anObject(root: string, bytes: number): Promise<StoredObject> {
  const content = randomBytes(bytes);
  const digest = createHash('sha256').update(content).digest('hex');
  await mkdir(dirname(objectFile(root, digest)), { recursive: true });
  await writeFile(objectFile(root, digest), content);
  return { digest, bytes };
}

/** A hub with an open round that begins with so many bytes. */
async function aHub(t: ExecutionContext, bytes = 100) {
  const { connection, link, nats } = await reach(t, 'hub');
  const folder = await aFolder(t);
  runs += 1;
  const record = {
    ...{ version: 1 as const, name: 'clinics', namespace: 'default', folder: '/', spec },
    ...{ digest: digestOf({ runs }), volumes: {}, cache: '/', device: 'cpu' as const, threads: 1 },
    createdAt: '2026-01-01T00:00:00Z',
  };
  const stored = { folder, number: 1, record };
  const bus = await HubBus.begin(connection, link, stored);
  const trained = await anObject(folder, bytes);
  const open = async (round: number): Promise<RoundSpec> => {
    const begins = { trained, merged: [] };
    const spec = { round, base: 'b', state: digestOf('s'), begins, clients: [...clients] };
    await bus.open(spec);
    return spec;
  };
  await open(1);
  return { bus, open, folder, trained, stored, connection, link, nats };
}

/** A client in the open round. */
async function aClient(t: ExecutionContext, who: (typeof clients)[number]) {
  const reached = await reach(t, who);
  const root = await aFolder(t);
  const bus = new PeerBus(reached.link, 'clinics');
  const hub = await bus.hub();
  if (hub?.round === undefined) throw new Error('no round is open');
  const signal = new AbortController().signal;
  const open = { run: hub.run, round: hub.round };
  const attempt = () => bus.attempt(open, who, root, signal);
  return { ...reached, root, bus, open, attempt };
}

/** What the role `submit` leaves in the folder of a client. */
async function trained(root: string, client: string, epoch: number, object: StoredObject) {
  const record = { round: 1, client, epoch, base: 'b', state: digestOf('s'), object, samples: 3 };
  await writeJson(recordsOf(root), `${recordName.submit(1, client)}.json`, record);
  return record;
}

for (const who of ['south', 'west'] as const) {
  test.serial(`${who} gets the state and sends what it trained, to the bit`, async (t) => {
    // Several chunks, the last of them not whole.
    const hub = await aHub(t, 10 * chunkBytes + 17);
    const client = await aClient(t, who);
    const attempt = client.attempt();
    t.is(await attempt.claim(), 1);
    await attempt.fetch();
    const state = await readFile(objectFile(client.root, hub.trained.digest));
    t.deepEqual(state, await readFile(objectFile(hub.folder, hub.trained.digest)));
    const object = await anObject(client.root, 3 * chunkBytes);
    const record = await trained(client.root, who, 1, object);
    await attempt.submit();
    const turn = await hub.bus.turnOf(who, 1);
    t.deepEqual(turn?.submitted, record);
    t.is(await hub.bus.receive(who, object), null);
    const arrived = await readFile(objectFile(hub.folder, object.digest));
    t.deepEqual(arrived, await readFile(objectFile(client.root, object.digest)));
    // It is an object of NATS's own store.
    const { bucket } = hubAt.uploads(who);
    const store = await hub.nats.jetstream().views.os(bucket);
    t.deepEqual(Buffer.from((await store.getBlob(object.digest)) ?? []), arrived);
  });
}

test.serial('an attempt that lost the round to a later one submits nothing', async (t) => {
  await aHub(t);
  const client = await aClient(t, 'south');
  const [first, second] = [client.attempt(), client.attempt()];
  t.deepEqual([await first.claim(), await second.claim()], [1, 2]);
  const object = await anObject(client.root, 50);
  await trained(client.root, 'south', 1, object);
  await t.throwsAsync(() => first.submit(), {
    message: /^another process of south has taken over round 1/,
  });
  t.is((await client.bus.turn())?.submitted, undefined);
  await trained(client.root, 'south', 2, object);
  await second.submit();
  t.is((await client.bus.turn())?.submitted?.epoch, 2);
});

test.serial('a hub that was replaced writes nothing more, and says so', async (t) => {
  const first = await aHub(t);
  const second = await HubBus.begin(first.connection, first.link, first.stored);
  await t.throwsAsync(() => first.bus.hold(), {
    message: /^another process is the hub of clinics/,
  });
  await t.throwsAsync(() => first.open(2), { message: /^another process is the hub of clinics/ });
  await second.hold();
  const { bus } = await aClient(t, 'south');
  t.is((await bus.hub())?.round?.round, 1, 'the round goes on');
});

test.serial('what was sent to another start or round of the hub counts in none', async (t) => {
  const old = await aHub(t);
  const client = await aClient(t, 'south');
  const attempt = client.attempt();
  await attempt.claim();
  await trained(client.root, 'south', 1, await anObject(client.root, 50));
  await attempt.submit();
  await old.open(2);
  t.is(await old.bus.turnOf('south', 2), null, 'of round 1');
  const fresh = await aHub(t);
  t.is(await fresh.bus.turnOf('south', 1), null, 'of another start');
});

test.serial('a state that no round begins with any more is removed', async (t) => {
  const before = await aHub(t);
  const after = await aHub(t);
  t.is(await after.link.describe(hubAt.objects, before.trained.digest), null);
  t.not(await after.link.describe(hubAt.objects, after.trained.digest), null);
});

test.serial('requests wait for a server that is away', async (t) => {
  const hub = await aHub(t);
  const client = await aClient(t, 'west');
  const attempt = client.attempt();
  await attempt.claim();
  for (const server of ['leaf', 'hub'] as const) {
    await servers.kill(server);
    const object = await anObject(client.root, 2 * chunkBytes);
    await trained(client.root, 'west', 1, object);
    const submitting = attempt.submit();
    await servers.startServer(server);
    await submitting;
    t.is(await hub.bus.receive('west', object), null);
  }
});

/** The first line of an answer, or how there was none. */
async function answer(
  nats: NatsConnection,
  subject: string,
  body: string | Uint8Array = '',
  head: Readonly<Record<string, string>> = {},
): Promise<string> {
  const named = headers();
  for (const [key, value] of Object.entries(head)) named.set(key, value);
  try {
    const reply = await nats.request(subject, body, { timeout: 2_000, headers: named });
    return `${reply.headers?.code ?? ''} ${reply.string()}`;
  } catch (error) {
    return (error as Error).message;
  }
}

const unanswered = /^(503|TIMEOUT)$|JetStream not enabled for account/;

test.serial('a client reaches nothing of the hub but what its account imports', async (t) => {
  await aHub(t);
  const { nats } = await aClient(t, 'north');
  const south = importsOf('clinics', 'south').map(({ subject }) => subject.replace('.>', '.C.x'));
  const others = [
    ...south,
    ...[
      '$JS.API.INFO',
      '$JS.API.STREAM.NAMES',
      `$JS.API.STREAM.DELETE.KV_anneal_federation_clinics`,
    ],
    ...[hubAt.hub.write, `${hubAt.objects.write}.C.x`, `${hubAt.objects.write}.M.x`],
    `$JS.API.STREAM.MSG.GET.${streamOf.records('anneal_federation_clinics')}`,
    `$JS.API.STREAM.PURGE.${streamOf.objects('anneal_federation_clinics')}`,
  ];
  for (const subject of others) t.regex(await answer(nats, subject, '{}'), unanswered, subject);
});

test.serial('no answer of the server is a record of somebody else', async (t) => {
  const hub = await aHub(t);
  const south = await aClient(t, 'south');
  const attempt = south.attempt();
  await attempt.claim();
  const before = await south.bus.turn();
  const { nats } = await aClient(t, 'north');
  const forged = { ...before, submitted: { round: 1, client: 'south' } };
  await answer(nats, at.turn.write, JSON.stringify(forged));
  for (const reply of [hubAt.turn('south').write, hubAt.hub.write, at.turn.write]) {
    nats.publish(at.turn.read, '', { reply });
    nats.publish(at.objects.read, JSON.stringify({ seq: 1, batch: 5 }), { reply });
    nats.publish(at.turn.write, JSON.stringify(forged), { reply });
  }
  await nats.flush();
  t.regex(await answer(nats, at.turn.read, JSON.stringify({ seq: 1 })), /^408 /);
  t.deepEqual(await south.bus.turn(), before);
  await hub.bus.hold();
});

test.serial('headers that servers obey empty no bucket of others', async (t) => {
  const hub = await aHub(t);
  const south = await aClient(t, 'south');
  await south.attempt().claim();
  const before = await south.bus.turn();
  const { nats } = await aClient(t, 'north');
  for (const rollup of ['all', 'sub']) {
    const text = await answer(nats, at.turn.write, '{}', { 'Nats-Rollup': rollup });
    t.regex(text, /rollup not permitted/);
  }
  const { write } = at.uploads('north');
  await answer(nats, `${write}.M.x`, '{}', { 'Nats-Rollup': 'all' });
  await answer(nats, at.turn.write, '', { 'KV-Operation': 'PURGE' });
  t.deepEqual(await south.bus.turn(), before);
  await hub.bus.hold();
  t.not(await hub.link.describe(hubAt.objects, hub.trained.digest), null);
});

test.serial('a record in the name of another is that of its account', async (t) => {
  const hub = await aHub(t);
  const { nats, open } = await aClient(t, 'north');
  const object = { digest: digestOf('x'), bytes: 10 };
  const record = { round: 1, client: 'south', epoch: 1, base: 'b', state: digestOf('s'), object };
  const turn = { version: 1, run: open.run, round: 1, epoch: 1 };
  const submitted = { ...record, samples: 3 };
  await answer(nats, at.turn.write, JSON.stringify({ ...turn, submitted }));
  t.is((await hub.bus.turnOf('north', 1))?.submitted?.client, 'south');
  t.is(await hub.bus.turnOf('south', 1), null);
});

test.serial('a submission that is damaged, missing or too large is none', async (t) => {
  const hub = await aHub(t);
  const { link, nats, root } = await aClient(t, 'north');
  const object = await anObject(root, 1000);
  async function* other() {
    yield new Uint8Array(1000);
  }
  const put = { digest: object.digest, nuid: 'forged', chunks: other() };
  t.regex((await hub.bus.receive('north', object)) ?? '', /is missing$/);
  await link.put(at.uploads('north'), put);
  t.regex((await hub.bus.receive('north', object)) ?? '', /has the SHA-256 .* it is damaged$/);
  const more = { ...object, bytes: 1001 };
  t.regex(
    (await hub.bus.receive('north', more)) ?? '',
    /has 1000 bytes where its record says 1001/,
  );
  const huge = { digest: digestOf('huge'), bytes: largestObjectBytes + 1 };
  t.regex((await hub.bus.receive('north', huge)) ?? '', /over a bus one has at most 268435456$/);
  // A description without its chunks, or of more than there is.
  const { write, bucket } = at.uploads('north');
  for (const [size, nuid] of [
    [1000, 'nowhere'],
    [2000, 'forged'],
  ] as const) {
    const described = { name: object.digest, bucket, nuid, size, chunks: 1, digest: '' };
    const name = `${write}.M.${Buffer.from(object.digest).toString('base64url')}==`;
    await answer(nats, name, JSON.stringify(described), { 'Nats-Rollup': 'sub' });
    const reason = await hub.bus.receive('north', { ...object, bytes: size });
    t.regex(reason ?? '', /it is damaged$/, nuid);
  }
  t.deepEqual(await receiveObject(hub.link, hubAt.objects, root, hub.trained), null);
});

test.serial('who fills a bucket or sends long messages fills and closes its own', async (t) => {
  const hub = await aHub(t);
  const small = { records: 2 ** 20, hub: 2 ** 22, client: 2 ** 21 };
  await arrangeFederation(hub.connection, 'clinics', clients, small);
  const north = await aClient(t, 'north');
  const chunk = new Uint8Array(chunkBytes);
  const { write } = at.uploads('north');
  let refused = '';
  for (let i = 0; i < 8 && refused === ''; i += 1) {
    const text = await answer(north.nats, `${write}.C.full`, chunk);
    if (text.includes('error')) refused = text;
  }
  t.regex(refused, /maximum bytes exceeded/);
  t.regex(
    await answer(north.nats, at.turn.write, 'x'.repeat(2 ** 19)),
    /message size exceeds maximum/,
  );
  const long = await answer(north.nats, `${write}.C.long`, new Uint8Array(2 * chunkBytes));
  t.regex(long, /MAX_PAYLOAD/);
  const south = await aClient(t, 'south');
  const attempt = south.attempt();
  await attempt.claim();
  const object = await anObject(south.root, 2 * chunkBytes);
  await trained(south.root, 'south', 1, object);
  await attempt.submit();
  t.is(await hub.bus.receive('south', object), null);
  // Its next attempt clears what is there.
  const again = north.attempt();
  await again.claim();
  const own = await anObject(north.root, chunkBytes);
  await trained(north.root, 'north', 1, own);
  await again.submit();
  t.is(await hub.bus.receive('north', own), null);
});

test.serial('a wrong key is refused, and a right one is another account', async (t) => {
  const folder = await aFolder(t);
  await writeFile(join(folder, 'no.key'), 'nothing\n');
  await t.throwsAsync(() => readKey(join(folder, 'no.key')), {
    message: /has no key of a NATS user/,
  });
  const options = { url: servers.url('hub'), name: 'nobody' };
  await t.throwsAsync(() => Connection.connect(options, AbortSignal.timeout(10_000)), {
    message: /Authorization Violation/,
  });
  await aHub(t);
  const { connection } = await reach(t, 'north');
  const attacked = () =>
    arrangeFederation(connection, 'clinics', clients).then(
      () => 'made',
      (error: Error) => error.message,
    );
  await eventually('it may make no bucket', async () => /got no answer/.test(await attacked()));
});
