// One rank of a group, as a process of its own: does what its parent says, line by line, and
// answers with a line of JSON each.
//   group-member.ts PLAN-AS-JSON
import { createInterface } from 'node:readline';
import { ProcessGroup } from '../../worker/sharding/process-group.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { fromBytes, type Tensor, toBytes } from '../../worker/tensor/tensor.ts';
import { setThreads } from '../../worker/tensor/threads.ts';

setThreads(1);
const plan = JSON.parse(process.argv[2] ?? '{}');
const say = (answer: object) => void process.stdout.write(`${JSON.stringify(answer)}\n`);
const wordsOf = (error: unknown) => ({
  error: error instanceof Error ? error.message : 'no error',
});

function tensorOf(values: readonly number[]): Tensor {
  return fromBytes(new Uint8Array(Float64Array.from(values).buffer), [values.length], 'float64');
}

function valuesOf(tensor: Tensor): readonly number[] {
  return [...new Float64Array(toBytes(tensor).slice().buffer)];
}

type Told = readonly [collective: string, values: readonly number[], root?: number];

function perform(group: ProcessGroup, [collective, values, root = 0]: Told): readonly number[] {
  const input = tensorOf(values);
  switch (collective) {
    case 'allReduce':
      group.allReduce(input).wait();
      return valuesOf(input);
    case 'allGather': {
      const output = ops.zeros([values.length * group.size], { dtype: 'float64' });
      group.allGather(output, input).wait();
      return valuesOf(output);
    }
    case 'reduceScatter': {
      const output = ops.zeros([values.length / group.size], { dtype: 'float64' });
      group.reduceScatter(output, input).wait();
      return valuesOf(output);
    }
    case 'broadcast':
      group.broadcast(input, root).wait();
      return valuesOf(input);
    case 'twoAtOnce': {
      const other = tensorOf(values.map((value) => 10 * value));
      const works = [group.allReduce(input), group.allReduce(other)];
      for (const work of works.toReversed()) work.wait();
      return [...valuesOf(input), ...valuesOf(other)];
    }
    case 'barrier':
      group.barrier();
      return [];
    default:
      throw new Error(`no collective ${collective}`);
  }
}

try {
  using group = ProcessGroup.join(plan);
  say({ joined: group.rank });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say({ values: perform(group, JSON.parse(line) as Told) });
    } catch (error) {
      say(wordsOf(error));
    }
  }
} catch (error) {
  say(wordsOf(error));
}
