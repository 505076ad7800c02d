// A pair of values that do not go together, as a rule in the contract and in CEL.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { FailureCode } from '../failures/table.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { axisInCel } from '../methods/types-in-cel.ts';
import { adapterForms } from '../names/result-folders.ts';

/** Anywhere: what can be planned, wherever it runs. */
export type Where = 'machine' | 'cluster' | 'anywhere';

export interface Pair {
  /** Tests name a refused example by it. */
  readonly id: string;
  readonly where?: Where;
  /** `E_NOT_BUILT` for API values that this version does not implement. */
  readonly code?: FailureCode;
  readonly path: readonly string[];
  readonly meets: (spec: FineTuneJobSpec, method: ResolvedMethod) => boolean;
  /**
   * The allowed case as CEL on the spec, so that the API server refuses the job at once. Absent
   * where the rule depends on preset parameters, which only resolving yields.
   */
  readonly cel?: string;
  /** Follows the path: "is Preference, which ...". */
  readonly sentence: string;
  readonly hint?: string;
}

/** Whether an axis has one of these types, in CEL. */
export const is = axisInCel;

/** Whether the job asks for none of these results, in CEL. */
export const noneOf = (forms: readonly string[]) =>
  `!has(self.output.formats) || !self.output.formats.exists(f, f in [${forms.map((form) => `'${form}'`).join(', ')}])`;

/** Whether the job asks for no file of an adapter, in CEL. */
export const noAdapterForm = noneOf(adapterForms);

/** Layouts that know of integers with one width alone, and of no inputs. */
const gptqAndAwq = ['GPTQ', 'AWQ'];

export function asksForGptqOrAwq({ formats = [] }: FineTuneJobSpec['output']): boolean {
  return formats.some((form) => gptqAndAwq.includes(form));
}

/** Whether the job asks for neither, in CEL. */
export const noGptqNorAwq = noneOf(gptqAndAwq);

/** Whether the job asks for no such result, in CEL. */
export const noForm = (form: string) =>
  `!has(self.output.formats) || !('${form}' in self.output.formats)`;
