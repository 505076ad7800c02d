// What lies before, between and behind the blocks of both towers in a step. The outlet compares the
// pictures of all sequences with their texts: of pairs also with those of all other ranks, whose
// rows are gathered, so that the loss is that of the whole batch. Each rank has the gradients of
// its own rows; of the scale of logits, those of its own pictures.
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { EndSettings, OutletInput, OutletPass, Sides, StepEnds } from '../engine/network.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { Parameter } from '../engine/parameters.ts';
import { requireNoTeacher } from '../nn/require-no-teacher.ts';
import { throughTape } from '../nn/through-tape.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { compareBatch, type PartGradients } from './batch.ts';
import { clipConfig } from './config.ts';
import { betweenTowers, part, textInlet } from './inlet-ends.ts';
import { pictureUnits, targetTexts } from './joint.ts';
import { names, places } from './names.ts';

export function clipEnds(model: Model, settings: EndSettings): StepEnds {
  const { active, scale, sum, world } = settings;
  requireNoTeacher(model, settings, 'what belongs together in its data alone; it has no teacher');
  const config = clipConfig(model.config);
  const value = (name: string): Tensor => model.parameters.value(name);
  const [texts, between] = [textInlet(model, settings), betweenTowers(model, settings)];
  const outlet = active(places.head);
  const isScale = ({ name }: Parameter) => name === names.logitScale;
  const ofScale = part(outlet.filter(isScale), sum);
  const head = part(
    outlet.filter((one) => !isScale(one)),
    sum,
  );
  return {
    outlets(all) {
      const compared = scope(() => {
        const parts = all.map(({ x, sequence, sides }) => ({
          pictures: pictureUnits(config, x, sequence, value),
          ...{ texts: targetTexts(sequence, sides.of), sequence },
        }));
        return compareBatch(parts, value(names.logitScale), { scale, world });
      });
      ofScale.sum.add([ops.to(compared.logitScale, value(names.logitScale).dtype)]);
      return all.map((one, a) => outletOf(one, compared.parts[a] ?? missing(a)));
    },
    outletGradients: () => [...head.sum.finish(), ...ofScale.sum.finish()],
    inlet(gradients, sequence) {
      const { before, x } = gradients;
      if (before !== null) return between.add({ ...gradients, before }, sequence);
      texts.add(x, sequence);
      return null;
    },
    inletGradients: (stage) => (stage === 0 ? texts.finish() : between.finish()),
  };

  function outletOf({ x, sequence, sides }: OutletInput, own: PartGradients): OutletPass {
    const { active: found, ...pass } = scope(() => {
      const back = throughTape(x, value, {
        active: head.names,
        of: (stream, values) => pictureUnits(config, stream, sequence, values),
        seed: () => own.pictures,
      });
      return {
        ...{ sums: own.sums, input: back.input, active: back.active },
        ...(sides.areWanted && { sides: { texts: ofTexts(own, sequence, sides.of) } }),
      };
    });
    head.sum.add(found);
    return pass;
  }
}

/** Of all texts of the sequence, where targets have one each. */
function ofTexts({ texts }: PartGradients, { texts: kind, labels }: PackedSequence, sides: Sides) {
  const all = sides['texts'];
  if (kind?.of !== 'Pictures' || all === undefined) return ops.clone(texts);
  return ops.indexCopy_(ops.zerosLike(all), 0, labels, texts);
}

function missing(a: number): never {
  throw new Bug(`micro-batch ${a} was not compared`);
}
