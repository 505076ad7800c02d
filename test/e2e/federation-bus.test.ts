// Hub and clients as processes of their own, on two NATS servers that a leaf node joins: whatever
// is killed, the end has the bits of the same federation on one machine; and a client that does not
// agree, or cannot, is left out by name. What hub and clients say is in test/wire/federation-bus.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { federationFiles } from '../../crds/wire/federation.ts';
import { epsilonOf } from '../../worker/federate/privacy-account.ts';
import { FederationServers } from '../doubles/federation-servers.ts';
import { startHosts } from '../warm/hosts.ts';
import type { Victim } from './anneal-process.ts';
import { aBusFederation, type Part, startPart } from './federation-bus-run.ts';
import { aFederation, type FederationLine, federate, resultOf, sums } from './federation-run.ts';

const hosts = await startHosts();
test.after.always(() => hosts[Symbol.dispose]());

const lora = {
  ...{ preset: 'LoRA', precision: { type: 'Float32' } },
  adapter: { type: 'LoRA', lora: { rank: 4, targetModules: ['q_proj', 'down_proj'] } },
} as const;

/** Each once, in its own part; a part that was killed is started again. */
const kills: Readonly<Record<string, readonly (readonly [Moment, Victim])[]>> = {
  hub: [
    [{ who: 'south', words: 'submitted' }, 'tree'],
    [{ who: 'hub', words: 'aggregate' }, 'worker'],
    [{ who: 'hub', words: 'aggregate' }, 'tree'],
  ],
  north: [[{ who: 'north', words: 'submit' }, 'command']],
  south: [[{ who: 'south', words: 'step 3 of 4' }, 'tree']],
};

interface Watching {
  readonly onLine: (line: FederationLine) => void;
  /** Told how to kill what was started. */
  readonly onStart: (kill: () => void) => void;
}

interface Moment {
  readonly who: string;
  readonly words: string;
}

/** Until it ends by itself, however often it is killed; its lines of all starts. */
async function persist(
  part: Part,
  name: string,
  { onLine, onStart }: Pick<Watching, 'onLine' | 'onStart'>,
) {
  const left = [...(kills[name] ?? [])];
  const lines: FederationLine[] = [];
  for (;;) {
    let isKilled = false;
    onStart(() => {
      isKilled = true;
      running.kill('tree');
    });
    const running = startPart(part, hosts.variables, (line) => {
      lines.push(line);
      onLine(line);
      const [next] = left;
      if (next === undefined || line.type !== 'progress') return;
      const [{ who, words }, victim] = next;
      if (line.who !== who || line.words !== words) return;
      left.shift();
      // A lost worker is started again by its command.
      isKilled = victim !== 'worker';
      running.kill(victim);
    });
    const { code, stderr } = await running.ended;
    if (!isKilled) return { code, stderr, lines, left };
  }
}

test.serial('parts and links killed over and over: the bits of one machine', async (t) => {
  const dropout = { type: 'LoRA', lora: { ...lora.adapter.lora, dropout: '0.1' } };
  const local = await aFederation(t, {
    ...{ aggregation: 'FLoRA', method: { ...lora, adapter: dropout } },
    clients: { north: { rank: 2 }, west: { rank: 8 } },
  });
  const calm = await federate(local, join(local.folder, 'cache'), hosts.variables);
  t.is(calm.code, 0, calm.stderr);
  const expected = resultOf(local);
  await rm(local.destination, { recursive: true });
  await using servers = await FederationServers.start('toy', ['north', 'south', 'west'], 'west');
  const parts = await aBusFederation(local, servers);
  const outages: Promise<void>[] = [];
  let killHub = () => {};
  // The leaf while west trains in the first round; in the second the server of the hub, which
  // loses all that it had, and then the hub.
  const cuts = [
    async () => {
      await servers.kill('leaf');
      await servers.startServer('leaf');
    },
    async () => {
      await servers.kill('hub');
      await servers.wipe();
      await servers.startServer('hub');
      killHub();
    },
  ];
  const west = (line: FederationLine) => {
    if (line.type !== 'progress' || line.words !== 'step 2 of 4') return;
    const cut = cuts[outages.length];
    if (cut !== undefined) outages.push(cut());
  };
  const ends = await Promise.all(
    Object.entries(parts).map(([name, part]) =>
      persist(part, name, {
        onLine: name === 'west' ? west : () => {},
        onStart(kill) {
          if (name === 'hub') killHub = kill;
        },
      }),
    ),
  );
  await Promise.all(outages);
  t.is(outages.length, 2);
  for (const { code, stderr, left } of ends) {
    t.is(code, 0, stderr);
    t.deepEqual(left, []);
  }
  t.deepEqual(resultOf(local), expected);
});

test.serial('a client that does not agree or cannot is left out by name', async (t) => {
  const federation = await aFederation(t, {
    ...{ aggregation: 'FedAvg', method: lora, spec: { rounds: 1 } },
    records: { north: sums(0, 9), south: ['nothing\n'], west: sums(40, 16) },
  });
  await using servers = await FederationServers.start('toy', ['north', 'south', 'west'], 'west');
  const parts = await aBusFederation(federation, servers, {
    hub: { quorum: { minClients: 1, deadlineSeconds: 600 } },
    peers: { west: { allow: { aggregations: ['FedSB'] } } },
  });
  const { hub, north, south, west } = parts;
  if (!hub || !north || !south || !west) return t.fail();
  const running = [hub, north, south, west].map((part) => startPart(part, hosts.variables));
  const [led, took, failed, refused] = await Promise.all(running.map(({ ended }) => ended));
  t.deepEqual([led?.code, took?.code, failed?.code], [0, 0, 0], `${led?.stderr}${took?.stderr}`);
  t.regex(
    refused?.stderr ?? '',
    /the hub aggregates by FedAvg; spec\.allow\.aggregations has FedSB/,
  );
  const round = running[0]?.lines.findLast((line) => line.type === 'round');
  if (round?.type !== 'round') return t.fail();
  t.deepEqual([round.used, round.weights], [['north'], [1]]);
  const reasons = round.refused.map(({ client, reason }) => `${client}: ${reason}`);
  t.regex(reasons[0] ?? '', /^south: .*south\.jsonl/);
  t.regex(reasons[1] ?? '', /^west: the hub aggregates by FedAvg/);
  // Of a client nothing is where the hub is but what it submitted.
  const folder = join(hub.cache, 'federations/toy/1');
  t.false(existsSync(join(folder, federationFiles.clients)));
  t.is(readdirSync(join(folder, federationFiles.objects)).length, 2, 'begun, and the mean of one');
  const objects = join(north.cache, 'federation-peers/north', federationFiles.objects);
  t.is(readdirSync(objects).length, 2, 'of others it has the state alone');
});

test.serial('under privacy a client keeps its account and its budget itself', async (t) => {
  const privacy = { clip: '1', noise: '1', delta: '1e-2' };
  const federation = await aFederation(t, {
    ...{ aggregation: 'FFALoRA', method: lora, dataset: { format: 'Chat' }, spec: { privacy } },
    records: { north: sums(0, 9), south: sums(20, 5) },
    clients: { north: { records: 10 }, south: { records: 8 } },
  });
  await using servers = await FederationServers.start('toy', ['north', 'south'], 'south');
  // Two of 8 records in each of four steps: what one round spends.
  const limit = epsilonOf([{ rate: 2 / 8, noise: 1, steps: 4 }], 1e-2);
  const parts = await aBusFederation(federation, servers, {
    hub: { quorum: { minClients: 1, deadlineSeconds: 600 } },
    peers: { south: { privacy: { maxEpsilon: String(1.01 * limit), maxDelta: '1e-2' } } },
  });
  const running = Object.values(parts).map((part) => startPart(part, hosts.variables));
  for (const { code, stderr } of await Promise.all(running.map(({ ended }) => ended))) {
    t.is(code, 0, stderr);
  }
  const [, first, last] = running[0]?.lines.filter((line) => line.type === 'round') ?? [];
  t.deepEqual([first?.used, last?.used], [['north', 'south'], ['north']]);
  const [refused] = last?.refused ?? [];
  t.regex(refused?.reason ?? '', /^round 2 would bring its epsilon from .*; its maxEpsilon is/);
  const { south, hub } = parts;
  const account = join(south?.cache ?? '', 'federation-peers/south/clients/south/account.json');
  const { key, spent } = JSON.parse(readFileSync(account, 'utf8'));
  t.is(spent.length, 1);
  t.false(
    readdirSync(hub?.cache ?? '', { recursive: true })
      .join()
      .includes('account.json'),
  );
  t.false(JSON.stringify(running.map(({ lines }) => lines)).includes(key));
});
