// KaSA in PEFT's format of it: LoRA with `kasa_config`, and `lora_diag` beside both matrices of
// each layer, of the rank itself. PEFT takes the smallest components from the weights of the base
// when it loads it, by a decomposition of its own, and for good: it refuses other adapters beside.
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { alphaOf } from '../../crds/methods/adapter-fields.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import type { Parameter } from '../engine/parameters.ts';
import { openSafetensors } from '../files/safetensors.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { commonConfig, prefix, tensorFile, writeAdapter } from './peft-files.ts';
import { withTrained } from './read-adapter.ts';
import { inFile } from './whole-modules.ts';
import { roundingOf } from './written-adapter.ts';

export function kasaArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  return {
    format: 'KaSA',
    folder: resultFolder.KaSA,
    ...roundingOf(model),
    write(folder) {
      const tensors = new Map(inFile(model.parameters.trained(), nameOf));
      return writeAdapter(folder, tensors, configOf(facts), facts);
    },
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      return withTrained(model, (parameter) => file.load(nameOf(parameter)));
    },
  };
}

function nameOf({ name }: Parameter): string {
  return `${prefix}${name}`;
}

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
