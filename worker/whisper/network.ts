// What Whisper computes, as the engine calls it (engine/network.ts): two stages, of which the
// second reads the states of the first.
import { Bug } from '../../crds/failures/errors.ts';
import type { Network } from '../engine/network.ts';
import type { ModelConfig } from '../families/family.ts';
import type { Attend } from '../nn/self-attention.ts';
import { lastNorm, vocabularyLogits, vocabularyLoss } from '../nn/vocabulary-head.ts';
import * as ops from '../tensor/ops.generated.ts';
import { whisperBlock } from './block.ts';
import { whisperConfig } from './config.ts';
import { whisperEnds, whisperHead } from './ends.ts';
import { embedded, encoded, memoryOf, soundOffsets, whisperInputs } from './inlets.ts';

export function whisperNetwork(of: ModelConfig): Network {
  const config = whisperConfig(of);
  const { attentionScale: scale, encoderBlocks } = config;
  return {
    inletReadsInBackward: true,
    inputs: (host, dtype) => whisperInputs(config, host, dtype),
    offsetsBefore: (host) => [soundOffsets(config, host)],
    enter(model, sequence, _stage, before) {
      const value = (name: string) => model.parameters.value(name);
      if (before === null) return { x: encoded(model, sequence, value), sides: {} };
      return { x: embedded(model, sequence), sides: { memory: memoryOf(config, before, value) } };
    },
    block(layer, tensors, x, sequence, { memory }, see) {
      const isEncoder = layer < encoderBlocks;
      const [{ offsets: sounds } = sequence] = sequence.before;
      const offsets = isEncoder ? sounds : sequence.offsets;
      const attention = {
        own: (...[q, k, v]: Parameters<Attend>) => {
          see?.(layer, q, k);
          return ops.attention(q, k, v, offsets, scale, 0, 0, { causal: !isEncoder });
        },
        memory: isEncoder ? null : { states: memory ?? missing(layer), attend },
      };
      return whisperBlock(config, layer, tensors, x, attention);

      function attend(...[q, k, v]: Parameters<Attend>) {
        const settings = { causal: false, cuK: sounds };
        return ops.attention(q, k, v, sequence.offsets, scale, 0, 0, settings);
      }
    },
    loss: (model, x, sequence) => vocabularyLoss(whisperHead(model), model, x, sequence),
    targetStates: (_model, x, { rows }) => ops.indexSelect(x, 0, rows),
    logits(model, states) {
      const head = whisperHead(model);
      return vocabularyLogits(head, model, lastNorm(head, model, states));
    },
    ends: whisperEnds,
  };
}

function missing(layer: number): never {
  throw new Bug(`block ${layer} of the decoder has no states of the encoder`);
}
