// The settings of a configuration file as environment variables; an error sentence for an invalid
// one.
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { nearestName } from '../../crds/text/nearest-name.ts';
import { displays, glyphSets, themes } from './flags.ts';

const settings = z.strictObject({
  namespace: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  display: z.enum(displays).optional(),
  glyphs: z.enum(glyphSets).optional(),
  theme: z.enum(themes).optional(),
  color: z.boolean().optional(),
  accessible: z.boolean().optional(),
  motion: z.boolean().optional(),
  cache: z.string().min(1).optional(),
  threads: z.int().min(1).max(4096).optional(),
  systemNamespace: z.string().min(1).optional(),
  release: z.string().min(1).optional(),
  natsUrl: z.string().min(1).optional(),
  keys: z.record(z.string().length(1), z.string().length(1)).optional(),
});
type Settings = z.output<typeof settings>;

const names = Object.keys(settings.shape);

export function settingsOf(text: string, file: string): Readonly<Record<string, string>> {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) {
    const message = `${file} is no YAML: ${error.message.split('\n')[0]}`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  const parsed = settings.safeParse(document.toJS() ?? {});
  if (parsed.success) return variablesOf(parsed.data);
  const [issue] = parsed.error.issues;
  throw new UserError({
    code: 'E_USAGE',
    message: `${file}: ${sentence(issue)}`,
    hint: hintOf(issue),
  });
}

function sentence(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'unrecognized_keys') return `there is no setting ${issue.keys[0]}`;
  const path = issue?.path.join('.') ?? '';
  if (path === '') return 'it must hold settings, such as namespace: team-a';
  return issue?.code === 'invalid_value'
    ? `${path} must be ${issue.values.join(', ')}`
    : `${path} is not what it must be (${issue?.message})`;
}

function hintOf(issue: z.core.$ZodIssue | undefined): string {
  const near =
    issue?.code === 'unrecognized_keys' ? nearestName(issue.keys[0] ?? '', names) : undefined;
  return near === undefined ? `settings are ${names.join(', ')}` : `did you mean ${near}?`;
}

function variablesOf({ color, accessible, motion, threads, keys, ...texts }: Settings) {
  const variables: Readonly<Record<string, string | undefined>> = {
    ANNEAL_NAMESPACE: texts.namespace,
    ANNEAL_CONTEXT: texts.context,
    ANNEAL_DISPLAY: texts.display,
    ANNEAL_GLYPHS: texts.glyphs,
    ANNEAL_THEME: texts.theme,
    ANNEAL_CACHE: texts.cache,
    ANNEAL_SYSTEM_NAMESPACE: texts.systemNamespace,
    ANNEAL_RELEASE: texts.release,
    ANNEAL_NATS_URL: texts.natsUrl,
    ANNEAL_THREADS: threads?.toString(),
    ANNEAL_ACCESSIBLE: accessible === true ? '1' : undefined,
    ANNEAL_NO_MOTION: motion === false ? '1' : undefined,
    NO_COLOR: color === false ? '1' : undefined,
    ANNEAL_KEYS:
      keys &&
      Object.entries(keys)
        .map((pair) => pair.join('='))
        .join(','),
  };
  const said = Object.entries(variables).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said) as Readonly<Record<string, string>>;
}
