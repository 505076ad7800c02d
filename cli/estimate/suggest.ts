// The most useful single change when a job does not fit. Each candidate is planned as a --what-if;
// candidates are ordered by how little they change the result, and the first that fits is
// suggested.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import type { Assignment } from '../process/flags.ts';
import { changedSpec } from './what-if.ts';

export interface Suggestion {
  readonly changes: readonly Assignment[];
  readonly peak: number;
  readonly fits: boolean;
}

interface Planned {
  readonly peak: number;
  readonly fits: boolean;
}

/** Undefined when no candidate needs less memory. */
export function suggest(
  text: string,
  spec: FineTuneJobSpec,
  asWritten: Planned,
  planFor: (spec: FineTuneJobSpec) => Planned,
): Suggestion | undefined {
  const tried = candidates(spec).flatMap((changes): Suggestion[] => {
    const changed = changedSpec(text, changes);
    return changed.ok ? [{ changes, ...pick(planFor(changed.spec)) }] : [];
  });
  const helpful = tried.filter(({ peak }) => peak < asWritten.peak);
  return helpful.find(({ fits }) => fits) ?? helpful.toSorted((a, b) => a.peak - b.peak)[0];
}

function pick({ peak, fits }: Planned): Planned {
  return { peak, fits };
}

/** From changes that cost only time to changes that affect what the model learns. */
function candidates(spec: FineTuneJobSpec): readonly (readonly Assignment[])[] {
  const { sequenceLength, tokensPerSequence } = spec.dataset;
  const one = (path: string, value: string): readonly Assignment[] => [{ path, value }];
  return [
    one('parallelism.activationRecomputation', 'Full'),
    ...(tokensPerSequence === undefined
      ? []
      : [one('dataset.tokensPerSequence', String(sequenceLength))]),
    one('method.precision', '{ type: BFloat16 }'),
    one('method.optimizer', '{ type: AdamW8bit }'),
    one('method.precision', '{ type: BFloat16, bfloat16: { masterWeights: StochasticRounding } }'),
    one('method.base', '{ type: NF4 }'),
    ...(sequenceLength === undefined
      ? []
      : [one('dataset.sequenceLength', String(Math.max(16, Math.floor(sequenceLength / 2))))]),
    one('method', '{ preset: LoRA }'),
    one('method', '{ preset: QLoRA }'),
  ];
}
