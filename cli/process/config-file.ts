// The user's settings, from `$XDG_CONFIG_HOME/anneal/config.yaml`: defaults of flags, and keys of
// screens. The environment overrides the file, flags override both. Each setting is also an
// environment variable, so that the rest of the program knows one kind of default.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Variables = Readonly<Record<string, string | undefined>>;

/** Loads the YAML parser only where there is a file. */
export async function withConfigFile(variables: Variables): Promise<Variables> {
  const { HOME: home, XDG_CONFIG_HOME: own } = variables;
  const folder = own || (home && join(home, '.config'));
  if (!folder) return variables;
  const file = join(folder, 'anneal/config.yaml');
  if (!existsSync(file)) return variables;
  const { settingsOf } = await import('./config-settings.ts');
  return { ...settingsOf(readFileSync(file, 'utf8'), file), ...variables };
}
