// Typed access to the metadata of a GGUF file; a value of the wrong type is an error with a
// sentence, never a guess.
import { UserError } from '../../crds/failures/errors.ts';
import type { GgufHeader } from '../files/gguf-header.ts';
import { GgufValueType } from '../files/gguf-types.ts';

export class GgufMetadata {
  readonly #header: Pick<GgufHeader, 'metadata'>;
  readonly #path: string;

  constructor(header: Pick<GgufHeader, 'metadata'>, path: string) {
    this.#header = header;
    this.#path = path;
  }

  /** The value without a check. */
  get(key: string): unknown {
    return this.#header.metadata.get(key)?.value;
  }

  text(key: string): string | undefined {
    return this.#typed(key, 'a string', (value) => typeof value === 'string');
  }

  number(key: string): number | undefined {
    const value = this.#typed(key, 'a number', (each) => typeof each === 'number');
    const isSingle = this.#header.metadata.get(key)?.type === GgufValueType.Float32;
    return value === undefined || !isSingle ? value : shortestDecimal(value);
  }

  flag(key: string): boolean | undefined {
    return this.#typed(key, 'true or false', (value) => typeof value === 'boolean');
  }

  /** One number, or a list of equal numbers for all layers. */
  uniform(key: string): number | undefined {
    const value = this.get(key);
    if (!Array.isArray(value)) return this.number(key);
    const [first, ...others]: readonly unknown[] = value;
    if (typeof first === 'number' && others.every((each) => each === first)) return first;
    throw new UserError({
      code: 'E_UNKNOWN_ARCHITECTURE',
      path: this.#path,
      message: `${this.#path}: ${key} differs between layers; this decoder has equal layers`,
    });
  }

  #typed<T>(key: string, wanted: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.get(key);
    if (value === undefined || is(value)) return value;
    throw new UserError({
      code: 'E_INVALID_MODEL',
      path: this.#path,
      message: `${this.#path}: ${key} is ${String(value).slice(0, 40)}; it must be ${wanted}`,
    });
  }
}

/** The decimal that was rounded to this float32: 1e-5, not 9.999999747378752e-6. */
function shortestDecimal(single: number): number {
  for (let digits = 1; digits < 9; digits += 1) {
    const decimal = Number(single.toPrecision(digits));
    if (Math.fround(decimal) === single) return decimal;
  }
  return single;
}
