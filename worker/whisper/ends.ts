// What lies before, between and behind the blocks of Whisper in a step. The head is the table of
// tokens: it adds its part of that gradient before the blocks do.
import type { Model } from '../engine/model.ts';
import type { EndSettings, EntryGradients, StepEnds } from '../engine/network.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { tableGradients } from '../nn/table-gradients.ts';
import { parametersThroughTape, throughTape } from '../nn/through-tape.ts';
import { crossEntropy, type VocabularyHead, vocabularyBackward } from '../nn/vocabulary-head.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { whisperConfig } from './config.ts';
import { decoderTables, encoded, memoryOf } from './inlets.ts';
import { names, places } from './names.ts';

export function whisperHead({ config }: Pick<Model, 'config'>): VocabularyHead {
  const { normEps } = whisperConfig(config);
  const of = (part: string) => `${names.decoderNorm}.${part}`;
  return {
    norms: [of('weight'), of('bias')],
    normed: (x, value) => layerNormAt(names.decoderNorm, normEps, value, x),
    ...{ matrix: names.tokens, cap: 0 },
  };
}

export function whisperEnds(
  model: Model,
  { active, objective, scale, sum }: EndSettings,
): StepEnds {
  const config = whisperConfig(model.config);
  const value = (name: string): Tensor => model.parameters.value(name);
  const [inlet, between, outlet] = [
    active(places.encoder),
    active(places.decoder),
    active(places.head),
  ];
  const inlets = sum(inlet);
  const norm = between.filter(({ name }) => name.startsWith(`${names.encoderNorm}.`));
  const norms = sum(norm);
  const tables = tableGradients(between.filter((parameter) => !norm.includes(parameter)));
  const heads = sum(outlet);
  const namesOf = (parameters: typeof inlet) => parameters.map(({ name }) => name);
  return {
    outlet(x, sequence) {
      const back = vocabularyBackward(whisperHead(model), model, x, sequence, {
        ...{ objective: objective ?? crossEntropy, scale, active: namesOf(outlet) },
        dMatrix: tables.of(names.tokens),
      });
      heads.add(back.norms);
      return back;
    },
    outletGradients: () => heads.finish(),
    inlet(gradients, sequence) {
      const { before } = gradients;
      if (before !== null) return betweenStages({ ...gradients, before }, sequence);
      const found = scope(() => {
        const back = parametersThroughTape(value, {
          active: namesOf(inlet),
          of: (values) => encoded(model, sequence, values),
          seed: () => gradients.x,
        });
        // Gradients may be views of each other, and sums are made in place.
        return back.active.map((gradient) => gradient && ops.clone(gradient));
      });
      inlets.add(found);
      return null;
    },
    inletGradients: (stage) =>
      stage === 0 ? inlets.finish() : [...tables.finish(), ...norms.finish()],
  };

  function betweenStages(
    { x, sides, before }: EntryGradients & { readonly before: Tensor },
    sequence: PackedSequence,
  ): Tensor {
    const { input, active: found } = scope(() => {
      tables.add(x, decoderTables(sequence));
      const { memory } = sides;
      return throughTape(before, value, {
        active: namesOf(norm),
        of: (states, values) => memoryOf(config, states, values),
        seed: (states) =>
          memory === undefined ? ops.zerosLike(states) : ops.to(memory, states.dtype),
      });
    });
    norms.add(found);
    return input;
  }
}
