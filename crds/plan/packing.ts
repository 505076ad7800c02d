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

export interface PlannedRun {
  /** By its plan, alone. */
  readonly peak: number;
  /** Of that, what it keeps between two of its steps beside the base. */
  readonly kept: number;
  readonly base: HeldBase;
}

/** The base in the form that a run reads; runs of one form share it. */
export interface HeldBase {
  readonly form: string;
  readonly bytes: number;
}

export function heldBase(question: MemoryQuestion): HeldBase {
  const { base, precision } = question.method;
  return { form: JSON.stringify([base, precision]), bytes: staticBytes(question).weights };
}

/**
 * At most, one run is at work while the others keep what they have between steps, and the base lies
 * there in each of their forms. Pure.
 */
export function packedPeak(runs: readonly PlannedRun[]): number {
  const kept = runs.reduce((sum, run) => sum + run.kept, 0);
  const forms = new Map(runs.map(({ base }) => [base.form, base.bytes]));
  const bases = [...forms.values()].reduce((sum, bytes) => sum + bytes, 0);
  return Math.max(
    0,
    ...runs.map(
      ({ peak, kept: own, base }) => peak + kept - own + bases - (forms.get(base.form) ?? 0),
    ),
  );
}
