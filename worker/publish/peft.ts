// The adapter in PEFT's format: `adapter_model.safetensors` and `adapter_config.json`. Keys are
// `base_model.model.` + module path + `.lora_A.weight`. `init_lora_weights` is always true: any
// other value makes a loader recompute and change the base.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { type Parameter, Parameters } from '../engine/parameters.ts';
import { openSafetensors, writeSafetensors } from '../files/safetensors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';

const tensorFile = 'adapter_model.safetensors';
const prefix = 'base_model.model.';

export function peftArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  return {
    format: 'PEFTAdapter',
    folder: resultFolder.PEFTAdapter,
    rounding: null,
    async write(folder) {
      const { bytes } = await writeSafetensors(
        join(folder, tensorFile),
        peftTensors(model.parameters.all()),
      );
      const config = `${JSON.stringify(peftConfig(facts), null, 2)}\n`;
      await writeFile(join(folder, 'adapter_config.json'), config);
      return bytes;
    },
    // The base is frozen and already loaded; only the adapter is read back.
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      const parameters = new Parameters();
      for (const parameter of model.parameters.all()) {
        const { name, value, trained } = parameter;
        const own = scope(() =>
          trained ? ops.clone(file.load(prefix + name)) : ops.detach(value),
        );
        parameters.add({ ...parameter, value: keep(own) });
      }
      return { ...model, parameters };
    },
  };
}

/** Tensors of the adapter file, by PEFT's names. */
function peftTensors(parameters: readonly Parameter[]): ReadonlyMap<string, Tensor> {
  return new Map(
    parameters
      .filter(({ name }) => /\.lora_[AB]\.weight$/.test(name))
      .map(({ name, value }) => [prefix + name, value]),
  );
}

/** Contents of `adapter_config.json`. */
function peftConfig({ prepared, method, model }: ArtifactFacts): Record<string, unknown> {
  if (method.adapter.type !== 'LoRA') throw new Bug(`${method.adapter.type} has no PEFT form`);
  const { rank, alpha, dropout, scaling } = method.adapter.lora;
  const paths = [...model.adapted.keys()];
  const modules = new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)));
  return {
    alpha_pattern: {},
    base_model_name_or_path: prepared.model.name,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha === undefined ? 2 * rank : Number(alpha),
    lora_dropout: Number(dropout),
    modules_to_save: null,
    peft_type: 'LORA',
    r: rank,
    rank_pattern: {},
    target_modules: [...modules].sort(),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: scaling === 'RankStabilized',
  };
}
