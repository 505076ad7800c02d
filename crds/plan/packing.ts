// Several runs that train in one process on one base: which can, and what each adds to the memory
// of the process.
import type { ResolvedMethod } from '../methods/resolve.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { trainedOf } from './parameters.ts';
import { tokenizerBytes } from './stage-bytes.ts';
import { staticBytes } from './static-bytes.ts';

/** Why a run cannot share its base with others; undefined where it can. Pure. */
export function whyNotPacked({ adapter, selection }: ResolvedMethod): string | undefined {
  if (selection.type === 'None') return 'trains nothing';
  if (adapter.type === 'None') return 'trains weights of the base itself';
  return undefined;
}

/**
 * Of each run: its reader of data, its objects, blocks that the allocator keeps for it. Measured on
 * SmolLM2-135M: 21 MB for each of three runs beside a fourth.
 */
const ofEachRun = 20 * 2 ** 20;

/**
 * Bytes that a run keeps between two of its steps beside the base: its adapter, the state of the
 * optimizer, and a tokenizer. Steps of other runs happen meanwhile.
 */
export function keptBetweenSteps(question: MemoryQuestion): number {
  const { facts, method } = question;
  const { adapter, ofGrid, adapterKept } = trainedOf(facts, method);
  const own = (adapter + ofGrid + adapterKept) * memoryConstants.adapterBytes;
  return own + staticBytes(question).optimizer + tokenizerBytes(question) + ofEachRun;
}

/** At most, one run is at work while the others keep what they have between steps. Pure. */
export function packedPeak(
  runs: readonly { readonly peak: number; readonly kept: number }[],
): number {
  const kept = runs.reduce((sum, run) => sum + run.kept, 0);
  return Math.max(0, ...runs.map((run) => run.peak + kept - run.kept));
}
