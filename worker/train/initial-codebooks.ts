// The codes of a base that are fitted to outputs on training data, before there is a model to
// train. The first rank writes them.
import { decompositionSubject } from '../../crds/stages/subjects.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import { HeldSequences } from '../engine/held-sequences.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { World } from '../engine/world.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { CodeStart } from '../methods/weights/choose-codes.ts';
import { codebookParts } from '../methods/weights/codebook.ts';
import { calibrateCodebooks } from '../quantize/calibrated-codebooks.ts';
import type { RoleContext } from '../role.ts';
import { trimMemory } from '../tensor/memory.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type DensePass, passDense, weightIn } from './dense-pass.ts';

interface Making extends DensePass {
  readonly sequences: (count: number) => readonly HostSequence[];
  readonly world: World;
  readonly seed: bigint;
  readonly choice: CodeStart;
  /** Of the first rank: a part of a matrix, by its name. */
  readonly take: (name: string, part: Tensor) => void;
}

export async function makeCodebooks(
  context: Pick<RoleContext, 'emit' | 'stop'>,
  { sequences, world, seed, choice, take, ...pass }: Making,
): Promise<void> {
  const { source } = pass;
  const subject = decompositionSubject.codes;
  await passDense(context, pass, subject, function* (model) {
    using held = new HeldSequences(model, sequences(choice.calibrationSequences));
    const calibrated = {
      ...{ model, layers: linearLayers(source.config), sequences: held.all },
      weightOf: (layer: LinearLayer) => weightIn(source, layer),
      streamOf: ({ path }: LinearLayer) => streamOf(seed, 'codes', `${path}.weight`),
      take(path: string, matrix: Parameters<typeof codebookParts>[1]) {
        if (world.rank > 0) return;
        for (const [name, part] of codebookParts(`${path}.weight`, matrix)) {
          scope(() => take(name, ops.clone(part)));
        }
      },
    };
    yield* calibrateCodebooks(calibrated, { choice, ...effort });
  });
  trimMemory();
  context.emit({ type: 'stage', stage: 'Prepare', subject, state: 'Done' });
}

const effort = { fit: { rounds: 3, descents: 10 }, updates: 40 };
