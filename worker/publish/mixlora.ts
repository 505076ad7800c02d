// A MixLoRA as its authors store it: `adapter_config.json` and tensors under `mixlora.layers.N.`,
// with the router of an MLP as `mlp.moe_gate.weight` and its experts beside their layer,
// `mlp.up_proj.experts.E.lora_A.weight`. Their file is a pickle; ours is safetensors.

import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { alphaOf } from '../../crds/methods/adapter-fields.ts';
import { linearsOf, namedLinears } from '../../crds/methods/linears.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { factsOf } from '../decoder/registry.ts';
import type { Parameter } from '../engine/parameters.ts';
import { openSafetensors } from '../files/safetensors.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { tensorFile, writeAdapter } from './peft-files.ts';
import { withTrained } from './read-adapter.ts';
import { inFile } from './whole-modules.ts';
import { roundingOf } from './written-adapter.ts';

export function mixLoraArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  return {
    format: 'MixLoRA',
    folder: resultFolder.MixLoRA,
    ...roundingOf(model),
    write: (folder) =>
      writeAdapter(
        folder,
        new Map(inFile(model.parameters.trained(), nameOf)),
        configOf(facts),
        facts,
      ),
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      return withTrained(model, (parameter) => file.load(nameOf(parameter)));
    },
  };
}

function nameOf({ name }: Parameter): string {
  return name.replace(/^model\./, 'mixlora.');
}

/** Contents of `adapter_config.json`. */
function configOf({ prepared, method, model }: ArtifactFacts): Record<string, unknown> {
  const { adapter } = method;
  if (adapter.type !== 'MixLoRA') throw new Bug(`${adapter.type} has no experts`);
  const { rank, dropout, numExperts, topK, routerAuxLossCoef, targetModules } = adapter.mixLora;
  const targets = namedLinears(linearsOf(factsOf(model.config)), targetModules).map(
    ({ name }) => name,
  );
  return {
    base_model_name_or_path: prepared.model.name,
    bias: 'none',
    lora_alpha: alphaOf(adapter.mixLora),
    lora_dropout: Number(dropout),
    num_experts: numExperts,
    peft_type: 'MIXLORA',
    r: rank,
    router_aux_loss_coef: Number(routerAuxLossCoef),
    router_init_range: 0.02,
    routing_strategy: 'mixlora',
    target_modules: targets.toSorted(),
    task_type: 'CAUSAL_LM',
    top_k: topK,
    use_rslora: false,
  };
}
