// What lies before and behind the blocks of a diffusion transformer in a step.
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import type { Parameter } from '../engine/parameters.ts';
import { requireNoTeacher } from '../nn/require-no-teacher.ts';
import { parametersThroughTape, throughTape } from '../nn/through-tape.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { diffusionConfig } from './config.ts';
import { conditioningOf, inputAt, patchStream } from './inlet.ts';
import { inletPaths } from './names.ts';
import { noiseErrors, noiseIn, noiseSums, outletStates } from './outlet.ts';

export function diffusionEnds(model: Model, settings: EndSettings): StepEnds {
  const alone = 'the noise in its pictures alone; it has no teacher of tokens';
  requireNoTeacher(model, settings, alone);
  const { active, scale, sum } = settings;
  const config = diffusionConfig(model.config);
  const { parameters, places } = model;
  const tensorOf = (name: string): Tensor => parameters.value(name);
  const head = active(places.outlet);
  const heads = sum(head);
  const inlet = active(places.inlet);
  const isOfPatches = ({ name }: Parameter): boolean => name.startsWith(`${inletPaths.patches}.`);
  const ofPatches = inlet.filter(isOfPatches);
  const ofConditioning = inlet.filter((one) => !isOfPatches(one));
  const [patches, conditioning] = [sum(ofPatches), sum(ofConditioning)];
  return {
    outlet(x, { inputs, offsets }, { of: { c }, areWanted }) {
      if (c === undefined) throw new Bug('the outlet gets no conditioning');
      const pictures = (offsets.shape[0] ?? 0) - 1;
      const { active: found, ...pass } = scope(() => {
        const { output, input, beside, active } = throughTape(x, tensorOf, {
          active: head.map(({ name }) => name),
          beside: areWanted ? { c } : {},
          of(stream, value, { c: read = c }) {
            const noise = noiseIn(config, outletStates(stream, read, value), value);
            return noiseErrors(noise, inputs, pictures);
          },
          seed: (errors) => ops.fullLike(errors, scale),
        });
        return {
          sums: noiseSums(output, inputAt(inputs, 'quarter')),
          input,
          sides: beside,
          active,
        };
      });
      heads.add(found);
      return pass;
    },
    outletGradients: () => heads.finish(),
    inlet({ x: g, sides }, { inputs }) {
      const ofGrid = scope(
        () =>
          parametersThroughTape(tensorOf, {
            active: ofPatches.map(({ name }) => name),
            of: (value) => patchStream(config, inputs, value),
            seed: () => g,
          }).active,
      );
      patches.add(ofGrid);
      const { c } = sides;
      if (c === undefined) return null;
      const found = scope(() => {
        const { active: gradients } = parametersThroughTape(tensorOf, {
          active: ofConditioning.map(({ name }) => name),
          of: (value) => conditioningOf(inputs, value),
          seed: ({ dtype }) => ops.to(c, dtype),
        });
        return gradients;
      });
      conditioning.add(found);
      return null;
    },
    inletGradients: () => [...patches.finish(), ...conditioning.finish()],
  };
}
