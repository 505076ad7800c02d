// What readers of an untrusted `config.json` share: bounds of fields, which keep later loops and
// products small, and refusals.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';

export const count = (max: number) => z.int().min(1).max(max);
export const finite = z.number().refine(Number.isFinite, 'must be finite');
export const positive = finite.refine((value) => value > 0, 'must be above 0');
export const length = count(2 ** 31);

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    // Checked on the line above; the values stay unknown until the schema parses them.
    return value as Fields;
  }
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path,
    message: `${path} has ${Array.isArray(value) ? 'a list' : typeof value}; it must have an object`,
  });
}

/** All that is wrong with the fields in one error. */
export function parseFields<T>(schema: z.ZodType<T>, fields: Fields, path: string): T {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path,
    message: parsed.error.issues
      .map((issue) => `${path}: ${issue.path.join('.') || 'the file'}: ${issue.message}`)
      .join('; '),
    cause: parsed.error,
  });
}

interface Refusal {
  readonly is: (value: unknown) => boolean;
  readonly means: string;
}

/** Fields whose value means that the model computes something that is not computed here. */
export type Refusals = Readonly<Record<string, Refusal>>;

export const isTrue = (value: unknown): boolean => value === true;

/** Refusals of all families of classifiers. */
export const refusedOfClassifiers: Refusals = {
  problem_type: {
    is: (value) => value !== 'single_label_classification',
    means: 'a loss other than that of one class of several',
  },
  quantization_config: { is: () => true, means: 'weights that are already quantised' },
};

/** `what`: the model in the message, such as `this encoder`. */
export function refuseOtherMathematics(
  fields: Fields,
  refused: Refusals,
  { path, what }: { readonly path: string; readonly what: string },
): void {
  for (const [key, { is, means }] of Object.entries(refused)) {
    const value = fields[key];
    if (value === undefined || value === null || !is(value)) continue;
    const shown = typeof value === 'object' ? '' : ` to ${JSON.stringify(value)}`;
    const message = `${path} sets ${key}${shown}, which means ${means}; ${what} does not compute that`;
    throw unknown(message, { path, value });
  }
}

interface NamedClasses {
  readonly model_type: string;
  readonly architectures?: readonly string[] | null | undefined;
  readonly auto_map?: Fields | null | undefined;
}

/** Refuses a file of a class that is not among `known`, the classes of its `model_type`. */
export function refuseOtherClasses(
  { model_type: type, architectures, auto_map: own }: NamedClasses,
  known: readonly string[],
  path: string,
): void {
  const [architecture] = architectures ?? [];
  if (architecture !== undefined && !known.includes(architecture)) {
    throw unknown(
      `${path}: architectures[0] is "${architecture}", model_type is "${type}"; ` +
        `with that type it must be ${known.join(' or ')}`,
      { path, value: architecture },
    );
  }
  // Published Phi-3 files name their own classes, which equal the library's; other code may compute
  // anything.
  for (const [key, value] of Object.entries(own ?? {})) {
    const className = typeof value === 'string' ? value.split('.').at(-1) : undefined;
    if (!key.startsWith('AutoModel') || known.includes(className ?? '')) continue;
    const message = `${path}: auto_map names its own code for ${key}; code of a model is never run`;
    throw unknown(message, { path, value });
  }
}

/** Refuses the first of the probabilities that is above 0. */
export function refuseDropout(
  fields: Readonly<Record<string, number | null | undefined>>,
  path: string,
): void {
  for (const [key, found] of Object.entries(fields)) {
    const value = found ?? 0;
    if (value === 0) continue;
    throw new UserError({
      code: 'E_UNKNOWN_ARCHITECTURE',
      path,
      value,
      message: `${path}: ${key} is ${value}; the base model is trained with 0 here`,
      hint: 'set ignoreDropout to train without it',
    });
  }
}

function unknown(
  message: string,
  { path, value }: { readonly path: string; readonly value: unknown },
): UserError {
  return new UserError({ code: 'E_UNKNOWN_ARCHITECTURE', path, value, message });
}
