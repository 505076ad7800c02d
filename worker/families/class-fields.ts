// What readers of `config.json` of classifiers share: how many classes there are, and activations
// of an MLP without a gate.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { finite } from './config-json.ts';

/** Classes that a head may tell apart. */
const mostLabels = 65_536;

/** Fields of `config.json` about the head. */
export const classFields = {
  num_labels: z.int().min(0).max(mostLabels).nullish(),
  id2label: z
    .record(z.string(), z.unknown())
    .refine((names) => Object.keys(names).length <= mostLabels, `must have ${mostLabels} at most`)
    .nullish(),
  initializer_range: finite.min(0).nullish(),
} as const;

interface ClassFields {
  readonly num_labels?: number | null | undefined;
  readonly id2label?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The classes of the job; else those of the file, whose classes have two. */
export function labelsOf(fields: ClassFields, asked: number | undefined, path: string): number {
  const named = fields.id2label ? Object.keys(fields.id2label).length : undefined;
  const labels = asked ?? named ?? fields.num_labels ?? 2;
  if (Number.isInteger(labels) && labels >= 2 && labels <= mostLabels) return labels;
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path,
    value: labels,
    message:
      asked === undefined
        ? `${path}: the head has ${labels} classes; it must have from 2 to ${mostLabels}`
        : `the job has ${labels} classes; a head must have from 2 to ${mostLabels}`,
    ...(labels === 1 ? { hint: 'a number instead of a class is not trained here' } : {}),
  });
}

export type PlainActivation = 'gelu' | 'gelu-tanh' | 'relu';

export function activationOf(name: string, path: string): PlainActivation {
  if (name === 'gelu' || name === 'relu') return name;
  if (name === 'gelu_new' || name === 'gelu_pytorch_tanh') return 'gelu-tanh';
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: name,
    message: `${path}: hidden_act is "${name}"; it must be gelu, gelu_new, gelu_pytorch_tanh or relu`,
  });
}

/** The size of a head, for heads that divide the width. */
export function headSize(width: number, heads: number, path: string): number {
  if (width % heads === 0) return width / heads;
  const message = `${path}: hidden_size is ${width}; it must be a multiple of num_attention_heads, ${heads}`;
  throw new UserError({ code: 'E_INVALID_MODEL', path, value: width, message });
}
