// What a grid has beside the matrices that are rounded to it.
import type { GgufBlocks } from '../methods/fake-quantized.ts';
import { linearsOf } from '../methods/linears.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { ModelFacts } from './model-facts.ts';

/** Whether weights are rounded where they are multiplied. */
export function isOnGrid({ base }: Pick<ResolvedMethod, 'base'>): boolean {
  return base.type === 'FakeQuantized' || base.type === 'AdaPT';
}

/** Whether its scales alone train. */
export function trainsScales({ base }: Pick<ResolvedMethod, 'base'>): boolean {
  return base.type === 'FakeQuantized' && base.fakeQuantized.trains === 'Scales';
}

/** The type of GGUF files whose blocks weights are rounded to; null where it is none. */
export function blocksOf({ base }: Pick<ResolvedMethod, 'base'>): GgufBlocks | null {
  return base.type === 'FakeQuantized' ? (base.fakeQuantized.gguf ?? null) : null;
}

interface GridValues {
  /** Scales, and zero points where weights train. */
  readonly trained: number;
  /** Scales and zero points that fixed integers began with. */
  readonly kept: number;
}

/** Values in float32, in a block. */
export function gridValues(facts: ModelFacts, method: Pick<ResolvedMethod, 'base'>): GridValues {
  const { base } = method;
  if (base.type !== 'FakeQuantized' || blocksOf(method) !== null) return none;
  const { strategy, groupSize, range, scales, inputs } = base.fakeQuantized;
  const groups = linearsOf(facts).reduce(
    (sum, linear) => sum + linear.out * (strategy === 'Channel' ? 1 : linear.in / groupSize),
    0,
  );
  // Tables of inputs have a scale and a zero point of each denoising step.
  const tables = 2 * (inputs?.steps ?? 0) * linearsOf(facts).length;
  const all = groups * (range === 'Symmetric' ? 1 : 2) + tables;
  if (trainsScales(method)) return { trained: groups, kept: all };
  return scales === 'Fitted' ? none : { trained: all, kept: 0 };
}

const none: GridValues = { trained: 0, kept: 0 };
