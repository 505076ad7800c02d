// Federations of a toy in real processes: what each aggregation moves and keeps, that a kill of
// anything leaves no trace, and that a round goes on without a client that cannot take part.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { federationFiles, recordName } from '../../crds/wire/federation.ts';
import { epsilonOf } from '../../worker/federate/privacy-account.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { startHosts } from '../warm/hosts.ts';
import type { Victim } from './anneal-process.ts';
import {
  aFederation,
  type FederationEnd,
  type FederationLine,
  federate,
  resultOf,
  sums,
} from './federation-run.ts';

const hosts = await startHosts();
test.after.always(() => hosts[Symbol.dispose]());

const float32 = { precision: { type: 'Float32' } } as const;
const lora = {
  ...{ preset: 'LoRA', ...float32 },
  adapter: { type: 'LoRA', lora: { rank: 4, targetModules: ['q_proj', 'down_proj'] } },
} as const;
const core = {
  ...{ preset: 'LoRAXS', ...float32 },
  adapter: { type: 'LoRAXS', loraXs: { rank: 8, targetModules: ['q_proj', 'down_proj'] } },
} as const;
/** Of the toy: three blocks; outputs and inputs of both layers. */
const [blocks, out, inputs] = [3, 64 + 64, 64 + 96];

/** Numbers that a client sends, and those that each client gets in a later round. */
const rows = {
  FedAvg: { method: lora, up: 4 * blocks * (out + inputs), down: 4 * blocks * (out + inputs) },
  FFALoRA: { method: lora, up: 4 * blocks * out, down: 4 * blocks * out },
  // North has rank 2, south the 4 of the template, west 8.
  FLoRA: {
    ...{ method: lora, up: 2 * blocks * (out + inputs), down: 14 * blocks * (out + inputs) },
    clients: { north: { rank: 2 }, west: { rank: 8 } },
  },
  FedSB: { method: core, up: 2 * blocks * 8 ** 2, down: 2 * blocks * 8 ** 2 },
  LoRAFAIR: { method: lora, up: 4 * blocks * (out + inputs), down: 4 * blocks * (out + inputs) },
} as const;

for (const [aggregation, { up, down, ...asked }] of Object.entries(rows)) {
  test.serial(`${aggregation}: it learns, and moves what it trains and nothing else`, async (t) => {
    const federation = await aFederation(t, { aggregation, ...asked });
    const ended = await federate(federation, join(federation.folder, 'cache'), hosts.variables);
    t.is(ended.code, 0, ended.stderr);
    const [begin, first, last] = ended.rounds;
    if (begin === undefined || first === undefined || last === undefined) return t.fail();
    const losses = ended.rounds.map(({ evaluation }) => evaluation.loss ?? Number.NaN);
    t.log(`held-out ${losses.map((loss) => loss.toFixed(4)).join(', ')}; error ${last.error}`);
    t.true((losses[2] ?? Number.NaN) < (losses[0] ?? Number.NaN));
    t.deepEqual([last.used, last.refused], [['north', 'south', 'west'], []]);
    t.deepEqual(last.weights, [9 / 30, 5 / 30, 16 / 30]);
    if (last.exact) t.true(last.error < 1e-6, `${last.error}`);
    else t.true(last.error > 1e-6, `${last.error}`);
    t.is(numbersOf(ended, objectOf(ended, 2, 'north')), up);
    const moved = last.ends.merged.at(-1) ?? last.ends.trained;
    t.is(numbersOf(ended, moved?.digest ?? ''), down);
    t.deepEqual(last.ends.fixed, begin.ends.fixed, 'what nobody trains stays');
    const stays = aggregation === 'FFALoRA' || aggregation === 'FedSB';
    t.is(last.ends.fixed !== undefined, stays);
    if (stays) t.true(differ(ended, last.ends.fixed?.digest ?? ''), 'layers alike in shape differ');
    t.is(last.ends.merged.length, aggregation === 'FLoRA' ? 2 : 0);
  });
}

/** Public numbers of records that differ from the true ones. */
function underPrivacy(settings: Readonly<Record<string, unknown>>) {
  return {
    dataset: { format: 'Chat' },
    clients: { north: { records: 10 }, south: { records: 8 }, west: { records: 20 } },
    spec: { privacy: { clip: '1', noise: '1', delta: '1e-2', ...settings } },
  };
}

test.serial(
  'FFALoRA under privacy: it tells what it spent and nothing of its records',
  async (t) => {
    const { clients, ...settings } = underPrivacy({});
    // Of south: 8 records, 2 of them in a step, 4 steps a round; it has 1 round.
    const limit = { rate: 2 / 8, noise: 1, steps: 4 };
    const maxEpsilon = String(1.01 * epsilonOf([limit], 1e-2));
    const federation = await aFederation(t, {
      ...{ aggregation: 'FFALoRA', method: lora, ...settings },
      spec: { ...settings.spec, quorum: { minClients: 1 } },
      clients: { ...clients, south: { records: 8, maxEpsilon } },
      records: { north: sums(0, 9), south: sums(20, 5), west: [...sums(40, 16), 'no record\n'] },
    });
    const cache = join(federation.folder, 'cache');
    const ended = await federate(federation, cache, hosts.variables);
    t.is(ended.code, 0, ended.stderr);
    const [, first, last] = ended.rounds;
    t.deepEqual(first?.used, ['north', 'south'], 'the data of west are bad');
    t.deepEqual(first?.weights, [10 / 18, 8 / 18], 'by public numbers');
    t.deepEqual(last?.used, ['north']);
    const reasons = last?.refused.map(({ client, reason }) => `${client}: ${reason}`) ?? [];
    t.regex(reasons[0] ?? '', /^south: round 2 would bring its epsilon from .*; its maxEpsilon is/);
    t.is(reasons[1], 'west: it failed with E_INVALID_DATA; its run folder says why');
    const submitted = join(ended.folder, federationFiles.records, recordName.submit(2, 'south'));
    t.false(existsSync(`${submitted}.json`), 'nothing is sent');
    // Two of the beginning, two of the first round and their mean, and one that is its own mean.
    t.is(readdirSync(join(ended.folder, federationFiles.objects)).length, 2 + 3 + 1);
    const spent = last?.privacy?.clients.map(({ client, epsilon, steps }) => [
      client,
      epsilon,
      steps,
    ]);
    t.deepEqual(spent, [['north', epsilonOf([{ rate: 0.2, noise: 1, steps: 8 }], 1e-2), 8]]);
    const report = JSON.parse(
      readFileSync(join(federation.destination, 'federation.json'), 'utf8'),
    );
    t.is(report.privacy.holds, true);
    t.deepEqual(report.privacy.clients.map(({ client }: { client: string }) => client).sort(), [
      ...['north', 'south'],
    ]);
    // The key stays with its client, and another federation has another one.
    const account = join(ended.folder, federationFiles.clients, 'north', federationFiles.account);
    const { key } = JSON.parse(readFileSync(account, 'utf8'));
    t.false(JSON.stringify([ended.lines, report]).includes(key));
    const again = await federate(federation, join(federation.folder, 'again'), hosts.variables);
    t.is(again.code, 0, again.stderr);
    t.not(again.rounds.at(-1)?.state, last?.state);
  },
);

/** One after the other, each in a start of its own; every second one for each aggregation. */
const kills: readonly (readonly [string, (line: FederationLine) => Victim | null])[] = [
  ['the hub, while it computes the beginning', whenWords('hub', 'begin', 'tree')],
  ['a client in the middle of a round', whenWords('south', 'step 3 of 4', 'worker')],
  ['the command alone, while a client submits', whenWords('west', 'submit', 'command')],
  ['the aggregator', whenWords('hub', 'aggregate', 'worker')],
  ['everything, in the second round', whenRound(1, 'tree')],
  ['everything, while the adapter is written', whenWords('hub', 'conclude', 'tree')],
];

for (const [number, aggregation] of (['FedSB', 'FLoRA'] as const).entries()) {
  test.serial(`${aggregation}: killed over and over, it ends with the same bits`, async (t) => {
    // Under privacy noise and samples must be the same again, too.
    const dropout = { type: 'LoRA', lora: { ...lora.adapter.lora, dropout: '0.1' } };
    const options =
      aggregation === 'FedSB'
        ? { ...underPrivacy({ testSeed: 5 }), method: core }
        : { method: { ...lora, adapter: dropout } };
    const federation = await aFederation(t, { aggregation, ...options });
    const whole = await federate(federation, join(federation.folder, 'whole'), hosts.variables);
    t.is(whole.code, 0, whole.stderr);
    const expected = resultOf(federation);
    const cache = join(federation.folder, 'killed');
    for (const [words, kill] of kills.filter((_, i) => i % 2 !== number)) {
      let killed = false;
      const ended = await federate(federation, cache, hosts.variables, (line) => {
        const victim = killed ? null : kill(line);
        killed ||= victim !== null;
        return victim;
      });
      t.true(killed, words);
      // A worker that is lost is started again by the command itself.
      const says = ended.lines.filter((line) => line.type === 'warning');
      if (ended.code === 0)
        t.regex(
          says[0]?.message ?? '',
          /(ended by SIGKILL|with E_HOST_OUT_OF_MEMORY).*started again/,
          words,
        );
      t.log(`${words}: ${ended.code === 0 ? 'went on' : 'was started again'}`);
    }
    const last = await federate(federation, cache, hosts.variables);
    t.is(last.code, 0, last.stderr);
    t.deepEqual(resultOf(federation), expected);
  });
}

test.serial('one step of several clients is one step on all of their records', async (t) => {
  // As many target tokens in each record, so that all weigh the same.
  const records = { a: sums(10, 1), b: sums(20, 1), c: sums(30, 1) };
  const sgd = {
    ...{ optimizer: { type: 'SGD', sgd: { momentum: '0', weightDecay: '0' } } },
  };
  const training = {
    ...{ maxSteps: 1, learningRate: '0.5', gradientClip: { mode: 'None' } },
    ...{ schedule: { type: 'Constant' }, nonFinitePolicy: { action: 'Fail' } },
  };
  for (const [aggregation, method] of [
    ['FedSB', { ...core, ...sgd }],
    ['FFALoRA', { ...lora, ...sgd }],
  ] as const) {
    const common = { aggregation, method, spec: { rounds: 1, weights: 'Uniform' } };
    const apart = await aFederation(t, {
      ...{ ...common, records, training: { ...training, globalBatchSize: 1 } },
    });
    const together = await aFederation(t, {
      ...{ ...common, records: { all: Object.values(records).flat() } },
      training: { ...training, globalBatchSize: 3 },
    });
    const states: number[][] = [];
    for (const federation of [apart, together]) {
      const ended = await federate(federation, join(federation.folder, 'cache'), hosts.variables);
      t.is(ended.code, 0, ended.stderr);
      states.push(valuesOf(ended, ended.rounds.at(-1)?.ends.trained?.digest ?? ''));
    }
    const [one = [], other = []] = states;
    const largest = Math.max(...one.map(Math.abs));
    const gap = Math.max(...one.map((value, i) => Math.abs(value - (other[i] ?? Number.NaN))));
    t.log(`${aggregation}: ${gap.toExponential(1)} of ${largest.toExponential(1)}`);
    t.true(largest > 0 && gap <= 2e-6 * largest);
  }
});

test.serial('a round goes on without a client whose data is bad, down to the quorum', async (t) => {
  const records = { north: sums(0, 9), south: ['nothing\n'], west: sums(40, 16) };
  const options = { aggregation: 'FedAvg', method: lora, records };
  const federation = await aFederation(t, { ...options, spec: { rounds: 1 } });
  const ended = await federate(federation, join(federation.folder, 'cache'), hosts.variables);
  t.is(ended.code, 0, ended.stderr);
  const [, first] = ended.rounds;
  t.deepEqual(
    [first?.used, first?.weights],
    [
      ['north', 'west'],
      [9 / 25, 16 / 25],
    ],
  );
  t.is(first?.refused.length, 1);
  t.regex(first?.refused[0]?.reason ?? '', /south.jsonl/);
  const all = await aFederation(t, { ...options, spec: { rounds: 1, quorum: { minClients: 3 } } });
  const refused = await federate(all, join(all.folder, 'cache'), hosts.variables);
  t.not(refused.code, 0);
  t.regex(refused.stderr, /round 1 has 2 of 3 clients, and needs 3 \(south: /);
});

test.serial('a submission that was damaged is refused by name, and the rest counts', async (t) => {
  const federation = await aFederation(t, {
    ...{ aggregation: 'LoRAFAIR', method: lora, spec: { rounds: 1 } },
  });
  const cache = join(federation.folder, 'cache');
  let begun = '';
  const stopped = await federate(federation, cache, hosts.variables, (line) => {
    if (line.type === 'begin') begun = line.folder;
    return whenWords('hub', 'aggregate', 'tree')(line);
  });
  t.is(stopped.code, null);
  const object = objectOf({ ...stopped, folder: begun }, 1, 'west');
  const path = objectPathOf(begun, object);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const ended = await federate(federation, cache, hosts.variables);
  t.is(ended.code, 0, ended.stderr);
  const last = ended.rounds.at(-1);
  t.deepEqual(
    [last?.used, last?.weights],
    [
      ['north', 'south'],
      [9 / 14, 5 / 14],
    ],
  );
  t.regex(last?.refused[0]?.reason ?? '', /has the SHA-256 .* it is damaged/);
});

function whenWords(who: string, words: string, victim: Victim) {
  return (line: FederationLine): Victim | null =>
    line.type === 'progress' && line.who === who && line.words === words ? victim : null;
}

function whenRound(round: number, victim: Victim) {
  return (line: FederationLine): Victim | null =>
    line.type === 'round' && line.round === round ? victim : null;
}

type Folder = Pick<FederationEnd, 'folder'>;

function objectOf({ folder }: Folder, round: number, client: string): string {
  const name = `${recordName.submit(round, client)}.json`;
  const text = readFileSync(join(folder, federationFiles.records, name), 'utf8');
  return JSON.parse(text).object.digest;
}

function objectPathOf(folder: string, digest: string): string {
  return join(folder, federationFiles.objects, `${digest}.safetensors`);
}

function numbersOf({ folder }: Folder, digest: string): number {
  using file = openSafetensors(objectPathOf(folder, digest));
  const sizes = [...file.header.tensors.values()].map(({ shape }) => shape);
  return sizes.reduce((sum, [rows = 0, columns = 0]) => sum + rows * columns, 0);
}

function valuesOf({ folder }: Folder, digest: string): number[] {
  using file = openSafetensors(objectPathOf(folder, digest));
  return [...file.header.tensors.keys()].sort().flatMap((name) => toArray(file.load(name)));
}

/** Whether layers of the same shape have other factors. */
function differ({ folder }: Folder, digest: string): boolean {
  using file = openSafetensors(objectPathOf(folder, digest));
  const of = (block: number) =>
    toArray(file.load(`model.layers.${block}.self_attn.q_proj.lora_A.weight`));
  return String(of(0)) !== String(of(1));
}
