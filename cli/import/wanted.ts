// Settings of other trainers, in an intermediate form between their files and ours.
export interface Wanted {
  model?: string;
  data?: string;
  heldOutPercent?: string;
  sequenceLength?: number;
  packed?: boolean;
  maxSamples?: number;
  chatTemplate?: string;
  full?: boolean;
  rank?: number;
  alpha?: string;
  dropout?: string;
  targets?: readonly string[];
  rankStabilized?: boolean;
  learningRateRatio?: string;
  optimizer?: 'AdamW' | 'AdamW8bit' | 'SGD';
  weightDecay?: string;
  learningRate?: string;
  epochs?: string;
  maxSteps?: number;
  microBatch?: number;
  accumulation?: number;
  devices?: number;
  schedule?: 'Constant' | 'Linear' | 'Cosine';
  warmupSteps?: number;
  seed?: number;
  clipNorm?: string;
  float32?: boolean;
  recompute?: boolean;
  saveSteps?: number;
  evalSteps?: number;
  output?: string;
}

/**
 * The effect of a key: it sets a field, is reported to the user, or has no effect on the result.
 */
type Rule =
  | ((value: unknown) => Partial<Wanted> | Told)
  /** Logging, cache paths: no effect on the result. */
  | 'Ignored';

export class Told {
  readonly words: string;

  constructor(words: string) {
    this.words = words;
  }
}

export type Dialect = Readonly<Record<string, Rule>>;

export const decimal =
  (field: keyof Wanted) =>
  (value: unknown): Partial<Wanted> => ({ [field]: String(Number(value)) });

export const whole =
  (field: keyof Wanted) =>
  (value: unknown): Partial<Wanted> => {
    const number = Math.round(Number(value));
    // Other trainers write -1 or 0 for "not set".
    return number > 0 ? { [field]: number } : {};
  };

export const text =
  (field: keyof Wanted) =>
  (value: unknown): Partial<Wanted> =>
    typeof value === 'string' && value !== '' ? { [field]: value } : {};

export const flag =
  (field: keyof Wanted) =>
  (value: unknown): Partial<Wanted> => ({ [field]: isTrue(value) });

/** An unsupported setting: reported only where it is enabled. */
export const notYet =
  (words: string): Rule =>
  (value) =>
    isTrue(value) ||
    (typeof value === 'string' && value !== '' && value !== 'false' && value !== 'none')
      ? new Told(words)
      : {};

export function isTrue(value: unknown): boolean {
  return value === true || value === 'true' || value === 'yes' || value === 'auto';
}

export function optimizerOf(value: unknown): Partial<Wanted> | Told {
  const name = String(value).toLowerCase();
  if (/8bit/.test(name)) return { optimizer: 'AdamW8bit' };
  if (/adam/.test(name)) return { optimizer: 'AdamW' };
  if (/sgd/.test(name)) return { optimizer: 'SGD' };
  return new Told(`optimizer ${String(value)} is not supported; AdamW is used`);
}

export function scheduleOf(value: unknown): Partial<Wanted> | Told {
  const name = String(value).toLowerCase();
  if (/cosine/.test(name)) return { schedule: 'Cosine' };
  if (/linear/.test(name)) return { schedule: 'Linear' };
  if (/constant/.test(name)) return { schedule: 'Constant' };
  return new Told(`schedule ${String(value)} is not supported; Linear is used`);
}

export function targetsOf(value: unknown): Partial<Wanted> {
  const list = Array.isArray(value) ? value.map(String) : String(value).split(',');
  const names = list.map((name) => name.trim()).filter((name) => name !== '');
  const all = names.some((name) => name === 'all' || name === 'all-linear');
  return { targets: all ? ['AllLinear'] : names };
}
