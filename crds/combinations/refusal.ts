// What a task other than continuing texts refuses (pairs-of-tasks.ts), and what several of them do.
import { inWords } from '../schema/text.ts';
import type { Pair } from './pair.ts';

export interface Refusal {
  readonly id: string;
  readonly path: readonly string[];
  /** `is` says what the task is, and `gives` what the model does, which is no words. */
  readonly sentence: (is: string, gives: string) => string;
  readonly meets: Pair['meets'];
  readonly hint?: string;
}

export const noTeacher: Refusal = {
  id: 'no teacher',
  path: ['training', 'distillation'],
  sentence: (is) => `compares tokens with those of a teacher, but ${is}`,
  meets: ({ training }) => training.distillation !== undefined,
  hint: 'leave it out',
};

export const noLabels: Refusal = {
  id: 'nothing is right or wrong',
  path: ['training', 'evaluation', 'earlyStopping', 'metric'],
  sentence: (is) => `is Accuracy, which is that of labels, but ${is}`,
  meets: ({ training }) => training.evaluation.earlyStopping?.metric === 'Accuracy',
  hint: 'write metric: Loss',
};

interface Tried {
  /** "on models that hear" */
  readonly where: string;
  /** @default those of the other tasks */
  readonly bases?: readonly string[];
  readonly adapters: readonly string[];
  /** @default to take one of these adapters */
  readonly adapterHint?: string;
}

/** Of tasks that few methods are tried on. */
export function untriedOn({
  where,
  bases: stored,
  adapters,
  adapterHint,
}: Tried): readonly Refusal[] {
  const sentence = (is: string): string => `is not tried ${where} in this version; ${is}`;
  const ofBases: Refusal[] =
    stored === undefined
      ? []
      : [
          {
            ...{ id: 'stored bases', path: ['method', 'base', 'type'], sentence },
            meets: (_, { base }) => !stored.includes(base.type),
            hint: `write method.base: { type: ${stored.join(' | ')} }`,
          },
        ];
  return [
    ...ofBases,
    {
      ...{ id: 'adapters', path: ['method', 'adapter', 'type'], sentence },
      meets: (_, { adapter }) => adapter.type !== 'None' && !adapters.includes(adapter.type),
      hint: adapterHint ?? `write adapter: { type: ${inWords(adapters, 'or')} }`,
    },
    {
      ...{ id: 'no other rule', path: ['method', 'rule', 'type'], sentence },
      meets: (_, { rule }) => rule.type !== 'None',
      hint: 'write rule: { type: None }',
    },
  ];
}
