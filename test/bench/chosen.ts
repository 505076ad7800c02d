import { UserError } from '../../crds/failures/errors.ts';

/** The names of `all` that stand in `words`, with commas between. Throws a UserError for others. */
export function chosen<Name extends string>(
  all: Readonly<Record<Name, unknown>>,
  words: string,
): readonly Name[] {
  const names = Object.keys(all) as Name[];
  return words.split(',').map((word) => {
    const name = names.find((one) => one === word);
    if (name !== undefined) return name;
    throw new UserError({
      code: 'E_USAGE',
      message: `there is no ${word || '(no name given)'}; there are ${names.join(', ')}`,
    });
  });
}
