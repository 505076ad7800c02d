// What lies before and behind the blocks of a decoder in a step: embedding, final norm and head. A
// tied head adds its part of the gradient of the embedding before the blocks do.
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import { crossEntropy, matrixGradient, vocabularyBackward } from '../nn/vocabulary-head.ts';
import { decoderConfig } from './config.ts';
import { embedBackward_ } from './embedding.ts';
import { decoderHead } from './head.ts';
import { embeddingName, finalNormName, headName } from './names.ts';

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
  const norm = head.filter(({ name }) => name === finalNormName);
  const norms = sum(norm);
  const own = decoderHead(model);
  return {
    outlet(x, sequence) {
      const back = vocabularyBackward(own, model, x, sequence, {
        ...{ objective: objective ?? crossEntropy, scale, dMatrix: dHead },
        active: norm.map(({ name }) => name),
      });
      norms.add(back.norms);
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
