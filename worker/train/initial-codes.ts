// Chooses the codes that store the weights, before the first step of a run.

import { setImmediate } from 'node:timers/promises';
import type { ResolvedMethod } from '../../crds/index.ts';
import { decompositionSubject } from '../../crds/stages/subjects.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { modelSource } from '../engine/build-model.ts';
import type { World } from '../engine/world.ts';
import { codebookOf } from '../methods/index.ts';
import type { RoleContext } from '../role.ts';
import type { ShardedModel } from '../sharding/sharded-model.ts';
import { type Filled, fillCodebooks } from './fill-codebooks.ts';

interface Choosing {
  readonly files: ModelFiles;
  readonly held: ShardedModel;
  readonly world: World;
  readonly stopping: () => boolean;
}

/**
 * Chooses the codes of a new run, each rank those of its own shard. A resumed run reads them from
 * its checkpoint.
 */
export async function chooseAllCodes(
  { emit, stop }: RoleContext,
  run: RunRecord,
  method: ResolvedMethod,
  { files, held, world, stopping }: Choosing,
): Promise<void> {
  const choice = codebookOf(method);
  // Those that are fitted to outputs were read with the model.
  if (choice === null || choice.calibrationSequences > 0) return;
  const report = { type: 'stage', stage: 'Prepare', subject: decompositionSubject.codes } as const;
  const seed = BigInt(run.spec.training.seed);
  emit({ ...report, state: 'Started' });
  const kept = held.shards.map(({ parameter }) => parameter);
  const filling = fillCodebooks(modelSource(files), kept, { choice, seed });
  let squares: Filled['squares'] = { left: 0, all: 0 };
  for (let isOver = false; !isOver; ) {
    const next = filling.next();
    if (next.done !== true) {
      const { done, total } = next.value;
      squares = next.value.squares;
      emit({ ...report, state: 'Running', unit: 'Tensors', done, total });
    }
    // A request to stop is received here, between matrices. The ranks agree after each matrix, so
    // none waits longer than for one matrix of another.
    await setImmediate();
    if (stopping()) stop.throwIfAborted();
    isOver = !world.agree(next.done !== true);
  }
  held.changed();
  const [left = 0, all = 0] = world.sum([squares.left, squares.all]);
  const note = `relative error of the weights ${(100 * Math.sqrt(left / all)).toPrecision(3)} %`;
  emit({ ...report, state: 'Done', note });
}
