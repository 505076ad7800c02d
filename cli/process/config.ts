// The configuration of the command line from its environment; parsed once per command and passed
// on.
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import * as z from 'zod';
import { type TraceSettings, traceSettings } from '../../crds/trace/settings.ts';
import { displays, glyphSets, themes } from './flags.ts';

const text = z.string().min(1).optional().catch(undefined);
/** Set, and not a word for "no". */
const on = z
  .string()
  .optional()
  .transform((value) => !['', '0', 'false', 'no', 'off'].includes(value?.toLowerCase() ?? ''));

const schema = z.object({
  ANNEAL_CACHE: text,
  XDG_CACHE_HOME: text,
  ANNEAL_THREADS: z.coerce.number().int().min(1).max(4096).optional().catch(undefined),
  ANNEAL_DISPLAY: z.enum(displays).optional().catch(undefined),
  ANNEAL_GLYPHS: z.enum(glyphSets).optional().catch(undefined),
  ANNEAL_THEME: z.enum(themes).optional().catch(undefined),
  ANNEAL_KEYS: text,
  ANNEAL_ACCESSIBLE: on,
  INK_SCREEN_READER: on,
  NO_COLOR: text,
  TERM: text,
  npm_command: text,
  /** The name by which the program was started, from main.ts. */
  ANNEAL_STARTED_AS: text,
  KUBECONFIG: text,
  ANNEAL_NAMESPACE: text,
  ANNEAL_CONTEXT: text,
  ANNEAL_SYSTEM_NAMESPACE: text,
  ANNEAL_RELEASE: text,
  ANNEAL_NATS_URL: text,
  ANNEAL_REQUEST_SECONDS: z.coerce.number().min(1).max(3600).optional().catch(undefined),
  CLICOLOR_FORCE: on,
  ANNEAL_OFFLINE: on,
  HF_HUB_OFFLINE: on,
  ANNEAL_NO_MOTION: on,
  LC_ALL: text,
  LC_CTYPE: text,
  LANG: text,
  TRACEPARENT: text,
});

export interface CliConfig {
  /** How the user starts the command again: npm start and npx leave no `anneal` on the PATH. */
  readonly command: 'anneal' | 'npx anneal' | 'kubectl anneal';
  /** Downloads, token stores, folders for claims, runs. */
  readonly cache: string;
  readonly threads: number | undefined;
  readonly display: (typeof displays)[number];
  readonly glyphs: (typeof glyphSets)[number];
  readonly theme: (typeof themes)[number];
  /** Key bindings: each key and the default key whose action it takes. */
  readonly keys: Readonly<Record<string, string>>;
  readonly accessible: boolean;
  readonly color: boolean;
  readonly dumbTerminal: boolean;
  /** Colours also without a terminal. */
  readonly forceColor: boolean;
  /** Files that kubectl would read, whether they exist or not. */
  readonly kubeconfigs: readonly string[];
  /** From the environment; flags override it. */
  readonly namespace: string | undefined;
  readonly context: string | undefined;
  /** Limit for an answer of the API server. */
  readonly requestTimeoutMs: number;
  /** Namespace of operator and bus. */
  readonly systemNamespace: string;
  /** Release name of the chart: prefix of its objects. */
  readonly release: string;
  /** Address of the bus where it is reachable without a port-forward. */
  readonly busUrl: string | undefined;
  /** No request to a hub or bucket. */
  readonly offline: boolean;
  /** False: no animation on screens, and no progress bars. */
  readonly motion: boolean;
  /** False where the locale allows only ASCII. */
  readonly unicode: boolean;
  readonly traces: TraceSettings;
  /** The trace that this command belongs to. */
  readonly traceparent: string | undefined;
}

/** Exists inside a pod. */
export const podToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export function cliConfig(variables: Readonly<Record<string, string | undefined>>): CliConfig {
  const env = schema.parse(variables);
  const locale = env.LC_ALL ?? env.LC_CTYPE ?? env.LANG;
  return {
    command: commandOf(env),
    cache: env.ANNEAL_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'anneal'),
    threads: env.ANNEAL_THREADS,
    display: env.ANNEAL_DISPLAY ?? 'auto',
    glyphs: env.ANNEAL_GLYPHS ?? 'auto',
    theme: env.ANNEAL_THEME ?? 'terminal',
    keys: keysOf(env.ANNEAL_KEYS ?? ''),
    accessible: env.ANNEAL_ACCESSIBLE || env.INK_SCREEN_READER,
    color: env.NO_COLOR === undefined && env.TERM !== 'dumb',
    dumbTerminal: env.TERM === 'dumb',
    forceColor: env.CLICOLOR_FORCE,
    kubeconfigs: env.KUBECONFIG?.split(delimiter) ?? [join(homedir(), '.kube/config')],
    namespace: env.ANNEAL_NAMESPACE,
    context: env.ANNEAL_CONTEXT,
    systemNamespace: env.ANNEAL_SYSTEM_NAMESPACE ?? 'anneal-system',
    release: env.ANNEAL_RELEASE ?? 'anneal',
    busUrl: env.ANNEAL_NATS_URL,
    offline: env.ANNEAL_OFFLINE || env.HF_HUB_OFFLINE,
    motion: !env.ANNEAL_NO_MOTION,
    requestTimeoutMs: 1000 * (env.ANNEAL_REQUEST_SECONDS ?? 30),
    traces: traceSettings(variables),
    traceparent: env.TRACEPARENT,
    // An unset locale decides nothing: containers often have none, and their terminals show UTF-8.
    unicode: env.TERM !== 'linux' && (locale === undefined || /utf-?8/i.test(locale)),
  };
}

/** Parses `n=j,e=k`: n does what j does. */
function keysOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').flatMap((pair) => {
    const [, key, does] = /^\s*(\S)=(\S)\s*$/u.exec(pair) ?? [];
    return key === undefined || does === undefined ? [] : [[key, does] as const];
  });
  return Object.fromEntries(pairs);
}

function commandOf(env: z.output<typeof schema>): CliConfig['command'] {
  if (env.ANNEAL_STARTED_AS?.startsWith('kubectl-anneal')) return 'kubectl anneal';
  return env.npm_command === undefined ? 'anneal' : 'npx anneal';
}
