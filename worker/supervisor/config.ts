// What a pod is told by its environment: the contract of crds/wire/pod.ts, parsed once in main.ts
// and passed down. The last eleven variables are for programs that run the same pod outside of one.
import * as z from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { traceSettings } from '../../crds/trace/settings.ts';
import { podPath, podPort, podVariable, secretVariable } from '../../crds/wire/pod.ts';
import { terminationLog } from '../../crds/wire/termination-message.ts';

const json = z.string().transform((text, context) => {
  try {
    return parseJson(text, jsonLimits.message);
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : 'is not JSON');
    return z.NEVER;
  }
});
const count = z.coerce.number().int().min(0);
const folders = json.pipe(z.record(z.string(), z.string()));
const text = z.string().min(1);

const schema = z.object({
  [podVariable.jobName]: text,
  [podVariable.jobNamespace]: text,
  [podVariable.jobUid]: text,
  [podVariable.planDigest]: text,
  [podVariable.live]: json,
  [podVariable.workerRevision]: count.default(1),
  [podVariable.workerIndex]: count.default(0),
  [podVariable.podName]: text,
  [podVariable.podUid]: text,
  [podVariable.podIp]: z.string().default(''),
  [podVariable.nodeName]: z.string().default(''),
  [podVariable.natsUrl]: text.optional(),
  [podVariable.protocol]: z.string().regex(/^\d+-\d+$/),
  [podVariable.volumes]: folders,
  [podVariable.secrets]: json.pipe(z.array(secretVariable)).optional(),
  [podVariable.runFolder]: text,
  [podVariable.cache]: text,
  [podVariable.preparedBy]: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .optional(),
  [podVariable.traceparent]: z.string().optional(),
  ANNEAL_NATIVE: text.optional(),
  ANNEAL_PLAN_FILE: text.default(`${podPath.planFolder}/${podPath.planFile}`),
  ANNEAL_BUS_AUTHORITY_FILE: text.default(`${podPath.planFolder}/${podPath.authorityFile}`),
  ANNEAL_BUS_TOKEN_FILE: text.default(`${podPath.tokenFolder}/${podPath.tokenFile}`),
  ANNEAL_TERMINATION_LOG: text.default(terminationLog),
  ANNEAL_PROBE_PORT: count.default(podPort.metrics),
  ANNEAL_STORE_PORT: count.default(podPort.store),
  ANNEAL_COPIES_FOLDER: text.default(`${podPath.sharedMemory}/anneal`),
  ANNEAL_COPIES_PORT: count.default(podPort.copies),
  ANNEAL_NEWCOMER_PATIENCE_MS: count.default(30_000),
});

export type PodConfig = ReturnType<typeof podConfig>;

export function podConfig(variables: Readonly<Record<string, string | undefined>>) {
  const parsed = schema.safeParse(variables);
  if (!parsed.success) throw notAsPromised(parsed.error.issues[0]);
  const env = parsed.data;
  const [oldest = 0, newest = 0] = env[podVariable.protocol].split('-').map(Number);
  return {
    job: {
      name: env[podVariable.jobName],
      namespace: env[podVariable.jobNamespace],
      uid: env[podVariable.jobUid],
    },
    pod: {
      name: env[podVariable.podName],
      uid: env[podVariable.podUid],
      ip: env[podVariable.podIp],
      node: env[podVariable.nodeName],
      index: env[podVariable.workerIndex],
      workerRevision: env[podVariable.workerRevision],
    },
    planDigest: env[podVariable.planDigest],
    live: env[podVariable.live],
    natsUrl: env[podVariable.natsUrl],
    protocol: { oldest, newest },
    volumes: env[podVariable.volumes],
    runFolder: env[podVariable.runFolder],
    cache: env[podVariable.cache],
    preparedBy: env[podVariable.preparedBy],
    traceparent: env[podVariable.traceparent],
    traces: traceSettings(variables),
    secretValues: (env[podVariable.secrets] ?? []).flatMap(({ variable }) => {
      const value = variables[variable];
      return value === undefined ? [] : [value];
    }),
    addon: env.ANNEAL_NATIVE,
    planFile: env.ANNEAL_PLAN_FILE,
    authorityFile: env.ANNEAL_BUS_AUTHORITY_FILE,
    tokenFile: env.ANNEAL_BUS_TOKEN_FILE,
    terminationLog: env.ANNEAL_TERMINATION_LOG,
    probePort: env.ANNEAL_PROBE_PORT,
    storePort: env.ANNEAL_STORE_PORT,
    copiesFolder: env.ANNEAL_COPIES_FOLDER,
    copiesPort: env.ANNEAL_COPIES_PORT,
    newcomerPatienceMs: env.ANNEAL_NEWCOMER_PATIENCE_MS,
  } as const;
}

function notAsPromised(issue: z.core.$ZodIssue | undefined): UserError {
  const name = String(issue?.path[0] ?? 'the environment');
  const missing = issue?.code === 'invalid_type' && issue.message.includes('undefined');
  const what = missing ? 'is not set' : `cannot be used (${issue?.message ?? 'unknown'})`;
  return new UserError({
    code: 'E_USAGE',
    path: name,
    message: `${name} ${what}; the operator sets it in each pod of a job`,
    hint: 'this program is started by the operator; on one machine use anneal run',
  });
}
