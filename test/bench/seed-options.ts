/** Options of benchmarks that run methods from several seeds and keep their outcomes in a file. */
import { join } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';

const evidence = join(import.meta.dirname, '../../docs/evidence');

/** `file` is that of the outcomes. */
export function seedOptions(file: string, seeds: string) {
  return {
    /** Names, with commas between; without it all. */
    only: { type: 'string', default: '' },
    seeds: { type: 'string', default: seeds },
    /** Print what is there, and run nothing. */
    table: { type: 'boolean', default: false },
    out: { type: 'string', default: join(evidence, file) },
  } as const;
}

/** Whole numbers with commas between, as an option has them. Throws a UserError for others. */
export function numbersOf(option: string, words: string, least = 0): readonly number[] {
  return words.split(',').map((word) => {
    const number = Number(word);
    if (/^\d+$/.test(word) && Number.isSafeInteger(number) && number >= least) return number;
    throw new UserError({
      code: 'E_USAGE',
      message: `--${option} has ${word || '(no number)'}; it must have whole numbers from ${least}, with commas between`,
      hint: `--${option} 1,2,3`,
    });
  });
}

/** The one number of an option. */
export function numberOf(option: string, word: string, least = 1): number {
  const [number, ...others] = numbersOf(option, word, least);
  if (number !== undefined && others.length === 0) return number;
  throw new UserError({
    code: 'E_USAGE',
    message: `--${option} is ${word}; it must be one whole number from ${least}`,
  });
}
