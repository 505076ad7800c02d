// Bytes of one block and one micro-batch: kept, temporary, and those of the head.
import type { AdapterShape } from '../methods/adapter-shapes.ts';
import { adapterShape } from '../methods/adapter-traits.ts';
import { storesCodes } from '../methods/coded.ts';
import { hasFewBits } from '../methods/few-bits.ts';
import { byInput, isOfMlp, type Linear, linearSizes, rowsPerToken } from '../methods/linears.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { type BlockKind, blockKinds } from './block-kinds.ts';
import { fewBitsBytes } from './few-bits-bytes.ts';
import { isOnGrid } from './grid-bytes.ts';
import { keptParts } from './kept-parts.ts';
import { countsOf } from './kinds/counts.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion, TapeMode } from './memory-question.ts';
import type { ModelFacts, RestorationFacts, TrackingFacts } from './model-facts.ts';
import { adaptedLinears, linearsOf, parametersOf, trainedOf } from './parameters.ts';
import { storesFrozen } from './quantized-base.ts';
import { valueBytes } from './static-bytes.ts';
import { copiesOfLogits } from './teacher-bytes.ts';

export interface BlockBytes {
  /** The stream between blocks: T x H. */
  readonly stream: number;
  /** What a micro-batch keeps in a block, by mode. */
  readonly held: Readonly<Record<TapeMode, number>>;
  /** What all micro-batches together keep. */
  readonly heldOnce: Readonly<Record<TapeMode, number>>;
  readonly tape: number;
  readonly forwardWorking: number;
  readonly backwardWorking: number;
  readonly headWorking: number;
  /** Gradients of embedding, head and last norm, in float32. */
  readonly outsideGradient: number;
}

/** Of blocks of one kind. @default the first */
export function blockBytes(
  question: MemoryQuestion,
  kind: BlockKind = blockKinds(question)[0],
): BlockBytes {
  return bytesOf({ ...question, facts: { ...question.facts, ...kind.sizes } }, kind);
}

function bytesOf(question: MemoryQuestion, kind: BlockKind): BlockBytes {
  const { facts, method } = question;
  const { tokens: T, working } = kind;
  const width = valueBytes(method);
  const stream = T * facts.H * width;
  const copied = noisyMatrices(facts, method);
  const made = madeMatrices(facts, method) + copied.bytes;
  const coded = fewBitsBytes(facts, method, T);
  const cell = cellOf(facts);
  const ofTokens = T * (tapeBytesPerToken(question, kind) + coded.tapePerToken);
  const beside = readBytes(question, kind) + madeFactors(question, kind);
  const tape = ofTokens + beside + width * (cell?.fixed ?? 0);
  const unitsOf = (count: Units) => cell?.working ?? units(facts, withExperts(question, count));
  return {
    stream,
    held: { keep: tape, recompute: stream, offload: 0 },
    // Elsewhere the quantized values of all blocks are kept (static-bytes.ts).
    heldOnce: { keep: question.shards === 1 ? 0 : coded.taped, recompute: 0, offload: 0 },
    tape,
    forwardWorking: Math.max(
      T * width * unitsOf(working.forward) + coded.forwardWorking + made + patchedBytes(question),
      made + Math.max(changing(facts, method), copied.working),
    ),
    backwardWorking: Math.max(
      T * width * unitsOf(working.backward) +
        coded.backwardWorking +
        made +
        Math.max(patchedBytes(question), sampledBytes(question)) +
        densityWorking(question),
      made + Math.max(changing(facts, method), copied.working),
    ),
    headWorking: headWorking(question),
    outsideGradient: outsideGradient(question),
  };
}

/** Of blocks that are cells of a search. */
function cellOf(facts: ModelFacts): RestorationFacts['cell'] {
  return facts.kind === 'restoration' ? facts.cell : null;
}

/** Instead of an MLP: rows of each choice; some exist twice while they are put together. */
function withExperts({ facts, method }: MemoryQuestion, usual: Units): Units {
  const { chosen } = adapterShape(method, facts)?.experts ?? { chosen: 0 };
  if (chosen === 0) return usual;
  const { H, I } = memoryConstants.experts;
  return { ...usual, H: usual.H + H * chosen, I: I * chosen };
}

/** Copies of the matrices of a block with noise, in a step alone, and what one is made of. */
function noisyMatrices(facts: ModelFacts, method: ResolvedMethod) {
  const shape = adapterShape(method, facts);
  if (method.rule.type !== 'GGPO' || shape === null) return { bytes: 0, working: 0 };
  const sizes = adaptedLinears(facts, shape.targetModules).map((one) => one.out * one.in);
  return {
    bytes: valueBytes(method) * sizes.reduce((sum, one) => sum + one, 0),
    working: memoryConstants.noiseBytes * Math.max(...sizes),
  };
}

/**
 * Where a density loss begins: gradients of gate and up, and float32 values of some rows at a time.
 */
function densityWorking({ facts, method, microBatchTokens }: MemoryQuestion): number {
  if (method.rule.type !== 'DensityLoss') return 0;
  return 2 * microBatchTokens * facts.I * valueBytes(method) + memoryConstants.densityWorking;
}

/** Copies of the weights of layers, with the change of an adapter in them, while they compute. */
function patchedBytes({ facts, method }: MemoryQuestion): number {
  const shape = adapterShape(method, facts);
  if (shape?.patches !== true) return 0;
  const linears = adaptedLinears(facts, shape.targetModules);
  // One operator computes layers with the same input.
  const sizes = byInput(linears).map((together) =>
    together.reduce((sum, { out, in: inputs }) => sum + out * inputs, 0),
  );
  return valueBytes(method) * Math.max(...sizes);
}

/** Float32 copies of input and gradient of a layer whose product is made at single places. */
function sampledBytes({ facts, method, microBatchTokens }: MemoryQuestion): number {
  const shape = adapterShape(method, facts);
  if (shape?.patches !== true) return 0;
  const linears = adaptedLinears(facts, shape.targetModules);
  return 4 * microBatchTokens * Math.max(0, ...linears.map(({ out, in: inputs }) => out + inputs));
}

/** Factors of an adapter that each pass makes from others: the tape keeps them. */
function madeFactors({ facts, method }: MemoryQuestion, { has }: BlockKind): number {
  const shape = adapterShape(method, facts);
  if (shape === null) return 0;
  const linears = adaptedLinears(facts, shape.targetModules).filter(has);
  return memoryConstants.adapterBytes * linears.reduce((sum, one) => sum + shape.made(one), 0);
}

/**
 * Matrices of a block that exist while it is computed: dequantized, where trained ones are stored
 * quantized, or with the change of an adapter.
 */
export function madeMatrices(facts: ModelFacts, method: ResolvedMethod): number {
  const values = storesCodes(method)
    ? parametersOf(facts).blockMatrices
    : changedMatrices(facts, method).reduce((sum, one) => sum + one, 0);
  return values * valueBytes(method);
}

/** Values of each matrix of a block that a change is added to, or that is rounded. */
export function changedMatrices(facts: ModelFacts, method: ResolvedMethod): readonly number[] {
  if (isOnGrid(method)) return linearSizes(facts);
  const shape = adapterShape(method, facts);
  if (shape?.multipliedOut === undefined) return [];
  return adaptedLinears(facts, shape.targetModules).map((linear) => linear.out * linear.in);
}

/** Values of both factors of the change of each matrix of a block. */
export function changeFactors(facts: ModelFacts, method: ResolvedMethod): readonly number[] {
  const shape = adapterShape(method, facts);
  if (shape?.multipliedOut === undefined) return [];
  const { factors } = shape.multipliedOut;
  return adaptedLinears(facts, shape.targetModules).map((linear) => factors(linear));
}

/** Beside the copies of a block: one change while it is made, or its gradient. */
function changing(facts: ModelFacts, method: ResolvedMethod): number {
  const largest = Math.max(0, ...changedMatrices(facts, method));
  if (!isOnGrid(method)) return memoryConstants.changeBytes * largest;
  const { panels, gradient } = memoryConstants.grid;
  // The values of fixed integers, or what an adapter gets of the gradient.
  if (storesFrozen(method.base)) return panels + 4 * largest;
  return panels + (method.adapter.type === 'None' ? 0 : gradient * largest);
}

/**
 * The gradient of the embedding, or of what blocks share, accumulates through the whole backward;
 * that of the head is reduced over the ranks at once.
 */
function outsideGradient({ facts, method, shards }: MemoryQuestion): number {
  const { outside, embedding, shared } = trainedOf(facts, method);
  if (shards === 1) return outside * 4;
  const whole = shared + (embedding ? parametersOf(facts).embedding : 0);
  return 4 * (whole + (outside - whole) * keptParts(facts, method, shards).outside);
}

/** The tape of one block per token, adapters included. */
function tapeBytesPerToken(question: MemoryQuestion, kind: BlockKind): number {
  const cell = cellOf(question.facts);
  if (cell !== null) return valueBytes(question.method) * cell.kept;
  const { tape, has } = kind;
  const { facts, method } = question;
  const apart = isApart(question) ? units(facts, tape.apart) : 0;
  const values = valueBytes(method) * (units(facts, tape) + apart + ofPictures(facts));
  const extra =
    4 * (tape.float32PerHead * facts.NH + tape.float32PerToken) + roundedInputs(question);
  const shape = adapterShape(method, facts);
  const vectors = valueBytes(method) * scaledValues(facts, kind);
  if (shape === null) return values + extra + vectors + patchBytes(question, linearsOf(facts));
  const linears = adaptedLinears(facts, shape.targetModules).filter(has);
  const own = linears.filter((linear) => !readsOthers(linear));
  const ofAdapter = (linear: Linear): number =>
    ofAdapterPerToken(shape, linear, method) * rowsPerToken(facts, linear);
  const mixture = mixtureTape(question, shape);
  const reads = linearsOf(facts).some((linear) => has(linear) && readsOthers(linear));
  const unread = valueBytes(method) * unreadValues(facts, linears, reads);
  const inputs = patchBytes(question, linears) - unread;
  return values + inputs + extra + mixture + own.reduce((sum, one) => sum + ofAdapter(one), 0);
}

function ofAdapterPerToken(shape: AdapterShape, linear: Linear, method: ResolvedMethod): number {
  const { exact, copied } = shape.perToken(linear);
  return 4 * exact + Math.ceil(valueBytes(method) * copied);
}

/** Of a token, inputs that are rounded: what they were, their codes, and which are inside. */
function roundedInputs({ facts, method: { base, ...method } }: MemoryQuestion): number {
  if (base.type !== 'FakeQuantized' || base.fakeQuantized.inputs === undefined) return 0;
  const values = linearsOf(facts).reduce(
    (sum, linear) => sum + linear.in * rowsPerToken(facts, linear),
    0,
  );
  return memoryConstants.roundedInputCopies * values * valueBytes({ base, ...method });
}

/** Whether it makes keys or values of the states of another stage. */
function readsOthers({ role }: Linear): boolean {
  return role === 'cross_k' || role === 'cross_v';
}

/** Keys and values of the states of another stage, and what adapters keep to make them. */
function readBytes({ facts, method }: MemoryQuestion, { read, has }: BlockKind): number {
  const keysAndValues = read * 2 * facts.NK * facts.D * valueBytes(method);
  const shape = adapterShape(method, facts);
  if (shape === null) return keysAndValues;
  const linears = adaptedLinears(facts, shape.targetModules).filter(has).filter(readsOthers);
  const ofAdapters = linears.map((linear) => ofAdapterPerToken(shape, linear, method));
  return keysAndValues + read * ofAdapters.reduce((sum, one) => sum + one, 0);
}

/** Of a token, the patches that are the inputs of convolutions. */
function patchBytes({ method }: MemoryQuestion, linears: readonly Linear[]): number {
  const read = linears.filter(({ kernel }) => kernel !== undefined);
  return valueBytes(method) * read.reduce((sum, one) => sum + one.in, 0);
}

/** Of a token, what vectors multiply where they train: the outputs of both halves of a block. */
function scaledValues({ H }: ModelFacts, { isScaled }: BlockKind): number {
  return isScaled ? 2 * H : 0;
}

/**
 * Of a token, inputs of frozen layers: the tape of a block without a gate does not keep them. What
 * queries, keys and values are made of is the block's own input in an encoder, and normed before.
 */
function unreadValues(facts: ModelFacts, adapted: readonly Linear[], reads: boolean): number {
  const { kind, H, I } = facts;
  if (kind === 'decoder' || kind === 'restoration') return 0;
  const has = (wanted: Linear['role']) => adapted.some(({ role }) => role === wanted);
  const hasNormed = kind === 'encoder' || has('q') || has('k') || has('v');
  // What scales and gates multiply is for their gradients, and so is what they are made of.
  const fixed = kind === 'diffusion' && !has('modulation') ? (4 + 1 / facts.patches) * H : 0;
  const ofQueries = reads && !has('cross_q') ? H : 0;
  return fixed + ofQueries + (hasNormed ? 0 : H) + (has('up') ? 0 : H) + (has('down') ? 0 : I);
}

/** Of a token, what a block keeps once for each picture: scales, shifts, gates, their input. */
function ofPictures(facts: ModelFacts): number {
  return facts.kind === 'diffusion' ? (9 * facts.H) / facts.patches : 0;
}

/**
 * Of each token, for rows sorted by expert in place of gate and up: those of the input, both
 * halves, their product and the outputs; and what routes in float32, with three lists of places.
 * Layers that drop inputs keep what is left, and what was dropped.
 */
function mixtureTape({ facts, method }: MemoryQuestion, shape: AdapterShape): number {
  if (shape.experts === undefined) return 0;
  const { count, chosen } = shape.experts;
  const roles = adaptedLinears(facts, shape.targetModules).filter(isOfMlp);
  const products = roles.filter(({ role }) => role === 'down').length;
  const inputs = roles.length - products;
  const drops = shape.dropout > 0;
  const apart = drops ? { H: -1, I: -1 } : { H: 0, I: 0 };
  const kept = {
    ...{ headsD: 0, keyValueD: 0 },
    H: apart.H + chosen * (1 + (drops ? 2 * inputs : Math.min(1, inputs))),
    I: apart.I + chosen * (2 + (drops ? 2 : 1) * products) - memoryConstants.tape.decoder.I,
  };
  const routing = 4 * (facts.H + count + 2 * chosen + 2) + 3 * 8 * chosen;
  return valueBytes(method) * units(facts, kept) + routing;
}

/**
 * Whether layers with the same input are computed one by one: the adapter drops inputs, or is
 * beside products in few bits.
 */
function isApart({ facts, method }: MemoryQuestion): boolean {
  const shape = adapterShape(method, facts);
  if (shape === null) return false;
  if (hasFewBits(method)) return true;
  return shape.dropout > 0;
}

interface Units {
  readonly H: number;
  readonly headsD: number;
  readonly keyValueD: number;
  readonly I: number;
}

export function units({ H, NH, NK, D, I }: ModelFacts, count: Units): number {
  return count.H * H + count.headsD * NH * D + count.keyValueD * NK * D + count.I * I;
}

/** Whether the head reads all tokens of a document, not the target alone. */
function readsWhole(facts: ModelFacts): boolean {
  return facts.kind === 'vision' && facts.headInputs > facts.H;
}

function headWorking(question: MemoryQuestion): number {
  const { facts, method, microBatchTokens, targetShare } = question;
  if (facts.kind === 'restoration') return outletWorking(facts, question);
  if (facts.kind === 'tracking') return trackerWorking(facts, question);
  const { head } = memoryConstants;
  const columns = countsOf(facts).outputs;
  const targetRows = microBatchTokens * targetShare;
  const bytes = trainedOf(facts, method).head ? head.bytesWithGradient : head.bytes;
  const fitting = Math.max(head.fewestRows, Math.min(head.mostRows, bytes / (4 * columns)));
  const logits = copiesOfLogits(question) * Math.min(fitting, targetRows) * columns * 4;
  const rows = readsWhole(facts) ? microBatchTokens : targetRows;
  return logits + head.H * rows * facts.H * valueBytes(method);
}

/** Patches of the stream and their gradient, and float32 values of the picture that is made. */
function outletWorking(
  { H, kernel, pixelValues }: RestorationFacts,
  { method, microBatchTokens }: MemoryQuestion,
): number {
  const { patches, stream, pixels } = memoryConstants.outlet;
  const inType = valueBytes(method) * H * (patches * kernel ** 2 + stream);
  return microBatchTokens * (inType + 4 * pixels * pixelValues);
}

/** Of heads on a tape: rows of the search pictures, in float32. */
function trackerWorking(
  { H, searched, tokens }: TrackingFacts,
  { microBatchTokens }: MemoryQuestion,
): number {
  return 4 * memoryConstants.tracker.H * H * microBatchTokens * (searched / tokens);
}
