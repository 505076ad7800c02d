import { UserError } from '../../crds/failures/errors.ts';

/**
 * The names of `all` that stand in `words`, with commas between; all of them where there is no
 * word. Throws a UserError for others.
 */
export function chosen<Name extends string>(
  all: Readonly<Record<Name, unknown>>,
  words: string,
): readonly Name[] {
  const names = Object.keys(all) as Name[];
  if (words === '') return names;
  return words.split(',').map((word) => {
    const name = names.find((one) => one === word);
    if (name !== undefined) return name;
    throw new UserError({
      code: 'E_USAGE',
      message: `there is no ${word || '(no name given)'}; there are ${names.join(', ')}`,
    });
  });
}

/** Those of `all`, in their order, whose names `words` has, likewise. */
export function chosenOf<One extends { readonly name: string }>(
  all: readonly One[],
  words: string,
): readonly One[] {
  const names = chosen(Object.fromEntries(all.map((one) => [one.name, one])), words);
  return all.filter(({ name }) => names.includes(name));
}
