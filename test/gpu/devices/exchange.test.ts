// Groups of processes, each on an emulated device of its own: what they exchange by NCCL has the
// bits of what they exchange by Gloo, and a rank that is lost, that hangs, or whose NCCL fails ends
// with the sentence of a lost worker.
import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../../cli/client/free-port.ts';
import type { NcclUse } from '../../../worker/sharding/nccl-use.ts';
import type { DeviceExchange } from '../../../worker/sharding/process-group.ts';
import type { Told } from '../../doubles/device-member.ts';
import { answersOf, type Member, startMember } from '../../doubles/group-processes.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';
import { emulatedNccl } from '../emulated-nccl.ts';

interface Answer {
  readonly joined?: number;
  readonly exchange?: DeviceExchange;
  readonly digest?: string;
  readonly waits?: number;
  readonly error?: string;
}

type Rank = Member<Told, Answer>;

interface Options {
  readonly nccl?: NcclUse;
  readonly timeoutMs?: number;
  readonly probeMs?: number;
  /** Variables of a rank, beside those by which it finds NCCL. */
  readonly variables?: (rank: number) => Readonly<Record<string, string>>;
  readonly deviceOf?: (rank: number) => number;
}

let found: Readonly<Record<string, string>>;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

test.before(async () => {
  folder = await temporaryFolder();
  found = await emulatedNccl(folder.path);
});

test.after.always(() => folder[Symbol.asyncDispose]());

async function members(
  t: ExecutionContext,
  size: number,
  { nccl = 'Auto', timeoutMs = 60_000, probeMs = 10_000, ...more }: Options = {},
): Promise<readonly Rank[]> {
  const store = { host: '127.0.0.1', port: await freePort() };
  const { deviceOf = (rank) => rank, variables = () => ({}) } = more;
  const name = randomUUID();
  return Array.from({ length: size }, (_, rank) => {
    const device = `cuda:${deviceOf(rank)}` as const;
    const limits = { timeoutMs, probeMs };
    const plan = { name, rank, size, store, address: '127.0.0.1', device, nccl, ...limits };
    const own = { ANNEAL_EMULATED_DEVICES: String(size), ...found, ...variables(rank) };
    return startMember<Told, Answer>(t, 'device-member.ts', plan, { NODE_OPTIONS: '', ...own });
  });
}

async function ask(all: readonly Rank[], told: Told): Promise<readonly Answer[]> {
  for (const member of all) member.tell(told);
  return answersOf(all);
}

const byNccl = { by: 'NCCL', version: '2.30.7' } as const;
const some: Told = { collective: 'allGather', dtype: 'float32', count: 5 };

for (const size of [2, 3]) {
  test.serial(`${size} devices exchange the same bits by NCCL and by Gloo`, async (t) => {
    const direct = await members(t, size);
    const staged = await members(t, size, { nccl: 'Never' });
    for (const { exchange } of await answersOf(direct)) t.deepEqual(exchange, byNccl);
    for (const { exchange } of await answersOf(staged)) t.is(exchange?.by, 'Gloo');
    const dtypes = ['bfloat16', 'float32', 'uint8'] as const;
    const collectives = ['allGather', 'reduceScatter', 'allReduce', 'broadcast'] as const;
    for (const dtype of dtypes) {
      for (const collective of collectives) {
        for (const odd of [1, 2, 1001]) {
          const count = collective === 'reduceScatter' ? odd * size : odd;
          const told = { collective, dtype, count, times: 2 };
          const name = JSON.stringify(told);
          const [one, other] = [await ask(direct, told), await ask(staged, told)];
          for (const { digest } of one) t.regex(digest ?? '', /^[0-9a-f]{64}$/, name);
          const digests = (all: readonly Answer[]) => all.map(({ digest }) => digest);
          t.deepEqual(digests(one), digests(other), name);
          // The device waits for what it gets, and not the host.
          for (const { waits } of one) t.is(waits, 0, name);
          for (const { waits = 0 } of other) t.true(waits > 0, name);
        }
      }
    }
    const onHost: Told = { collective: 'sumOnHost', dtype: 'float64', count: 3 };
    const sums = [...(await ask(direct, onHost)), ...(await ask(staged, onHost))];
    t.is(new Set(sums.map(({ digest }) => digest)).size, 1);
  });
}

test.serial('a rank that is killed is told soon, and by its number', async (t) => {
  const all = await members(t, 3, { timeoutMs: 120_000 });
  await answersOf(all);
  await ask(all, some);
  const [first, second, third] = all as [Rank, Rank, Rank];
  third.process.kill('SIGKILL');
  const began = performance.now();
  for (const member of [first, second]) member.tell(some);
  for (const { error } of await answersOf([first, second])) {
    t.regex(error ?? '', /^the all-gather of the group \S+ failed: rank 2 did not answer/);
  }
  t.true(performance.now() - began < 60_000);
  first.tell({ ...some, collective: 'sumOnHost' });
  t.regex((await first.answer()).error ?? '', /^the all-gather .* rank 2 did not answer/);
});

test.serial('a rank that is frozen is missed after the limit', async (t) => {
  const all = await members(t, 2, { timeoutMs: 3_000, probeMs: 3_000 });
  await answersOf(all);
  await ask(all, some);
  const [first, second] = all as [Rank, Rank];
  second.process.kill('SIGSTOP');
  first.tell(some);
  t.regex((await first.answer()).error ?? '', /failed: rank 1 did not answer \(limit 3 s\)$/);
});

for (const [fault, words] of [
  ['hang:1:2', /NCCL did not end an exchange within 3 s|NCCL has lost rank \d/],
  ['error:1:2', /NCCL 2.30.7: unhandled system error \(a test said so\)|NCCL has lost rank 1/],
] as const) {
  test.serial(`an exchange that fails at one rank ends at both: ${fault}`, async (t) => {
    const variables = () => ({ ANNEAL_NCCL_FAULT: fault });
    const all = await members(t, 2, { timeoutMs: 3_000, variables });
    await answersOf(all);
    for (const { digest } of await ask(all, some)) t.truthy(digest);
    for (const { error = '' } of await ask(all, some)) {
      t.regex(error, /^the all-gather of the group \S+ failed: /);
      t.regex(error, words);
      t.regex(error, /, although every rank still answers \(limit 3 s\)$/);
    }
  });
}

for (const [why, options, sentence] of [
  [
    'one has no NCCL',
    { variables: (rank: number) => (rank === 1 ? { LD_LIBRARY_PATH: '' } : {}) },
    /^rank 1: NCCL was not found: /,
  ],
  ['two compute on one device', { deviceOf: () => 0 }, /^rank 1 computes on the device of rank 0$/],
  [
    'NCCL refuses one',
    { variables: () => ({ ANNEAL_NCCL_FAULT: 'init:1' }) },
    /^rank 1: NCCL 2.30.7: unhandled system error \(a test said so\)$/,
  ],
] as const) {
  test.serial(`all exchange by Gloo where ${why}`, async (t) => {
    const all = await members(t, 3, options as Options);
    for (const { exchange } of await answersOf(all)) {
      t.is(exchange?.by, 'Gloo');
      t.regex(exchange?.by === 'Gloo' ? exchange.why : '', sentence);
    }
    for (const { digest } of await ask(all, some)) t.truthy(digest);
  });
}

test.serial('a rank that must use NCCL says why it cannot', async (t) => {
  const all = await members(t, 2, { nccl: 'Required', deviceOf: () => 0 });
  for (const { error = '' } of await answersOf(all)) {
    t.regex(error, /^USE_NCCL is 1, and the devices cannot exchange by NCCL: rank 1 computes on/);
  }
});
