// A client of a federation elsewhere, on a bus that a test plays and with processes that do what a
// script says: how its turn ends where the round, the claim, the data or the base are not there.
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { offerOf } from '../../../cli/federation/hub-bus.ts';
import { enterRound } from '../../../cli/federation/peer-store.ts';
import { type PeerLine, runPeer, type ToldTurn } from '../../../cli/federation/run-peer.ts';
import { digestOf } from '../../../crds/index.ts';
import { parseFederation } from '../../../crds/manifest/federation.ts';
import { parseFederationPeer } from '../../../crds/manifest/federation-peer.ts';
import type { ClientTurn, HubRecord } from '../../../crds/wire/federation-bus.ts';
import type { WorkerScript } from '../../doubles/worker-script.ts';

const worker = join(import.meta.dirname, '../../doubles/worker-script.ts');
const folder = new URL('../../../crds/federations/', import.meta.url);
const text = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const hub = parseFederation(text('hub.yaml'), 'hub.yaml', 'bus').spec;
const peer = parseFederationPeer(text('client-north.yaml'), 'client-north.yaml').spec;
const run = '0123456789abcdef';
const round = {
  ...{ round: 1, base: 'sha256:b', state: digestOf('s'), begins: { merged: [] } },
  clients: ['north'],
};
const turn: ClientTurn = { version: 1, run, round: 1, epoch: 1 };

interface Played {
  readonly script: WorkerScript;
  /** What is there once the client has begun to train. */
  readonly later?: { readonly hub?: Partial<HubRecord>; readonly turn?: ClientTurn };
  readonly spec?: Partial<typeof hub>;
  readonly own?: Partial<typeof peer>;
  /** Stops the client when it trains. */
  readonly stops?: boolean;
}

/** Until it ends; the hub is complete once the client has said how its turn went. */
async function take(t: ExecutionContext, { script, later, spec, own, stops = false }: Played) {
  const root = await mkdtemp(join(tmpdir(), 'anneal-peer-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  await writeFile(join(root, 'script.json'), JSON.stringify(script));
  const stop = new AbortController();
  const said: string[] = [];
  const warnings: string[] = [];
  const turns: string[] = [];
  let trains = false;
  let ended = false;
  const offer = offerOf({ ...hub, ...spec });
  const open: HubRecord = { version: 1, run, hub: 1, state: 'Open', offer, round };
  const bus: PeerLine = {
    hub: async () => ({
      ...open,
      ...(trains && later?.hub),
      ...(ended && { state: 'Complete' as const }),
    }),
    turn: async () => (trains ? (later?.turn ?? null) : null),
    attempt: () => ({
      epoch: 1,
      claim: async () => said.push('claim'),
      fetch: async () => {},
      submit: async () => {
        said.push('submit');
        ended = true;
      },
      decline: async (reason) => {
        said.push(`decline: ${reason}`);
        ended = true;
      },
    }),
  };
  const view = {
    progress(_who: string, words: string) {
      trains ||= words === 'train';
      if (trains && stops) stop.abort();
    },
    warn: (sentence: string) => void warnings.push(sentence),
    turn: ({ state, code }: ToldTurn) => void turns.push([state, code].join(' ').trim()),
  };
  const place = {
    ...{ folder: root, volumes: {}, cache: root, device: 'cpu' as const, threads: 1 },
    createdAt: '2026-01-01T00:00:00Z',
  };
  const placeOf = async () => ({ place, variables: {} });
  const record = { name: 'north', namespace: 'default', cache: root, spec: { ...peer, ...own } };
  const context = { worker, view, placeOf, stop: stop.signal, kill: new AbortController().signal };
  const outcome = await runPeer({ folder: root, number: 1, record }, context, bus).catch(
    (error: Error) => error,
  );
  return { outcome, said, warnings, turns };
}

test('it claims, trains and submits, until the hub has ended', async (t) => {
  const { outcome, said, turns } = await take(t, { script: {} });
  t.deepEqual([outcome, said], [{ type: 'Complete' }, ['claim', 'submit']]);
  t.deepEqual(turns, ['Begun', 'Submitted']);
});

test('a round that ends while it trains is given up, and nothing is sent', async (t) => {
  const script: WorkerScript = { train: { untilStop: 'never' } };
  const { outcome, said, warnings } = await take(t, {
    script,
    later: { hub: { state: 'Complete' } },
  });
  t.deepEqual([outcome, said], [{ type: 'Complete' }, ['claim']]);
  t.deepEqual(warnings, ['round 1 ended without north']);
});

test('a process whose round was taken over ends, and writes nothing', async (t) => {
  const { outcome, said } = await take(t, {
    script: { train: { untilStop: 'never' } },
    later: { turn: { ...turn, epoch: 2 } },
  });
  t.regex(String(outcome), /another process of north has taken over round 1/);
  t.deepEqual(said, ['claim']);
});

const bad = {
  ...{ type: 'failure', time: 1, code: 'E_INVALID_DATA', reason: 'InvalidData' },
  ...{ message: 'line 3 of north.json is no chat', hint: 'mend it' },
};

test('what it cannot train it declines, under privacy without what its records say', async (t) => {
  const script: WorkerScript = { prepare: { messages: [bad], exit: 65 } };
  const open = await take(t, { script });
  t.deepEqual(open.said, ['claim', `decline: ${bad.message}`]);
  t.deepEqual(open.turns, ['Begun', 'Declined E_INVALID_DATA']);
  t.deepEqual(open.warnings, [`round 1 goes on without north: ${bad.message}`]);
  const privacy = { unit: 'Record', clip: '0.1', noise: '1', delta: '1e-6' } as const;
  const clients = hub.clients.map((client) => ({ ...client, records: 4000 }));
  const secret = await take(t, { script, spec: { privacy, clients } });
  t.deepEqual(secret.said, [
    'claim',
    'decline: it failed with E_INVALID_DATA; its run folder says why',
  ]);
});

test('beside another base it trains nothing', async (t) => {
  const data = {
    digest: 'd',
    samples: 1,
    heldOutSamples: 0,
    skipped: {},
    tokens: 1,
    targetTokens: 1,
  };
  const model = { path: '/m', name: 'other', digest: 'sha256:c' };
  const prepared = { version: 1, model, data };
  const script: WorkerScript = { prepare: { files: { 'prepared.json': prepared } } };
  const { outcome, said } = await take(t, { script });
  t.like(outcome, { type: 'Failed', error: { code: 'E_DIGEST_MISMATCH' } });
  t.deepEqual(said, [
    'claim',
    'decline: its base other has the digest sha256:c; that of the federation is sha256:b',
  ]);
});

test('what it does not agree to it tells the hub, and ends', async (t) => {
  const { outcome, said } = await take(t, { script: {}, own: { allow: { rounds: 1 } } });
  t.regex(String(outcome), /the hub wants 3 rounds; spec\.allow\.rounds is 1/);
  t.deepEqual(said, ['claim', 'decline: the hub wants 3 rounds; spec.allow.rounds is 1']);
});

test('a stop saves and ends, and the round stays its own', async (t) => {
  const { outcome, said } = await take(t, { script: { train: { untilStop: true } }, stops: true });
  t.deepEqual([outcome, said], [{ type: 'Stopped' }, ['claim']]);
});

test('what is of another round or start goes, and what records have spent stays', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'anneal-peer-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const record = { name: 'north', namespace: 'default', cache: root, spec: peer };
  const stored = { folder: root, number: 1, record };
  const trained = { digest: digestOf('kept'), bytes: 3 };
  const own = join(root, 'clients/north');
  const fill = async () => {
    for (const name of ['round-1', 'round-2']) await mkdir(join(own, name), { recursive: true });
    for (const name of ['objects', 'records']) await mkdir(join(root, name), { recursive: true });
    await writeFile(join(own, 'account.json'), 'spent');
    await writeFile(join(root, `objects/${trained.digest}.safetensors`), 'abc');
    await writeFile(join(root, `objects/${digestOf('old')}.safetensors`), 'abc');
    await writeFile(join(root, 'records/round.1.submit.north.json'), '{}');
  };
  const left = async () => [
    (await readdir(own)).sort(),
    await readdir(join(root, 'records')),
    await readdir(join(root, 'objects')),
  ];
  const begins = { trained, merged: [] };
  await enterRound(stored, run, { ...round, begins });
  await fill();
  await enterRound(stored, run, { ...round, round: 2, begins });
  const kept = [`${trained.digest}.safetensors`];
  t.deepEqual(await left(), [['account.json', 'round-2'], ['round.1.submit.north.json'], kept]);
  await enterRound(stored, 'fedcba9876543210', { ...round, begins });
  t.deepEqual(await left(), [['account.json'], [], kept]);
  t.is(await readFile(join(own, 'account.json'), 'utf8'), 'spent');
});
