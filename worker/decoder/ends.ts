// What lies before and behind the blocks of a decoder in a step: embedding, final norm and head. A
// tied head adds its part of the gradient of the embedding before the blocks do.
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import type { Objective } from '../engine/objective.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { decoderConfig } from './config.ts';
import { embedBackward_ } from './embedding.ts';
import { headBackward } from './head.ts';
import { embeddingName, finalNormName, headName } from './names.ts';

const crossEntropy: Objective = {
  of({ h, weight, sequence, scale, cap, dweight }) {
    const [, sums, dh] = ops.headNll(h, weight, sequence.labels, { invN: scale, cap, dweight });
    return { sums: { loss: ops.select(sums, 0, 0) }, dh };
  },
};

export function decoderEnds(
  model: Model,
  { active, objective, scale, sum }: EndSettings,
): StepEnds {
  const config = decoderConfig(model.config);
  const { inlet, outlet } = model.places;
  const head = active(outlet);
  const dEmbedding = active(inlet).length > 0 ? matrixGradient(model, embeddingName) : null;
  const headIsActive = head.find(({ name }) => name === headName(config));
  const dHead = headIsActive
    ? matrixGradient(model, headIsActive.name)
    : config.tied
      ? dEmbedding
      : null;
  const norm = head.find(({ name }) => name === finalNormName);
  const norms = sum(norm ? [norm] : []);
  return {
    outlet(x, sequence) {
      const back = headBackward(model, x, sequence, {
        ...{ objective: objective ?? crossEntropy, scale, dHead },
        normIsActive: norm !== undefined,
      });
      if (norm) norms.add([back.norm]);
      return back;
    },
    outletGradients() {
      const gradients = norms.finish();
      if (headIsActive && dHead) gradients.push({ parameter: headIsActive, value: dHead });
      return gradients;
    },
    inlet({ x }, { ids }) {
      if (dEmbedding !== null) embedBackward_(config, dEmbedding, x, ids);
      return null;
    },
    inletGradients() {
      if (dEmbedding === null) return [];
      return [{ parameter: model.parameters.get(embeddingName), value: dEmbedding }];
    },
  };
}

/** A zero gradient for a vocabulary matrix: it sums many small terms, so never in 16 bits. */
function matrixGradient(model: Model, name: string): Tensor {
  const { shape, dtype } = model.parameters.value(name);
  return ops.zeros(shape, { dtype: exactType(dtype) });
}
