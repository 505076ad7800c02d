// How a hub waits for clients that are elsewhere: on a bus that a test plays, with real time.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { busCohort, type RoundBus } from '../../../cli/federation/bus-cohort.ts';
import { recordsOf } from '../../../cli/federation/run-hub.ts';
import { digestOf } from '../../../crds/index.ts';
import { parseFederation } from '../../../crds/manifest/federation.ts';
import { type RoundSpec, recordName } from '../../../crds/wire/federation.ts';
import type { ClientTurn } from '../../../crds/wire/federation-bus.ts';

const example = new URL('../../../crds/federations/three-clients.yaml', import.meta.url);
const { spec } = parseFederation(readFileSync(example, 'utf8'), 'three-clients.yaml');
const round: RoundSpec = {
  ...{ round: 2, base: 'b', state: digestOf('s'), begins: { merged: [] } },
  clients: ['north', 'south', 'west'],
};
const object = { digest: digestOf('o'), bytes: 10 };

function submitted(client: string, epoch = 1): ClientTurn {
  const record = { round: 2, client, epoch, base: 'b', state: round.state, object, samples: 3 };
  return { version: 1, run: '0123456789abcdef', round: 2, epoch, submitted: record };
}

interface Played {
  readonly turns?: Readonly<Record<string, () => ClientTurn | null>>;
  readonly receive?: (client: string) => string | null;
  readonly quorum?: { readonly minClients: number; readonly deadlineSeconds: number };
}

async function collect(t: ExecutionContext, played: Played, stop = new AbortController().signal) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-cohort-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { quorum = { minClients: 2, deadlineSeconds: 600 } } = played;
  const record = {
    ...{ version: 1 as const, name: 'clinics', namespace: 'default', folder: '/' },
    ...{ spec: { ...spec, quorum }, digest: digestOf('x'), volumes: {}, cache: '/' },
    ...{ device: 'cpu' as const, threads: 1, createdAt: '2026-01-01T00:00:00Z' },
  };
  const warnings: string[] = [];
  const bus: RoundBus = {
    ...{ open: async () => {}, close: async () => {}, hold: async () => {} },
    turnOf: async (client) => played.turns?.[client]?.() ?? null,
    receive: async (client) => played.receive?.(client) ?? null,
  };
  const view = { progress() {}, warn: (sentence: string) => void warnings.push(sentence) };
  const context = { worker: '', variables: {}, view, stop, kill: stop };
  const stored = { folder, number: 1, record };
  return { folder, warnings, ended: await busCohort(stored, bus, context).train(round) };
}

test('a round ends when each client has spoken, and what they sent lies in the folder', async (t) => {
  const { folder, ended, warnings } = await collect(t, {
    turns: {
      north: () => submitted('north'),
      south: () => submitted('north'),
      west: () => ({ ...submitted('west'), submitted: undefined, declined: 'no records today' }),
    },
  });
  t.deepEqual(ended, {
    type: 'Trained',
    reasons: {
      south: 'it names the client north, and the account that sent it is that of south',
      west: 'no records today',
    },
  });
  t.is(warnings.length, 2);
  const file = (client: string) => join(recordsOf(folder), `${recordName.submit(2, client)}.json`);
  const sent = JSON.parse(await readFile(file('north'), 'utf8'));
  t.deepEqual(sent, submitted('north').submitted);
  t.deepEqual([existsSync(file('south')), existsSync(file('west'))], [false, false]);
});

test('what is damaged is refused by the name of the client', async (t) => {
  const { ended } = await collect(t, {
    turns: {
      north: () => submitted('north'),
      south: () => submitted('south'),
      west: () => submitted('west'),
    },
    receive: (client) => (client === 'west' ? 'its object is damaged' : null),
  });
  t.deepEqual(ended, { type: 'Trained', reasons: { west: 'its object is damaged' } });
});

test('at its deadline a round goes on with its quorum', async (t) => {
  const { ended, warnings } = await collect(t, {
    turns: { north: () => submitted('north'), west: () => submitted('west') },
    quorum: { minClients: 2, deadlineSeconds: 1 },
  });
  t.deepEqual(ended, { type: 'Trained', reasons: { south: 'it sent nothing within 1 seconds' } });
  t.deepEqual(warnings, ['round 2 goes on without south: it sent nothing within 1 seconds']);
});

test('below its quorum it waits as long once more, and no longer', async (t) => {
  const { ended, warnings } = await collect(t, {
    turns: { north: () => submitted('north') },
    quorum: { minClients: 2, deadlineSeconds: 1 },
  });
  t.is(ended.type, 'Trained');
  t.regex(
    warnings[0] ?? '',
    /^round 2 has 1 of 3 clients after 1 seconds, and needs 2; it waits as long once more$/,
  );
  t.is(warnings.length, 3);
});

test('an attempt that is under way is waited for, and a stop ends the waiting', async (t) => {
  const stop = new AbortController();
  let looked = 0;
  const { ended } = await collect(
    t,
    {
      turns: {
        north: () => {
          looked += 1;
          if (looked === 2) stop.abort();
          return { ...submitted('north', looked), submitted: undefined };
        },
      },
    },
    stop.signal,
  );
  t.deepEqual(ended, { type: 'Stopped' });
});
