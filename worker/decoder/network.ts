// What a decoder computes, as the engine calls it (engine/network.ts).
import { Bug, invariant } from '../../crds/failures/errors.ts';
import type { Network, SequenceInputs } from '../engine/network.ts';
import type { PackedSequence, SeeAttention } from '../engine/packed-sequence.ts';
import type { ModelConfig } from '../families/family.ts';
import { type RopeTable, ropeTable } from '../nn/rope.ts';
import * as ops from '../tensor/ops.generated.ts';
import { type BlockContext, block } from './block.ts';
import { type DecoderConfig, decoderConfig } from './config.ts';
import { embed } from './embedding.ts';
import { decoderEnds } from './ends.ts';
import { finalNorm, headLogits, headLoss } from './head.ts';
import { ropeFrequencies } from './rope.ts';

/** Longrope depends on the configured length, not on a sequence's. */
export function decoderNetwork(of: ModelConfig, sequenceLength: number | undefined): Network {
  invariant(sequenceLength !== undefined, 'a decoder without a longest text');
  const config = decoderConfig(of);
  const full = ropeFrequencies(config.rope.full, sequenceLength);
  const { sliding: own } = config.rope;
  const sliding = own === undefined ? null : ropeFrequencies(own, sequenceLength);
  return {
    inletReadsInBackward: false,
    inputs({ positions }, dtype) {
      const { cos, sin } = ropeTable(full, positions, dtype);
      if (sliding === null) return { cos, sin, slidingCos: cos, slidingSin: sin };
      const table = ropeTable(sliding, positions, dtype);
      return { cos, sin, slidingCos: table.cos, slidingSin: table.sin };
    },
    offsetsBefore: () => [],
    enter: (model, { ids }) => ({ x: embed(model, ids), sides: {} }),
    block: (layer, tensors, x, sequence, _sides, see) =>
      block(config, layer, tensors, x, sequenceContext(config, sequence, see)),
    loss: headLoss,
    targetStates: (_model, x, { rows }) => ops.indexSelect(x, 0, rows),
    logits: (model, rows) => headLogits(model, finalNorm(model, rows)),
    ends: decoderEnds,
  };
}

/** The tables of rotations among the inputs of a sequence. */
export function ropeTables({
  cos,
  sin,
  slidingCos,
  slidingSin,
}: SequenceInputs): BlockContext['rope'] {
  return { full: tableOf(cos, sin), sliding: tableOf(slidingCos, slidingSin) };
}

function tableOf(cos: SequenceInputs[string] | undefined, sin: typeof cos): RopeTable {
  if (cos === undefined || sin === undefined) throw new Bug('a sequence has no rotations');
  return { cos, sin };
}

/** Attention context: causal within each document, none across documents. */
function sequenceContext(
  config: DecoderConfig,
  sequence: PackedSequence,
  see?: SeeAttention,
): BlockContext {
  return {
    rope: ropeTables(sequence.inputs),
    attend: (layer, q, k, v) => {
      see?.(layer, q, k);
      return ops.attention(
        q,
        k,
        v,
        sequence.offsets,
        config.attentionScale,
        config.layers[layer]?.attention === 'sliding' ? (config.window ?? 0) : 0,
        config.attentionCap ?? 0,
      );
    },
  };
}
