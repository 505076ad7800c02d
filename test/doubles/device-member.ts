// One rank of a group on a device of its own, as a process: does what its parent says, line by
// line, and answers with a line of JSON each.
//   device-member.ts PLAN-AS-JSON
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import '../gpu/with-device.ts';
import { type GroupPlan, ProcessGroup } from '../../worker/sharding/process-group.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { uniform } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { type Tensor, toBytes } from '../../worker/tensor/tensor.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { countsOf, resetCounts } from '../builders/emulated-device.ts';

setThreads(1);
const plan = JSON.parse(process.argv[2] ?? '{}') as GroupPlan & { device: `cuda:${number}` };
const index = Number(plan.device.slice('cuda:'.length));
const say = (answer: object) => void process.stdout.write(`${JSON.stringify(answer)}\n`);
const wordsOf = (error: unknown) => ({
  error: error instanceof Error ? error.message : 'no error',
});

export interface Told {
  readonly collective: 'allReduce' | 'allGather' | 'reduceScatter' | 'broadcast' | 'sumOnHost';
  readonly dtype: DType;
  /** Values that each rank gives. */
  readonly count: number;
  /** Begun that many times before any is waited for. */
  readonly times?: number;
}

/** Values of both signs and of sizes far apart, so that another order of a sum shows. */
function valuesOf({ dtype, count }: Told, turn: number): Tensor {
  const drawn = (purpose: string, low: number, high: number) =>
    uniform([count], low, high, streamOf(7, purpose, plan.rank, turn));
  if (dtype === 'uint8') return ops.to(drawn('bytes', 0, 80), dtype);
  return ops.to(ops.mul(drawn('values', -1, 1), ops.exp(drawn('sizes', -6, 6))), dtype);
}

function begin(group: ProcessGroup, told: Told, turn: number) {
  const input = valuesOf(told, turn);
  const like = { dtype: told.dtype };
  switch (told.collective) {
    case 'allReduce':
      return { output: input, work: group.allReduce(input) };
    case 'allGather': {
      const output = ops.empty([told.count * group.size], like);
      return { output, work: group.allGather(output, input) };
    }
    case 'reduceScatter': {
      const output = ops.empty([told.count / group.size], like);
      return { output, work: group.reduceScatter(output, input) };
    }
    case 'broadcast':
      return { output: input, work: group.broadcast(input, group.size - 1) };
    case 'sumOnHost': {
      const output = ops.ones([told.count], { ...like, device: 'cpu' });
      return { output, work: group.allReduce(output) };
    }
  }
}

function perform(group: ProcessGroup, told: Told) {
  return scope(() => {
    const begun = Array.from({ length: told.times ?? 1 }, (_, turn) => {
      resetCounts(index);
      return begin(group, told, turn);
    });
    for (const { work } of begun) work.wait();
    const { waits } = countsOf(index);
    const hash = createHash('sha256');
    for (const { output } of begun) hash.update(toBytes(output));
    return { digest: hash.digest('hex'), waits };
  }, plan.device);
}

try {
  using group = ProcessGroup.join(plan);
  say({ joined: group.rank, exchange: group.deviceExchange });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(perform(group, JSON.parse(line) as Told));
    } catch (error) {
      say(wordsOf(error));
    }
  }
} catch (error) {
  say(wordsOf(error));
}
