// `--adapter name=folder`
import { InvalidArgumentError } from 'commander';
import { servedNamePattern } from '../../../crds/names/served-names.ts';

/** Repeatable. */
export function adapter(
  text: string,
  before: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] {
  const [, name, folder] = new RegExp(`^(${servedNamePattern})=(.+)$`).exec(text) ?? [];
  if (name !== undefined && folder !== undefined) return [...before, [name, folder]];
  throw new InvalidArgumentError(
    'it must be name=folder; a name has letters, digits, . _ and - alone',
  );
}
