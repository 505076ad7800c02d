// A rank of one toy training after another, as a process of its own, with its checkpoints in a
// folder that all ranks share. Reads tasks from stdin, each a line of JSON; says what every step
// and evaluation of each gave, as a line of JSON, when it has come to its end.
import { createInterface } from 'node:readline';
import type { ShardLayout } from '../../crds/plan/shards.ts';
import { checkpointsOf } from '../../worker/checkpoint/checkpoints.ts';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import { type GroupPlan, ProcessGroup } from '../../worker/sharding/process-group.ts';
import { worldOf } from '../../worker/sharding/world.ts';
import { liveHandles } from '../../worker/tensor/memory.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { train } from '../../worker/train/loop.ts';
import { type ShardedCase, shardedCases } from '../builders/sharded-cases.ts';
import { Training, type TrainingOptions } from '../builders/toy-training.ts';
import { FakeClock } from './clock.ts';

export interface RankTask {
  readonly plan: GroupPlan;
  readonly training: ShardedCase;
  readonly layout: ShardLayout;
  readonly folder: string;
  readonly steps: number;
}

export interface RankResult {
  readonly losses: readonly (number | null)[];
  readonly norms: readonly (number | null)[];
  readonly evaluations: readonly (number | null)[];
  /** Tensors that were made and not freed by the training. */
  readonly leaked: number;
}

setThreads(1);
for await (const line of createInterface({ input: process.stdin })) {
  // Written by the test that started this process.
  const result = await perform(JSON.parse(line) as RankTask);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function perform({ plan, training: name, layout, folder, steps }: RankTask) {
  using group = ProcessGroup.join(plan);
  const options: TrainingOptions = shardedCases[name]();
  using training = new Training({
    ...{ ...options, group, layout },
    plan: { ...options.plan, totalSteps: steps },
  });
  const checkpoints = checkpointsOf(training.trained(), {
    ...{ root: folder, job: 'a'.repeat(64), base: 'base', clock: new FakeClock() },
    wish: { intervalSteps: 2, intervalSeconds: null },
    retain: { latest: 2, best: 0, everySteps: null },
    world: worldOf(group),
    emit: training.parts.emit,
  });
  const before = liveHandles();
  const start = (await checkpoints.restore()) ?? freshState;
  await train({ ...training.parts, checkpoints }, start);
  // Codes of blocks that are whole still serve, and the tensors of what is made of codes stay with
  // the model.
  training.model.precision?.forgetAll();
  training.model.parameters.disposeMade();
  return {
    losses: training.ofType('step').map(({ loss }) => loss),
    norms: training.ofType('step').map(({ gradNorm }) => gradNorm),
    evaluations: training.ofType('evaluation').map(({ loss }) => loss),
    leaked: liveHandles() - before,
  } satisfies RankResult;
}
