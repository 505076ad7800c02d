// What methods hook into a diffusion transformer by; the layer of scales and shifts included.
import test from 'ava';
import { linearsOf } from '../../../crds/methods/linears.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { diffusionTensors } from '../../../worker/diffusion/names.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { valuesOf } from '../../../worker/families/family.ts';
import { learnsBesideCodes, showsInputs } from '../../builders/hooked.ts';
import { diffusionSource, noisedPictures } from '../../toy/diffusion.ts';

const source = diffusionSource({ attention_head_dim: 32, num_layers: 2 });
const packed = noisedPictures([0, 1, 2]);
const diffusion = { source, sequences: [packed], sequenceLength: 16 };

test('an observer sees the input of each linear layer, and changes no bit', (t) => {
  showsInputs(t, diffusion, (path) => (path.endsWith('norm1.linear') ? 3 : packed.ids.length));
});

test('factors beside weights in 4 bits learn from what these decode to', (t) => {
  learnsBesideCodes(t, diffusion, 2 * 14);
});

test('a plan counts the layers and values that there are', (t) => {
  for (const changes of [{}, { attention_bias: false, out_channels: 4, num_layers: 1 }]) {
    const { config } = diffusionSource(changes);
    const facts = factsOf(config);
    t.is(parametersOf(facts).total, valuesOf(diffusionTensors(diffusionConfig(config))));
    t.deepEqual(
      linearsOf(facts).map(({ path, out, in: inputs }) => ({ path, out, in: inputs })),
      linearLayers(config)
        .filter(({ layer }) => layer === 0)
        .map(({ path, out, in: inputs }) => ({ path, out, in: inputs })),
    );
  }
});
