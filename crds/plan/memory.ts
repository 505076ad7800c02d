// Bytes of one rank, before anything is allocated: by part, at the moment of the largest sum, with
// the choice of activations that are kept. Pure, so that `estimate`, admission and the worker give
// the same answer.
//
// A step has three kinds of moments: the head, when all block inputs and kept tapes exist; the
// backward of each block, when inputs are freed and gradients appear; the update. The plan
// evaluates all of them.
import { trainsNothing } from '../methods/no-training.ts';
import { projectionOf } from '../methods/projection.ts';
import { besideTensors } from './beside-tensors.ts';
import { type BlockBytes, blockBytes } from './block-bytes.ts';
import { type BlockKind, blockKinds } from './block-kinds.ts';
import { gradientBytes } from './gradient-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion, TapeMode } from './memory-question.ts';
import { outsideWorking, updateWorking } from './optimizer-bytes.ts';
import { trainedOf } from './parameters.ts';
import { pictureBytes } from './picture-bytes.ts';
import { regrowWorking } from './regrow-bytes.ts';
import { sharedBytes } from './shared-bytes.ts';
import { sideBytes, soundBytes } from './speech-bytes.ts';
import { otherStages, tokenizerBytes } from './stage-bytes.ts';
import { type MemoryParts, type StageName, type StagePeak, stagePeak } from './stage-peak.ts';
import { staticBytes } from './static-bytes.ts';
import { taughtBytes } from './teacher-bytes.ts';
import { baseBytes } from './trajectory.ts';

export type { MemoryQuestion, TapeMode } from './memory-question.ts';
export type { MemoryParts, StageName, StagePeak } from './stage-peak.ts';

export interface MemoryPlan {
  /** At the moment of the largest sum; they add up to `peak`. */
  readonly parts: MemoryParts;
  readonly peak: number;
  /** The stage of that moment. */
  readonly stage: StageName;
  /** Each stage of the job, steps first where something is trained. */
  readonly stages: readonly StagePeak[];
  readonly limit: number;
  readonly fits: boolean;
  /** By block, first to last. */
  readonly blocks: readonly TapeMode[];
}

export function planMemory(question: MemoryQuestion): MemoryPlan {
  const { L } = question.facts;
  const { recomputation, device } = question;
  const { usable } = memoryConstants[device.type];
  const all = (mode: TapeMode) => new Array<TapeMode>(L).fill(mode);
  if (recomputation === 'None') return planFor(question, all('keep'));
  if (recomputation === 'Offload') return planFor(question, all('offload'));
  if (recomputation === 'Full') return planFor(question, all('recompute'));
  const budget = usable * device.bytes;
  const leanest = planFor(question, all('recompute'));
  if (stepPeakOf(leanest) <= budget) {
    return largest(L, (kept) => planFor(question, tail(L, kept, 'keep')), budget) ?? leanest;
  }
  if (stepPeakOf(leanest) <= device.bytes) return leanest;
  const offloaded = (count: number) => planFor(question, head(L, count, 'offload'));
  for (let count = 1; count < L; count++) {
    const plan = offloaded(count);
    if (stepPeakOf(plan) <= device.bytes) return plan;
  }
  return offloaded(L);
}

/** The plan for given modes, without choosing. */
export function planFor(question: MemoryQuestion, blocks: readonly TapeMode[]): MemoryPlan {
  const limit = question.device.bytes;
  const others = otherStages(question);
  // A question about steps alone is answered for what trains nothing, too.
  const hasSteps = others.length === 0 || !trainsNothing(question.method);
  const stages = hasSteps ? [stagePeak('Step', stepParts(question, blocks)), ...others] : others;
  const { stage, parts, peak } = stages.reduce((a, b) => (b.peak > a.peak ? b : a));
  return { parts, peak, stage, stages, limit, fits: peak <= limit, blocks };
}

/** The most kept blocks within the budget; peaks grow with each. */
function largest(
  most: number,
  planWith: (kept: number) => MemoryPlan,
  budget: number,
): MemoryPlan | undefined {
  for (let kept = most; kept > 0; kept--) {
    const plan = planWith(kept);
    if (stepPeakOf(plan) <= budget) return plan;
  }
  return undefined;
}

/** The choice of kept activations affects only steps. */
function stepPeakOf({ stages, peak }: Pick<MemoryPlan, 'stages' | 'peak'>): number {
  return stages.find(({ stage }) => stage === 'Step')?.peak ?? peak;
}

function tail(length: number, count: number, mode: TapeMode): readonly TapeMode[] {
  return Array.from({ length }, (_, index) => (index >= length - count ? mode : 'recompute'));
}

function head(length: number, count: number, mode: TapeMode): readonly TapeMode[] {
  return Array.from({ length }, (_, index) => (index < count ? mode : 'recompute'));
}

interface Moment {
  readonly gradients: number;
  readonly activations: number;
  readonly working: number;
}

function stepParts(question: MemoryQuestion, blocks: readonly TapeMode[]): MemoryParts {
  const fixed = staticBytes(question);
  const { context, loading, slack } = memoryConstants[question.device.type];
  const moments = momentsOf(question, blocks);
  const worst = moments.reduce((a, b) => (totalOf(a) >= totalOf(b) ? a : b));
  const dynamic = totalOf(worst) + fixed.optimizer;
  const working =
    worst.working +
    sharedBytes(question).blocks +
    context +
    tokenizerBytes(question) +
    slack * dynamic +
    taughtBytes(question) +
    clippedBytes(question) +
    pictureBytes(question, question.perWave * question.microBatchTokens) +
    soundBytes(question) +
    besideTensors(question);
  return {
    weights: fixed.weights + fixed.codes + baseBytes(question),
    optimizer: fixed.optimizer,
    gradients: worst.gradients,
    activations: worst.activations,
    // Before the first step only the model exists.
    workspace: Math.max(working, loading - (dynamic - worst.working)),
  };
}

/** The sum over records in float64, and all gradients of one of them in float32. */
function clippedBytes({ facts, method, clipsRecords = false }: MemoryQuestion): number {
  return clipsRecords ? (8 + 4) * trainedOf(facts, method).total : 0;
}

function momentsOf(question: MemoryQuestion, blocks: readonly TapeMode[]): readonly Moment[] {
  const { facts, method, perWave, clip } = question;
  const { activeBlocks, embedding, shared: sharedValues } = trainedOf(facts, method);
  // With fewer active blocks no backward passes below the lowest active one, and no tape is kept
  // there.
  const reachesAll = embedding || sharedValues > 0 || activeBlocks === facts.L;
  const kinds = kindsOf(question);
  const byLayer = kinds.flatMap((kind) => new Array<OfKind>(kind.blocks).fill(kind));
  const [last = kinds[0]] = kinds.slice(-1);
  const { bytes } = last;
  const sides = sideBytes(question);
  const { made, offered, waiting: kept } = gradientBytes(question);
  const shared = sharedBytes(question);
  const held = blocks.map((mode, layer) => {
    const { bytes: own, together } = byLayer[layer] ?? last;
    return together * own.held[mode] + own.heldOnce[mode];
  });
  const before = [0];
  for (const one of held) before.push((before.at(-1) ?? 0) + one);
  const everyBlock = activeBlocks * kept;
  const outside = bytes.outsideGradient;
  const atHead: Moment = {
    gradients: outside,
    activations: (before.at(-1) ?? 0) + 2 * perWave * bytes.stream + sides.kept,
    working: bytes.headWorking + shared.vocabulary,
  };
  const forwards = forwardMoments(question, kinds, before);
  const backward = blocks.flatMap((mode, layer): readonly Moment[] => {
    // Which blocks are active is random: at worst all above this one are, and their gradients wait.
    const waiting = (count: number) =>
      clip === 'Global' ? Math.min(facts.L - 1 - layer, Math.max(0, count)) * kept : 0;
    const { bytes: own, together } = byLayer[layer] ?? last;
    const beside = own === bytes ? sides.kept + sides.gradient : 0;
    const at = (gradients: number, held: number): Moment => ({
      gradients:
        outside +
        gradients +
        // Pending reductions of the block before.
        (layer === facts.L - 1 ? shared.headExchange : shared.blockExchange),
      activations: held + 2 * together * own.stream + recomputedTape(mode, own) + beside,
      working: own.backwardWorking,
    });
    const [below = 0, withOwn = 0] = before.slice(layer, layer + 2);
    if (reachesAll) return [at(made + waiting(activeBlocks - 1), withOwn)];
    const lowest = at(made + waiting(activeBlocks - 1), withOwn - below);
    if (layer === 0) return [lowest];
    // If another active block is further down; otherwise nothing is kept for the blocks below.
    const ofBlock = activeBlocks > 1 ? made : 0;
    return [lowest, at(ofBlock + waiting(activeBlocks - 2), withOwn)];
  });
  const updating = updateWorking(facts, method);
  // Of the top block: by an update, or the computation of a projection, which is not deferred.
  const first: Moment = {
    gradients: outside + offered,
    activations: (before.at(-2) ?? 0) + 2 * perWave * bytes.stream + sides.kept,
    working: updating,
  };
  const isAtOnce = clip !== 'Global' || projectionOf(method.optimizer) !== null;
  const update: Moment = {
    gradients: outside + (clip === 'Global' ? everyBlock : 0) + (isAtOnce ? offered : 0),
    activations: 0,
    working: Math.max(
      updating,
      regrowWorking(facts, method),
      clip === 'Global' ? outsideWorking(facts, method) : 0,
    ),
  };
  const atInlet: Moment = {
    gradients: outside + (clip === 'Global' ? everyBlock : 0) + shared.embeddingExchange,
    activations: 0,
    working: outsideWorking(facts, method),
  };
  return [atHead, ...forwards, ...backward, ...(isAtOnce ? [first] : []), atInlet, update];
}

interface OfKind extends BlockKind {
  readonly bytes: BlockBytes;
  /** Micro-batches of a wave that have tokens there. */
  readonly together: number;
}

function kindsOf(question: MemoryQuestion): readonly [OfKind, ...OfKind[]] {
  const of = (kind: BlockKind): OfKind => ({
    ...kind,
    bytes: blockBytes(question, kind),
    together: kind.isOnce === true ? 1 : question.perWave,
  });
  const [first, ...rest] = blockKinds(question);
  return [of(first), ...rest.map(of)];
}

/** One for each kind of blocks, once all of them have passed; `held`: before each block. */
function forwardMoments(
  question: MemoryQuestion,
  kinds: readonly OfKind[],
  held: readonly number[],
): readonly Moment[] {
  const { kept } = sideBytes(question);
  let passed = 0;
  return kinds.map(({ blocks, bytes, together }, i) => {
    passed += blocks;
    const streams = 2 * together * bytes.stream + (i > 0 ? kept : 0);
    const activations = (held[passed] ?? 0) + streams;
    return { gradients: 0, activations, working: bytes.forwardWorking };
  });
}

/**
 * The tape of the block that is recomputed; it begins with the input, which is in memory already
 * unless it was offloaded.
 */
function recomputedTape(mode: TapeMode, { tape, stream }: BlockBytes): number {
  if (mode === 'keep') return 0;
  return mode === 'offload' ? tape : tape - stream;
}

function totalOf({ gradients, activations, working }: Moment): number {
  return gradients + activations + working;
}

export function sumOf(parts: MemoryParts): number {
  return Object.values(parts).reduce((sum, part) => sum + part, 0);
}
