// KaSA in PEFT's format of it: LoRA with `kasa_config`, and `lora_diag` beside both matrices of
// each layer, of the rank itself. PEFT takes the smallest components from the weights of the base
// when it loads it, by a decomposition of its own, and for good: it refuses other adapters beside.
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { alphaOf } from '../../crds/methods/adapter-fields.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { openSafetensors, type WritableTensor } from '../files/safetensors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { commonConfig, prefix, tensorFile, writeAdapter } from './peft-files.ts';
import { ownCopy, roundingOf, sharedBase } from './written-adapter.ts';

export function kasaArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  return {
    format: 'KaSA',
    folder: resultFolder.KaSA,
    ...roundingOf(model),
    write(folder) {
      const tensors = model.parameters.trained().map(({ name, value }): Named => {
        const { shape, dtype } = value;
        // What is written is disposed then.
        return [`${prefix}${name}`, { shape, dtype, make: () => ops.detach(value) }];
      });
      return writeAdapter(folder, new Map(tensors), configOf(facts), facts);
    },
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      const parameters = sharedBase(model);
      for (const parameter of model.parameters.trained()) {
        const read = () => ownCopy(file.load(`${prefix}${parameter.name}`));
        parameters.add({ ...parameter, value: keep(scope(read)) });
      }
      return { ...model, parameters };
    },
  };
}

type Named = [string, WritableTensor];

function configOf(facts: ArtifactFacts): Record<string, unknown> {
  const { adapter } = facts.method;
  if (adapter.type !== 'KaSA') throw new Bug(`${adapter.type} has no singular values`);
  const { kasa } = adapter;
  return {
    ...commonConfig(facts, [...facts.model.adapted.values()]),
    alpha_pattern: {},
    init_lora_weights: true,
    kasa_config: { beta: Number(kasa.beta), gamma: Number(kasa.gamma) },
    lora_alpha: alphaOf(kasa),
    lora_dropout: Number(kasa.dropout),
    peft_type: 'LORA',
    r: kasa.rank,
    rank_pattern: {},
    use_dora: false,
    use_rslora: false,
  };
}
