// An entry of the adapter axis: all that the contract knows of one adapter. What asks for it goes
// through adapter-traits.ts, which knows none by name.
import type * as z from 'zod';
import type { ModelFacts } from '../plan/model-facts.ts';
import type { AdapterShape } from './adapter-shapes.ts';
import type { AxisEntry, Paper } from './method.ts';

/** Reasons to choose an adapter, in the order in which they are told. */
export const useGoals = [
  'to begin with',
  'less time and memory than LoRA',
  'few trained parameters',
  'a better beginning',
  'ranks that follow from training',
  'small results',
  'more freedom between the two matrices',
  'a change of full rank',
  'more than one adapter a layer',
] as const;

interface Use {
  readonly goal: (typeof useGoals)[number];
  /** Half a line. */
  readonly words: string;
}

/** What follows from the parameters of an adapter. */
export interface AdapterTraits<Own> {
  /** `PiSSA r=64 on all linear layers`. */
  readonly words: (own: Own) => string;
  /** Its sizes, for memory, time and result files. */
  readonly shape: (own: Own, model: ModelFacts) => AdapterShape;
  /**
   * Whether each weight loses a part to the adapter, so that the base is another one: always, or
   * with these parameters. @default never
   */
  readonly changesBase?: true | Partial<Own>;
  /** Whether it begins with gradients, for which the whole base is trained once. @default false */
  readonly readsGradient?: true;
  /** Whether it begins with what quantizing the base loses. @default false */
  readonly needsQuantized?: true;
  /**
   * Batches whose squared gradients weigh what it begins with, for which the weights as in their
   * files are trained once, whatever the base. @default none
   */
  readonly fisherBatches?: (own: Own) => number;
  /** The activations that it begins with, for which the base passes forward once. @default none */
  readonly calibration?: (own: Own) => CalibrationSizes;
  /**
   * Whether the ranks of layers follow from activations or weights, so that each has only a bound.
   * @default false
   */
  readonly plansRanks?: (own: Own) => boolean;
  /** Whether its update needs whole matrices, also of several workers. @default false */
  readonly updatesMatrices?: true;
  /**
   * Whether it trains single values of weights, whose places it chooses again while it trains.
   * @default false
   */
  readonly choosesPlaces?: true;
  /**
   * Whether it trains the two factors of the change, and these alone, as they are. @default false
   */
  readonly trainsFactors?: true;
  /** Whether it is tried beside convolutions, as PEFT has it there. @default false */
  readonly takesConvolutions?: true;
  /** False where what is trained are no matrices, which have rows. @default true */
  readonly trainsRows?: false;
}

/** What memory depends on. */
export interface CalibrationSizes {
  readonly targetModules: readonly string[];
  readonly sequences: number;
  /** The most components of a layer. */
  readonly most: number;
  readonly directions: 'Exact' | 'Sketched';
}

interface Fields<Type extends string, Member extends string, Parameters extends z.ZodObject>
  extends AdapterTraits<z.output<Parameters>> {
  readonly type: Type;
  readonly member: Member;
  readonly parameters: Parameters;
  readonly summary: string;
  readonly paper: Paper;
  /** When to take it: for `anneal explain adapters`. */
  readonly use: Use;
}

export function adapterEntry<
  const Type extends string,
  const Member extends string,
  Parameters extends z.ZodObject,
>(entry: Fields<Type, Member, Parameters>) {
  return { axis: 'adapter', ...entry } as const satisfies AxisEntry;
}

/** The adapter by its name: on a frozen dense model, with AdamW. */
export function adapterPreset<const Type extends string>(
  { type, paper }: { readonly type: Type; readonly paper: Paper },
  summary: string,
) {
  return { preset: type, summary, axes: besideDense({ type }), paper } as const;
}

/** The axes of a preset with this adapter on a frozen dense model. */
export function besideDense<const Adapter extends { readonly type: string }>(adapter: Adapter) {
  return {
    base: { type: 'Dense' },
    adapter,
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  } as const;
}
