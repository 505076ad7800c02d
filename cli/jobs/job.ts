// A job as every command sees it, wherever it lives: the contract's own spec and status. A run of this machine is told in the
// same words (run-as-job.ts), so there is one list, one `describe`, one screen.
import {
  type FineTuneJobSpec,
  type FineTuneJobStatus,
  fineTuneJob,
  methodInWords,
  methodName,
  type Phase,
  resolveMethod,
  TerminalError,
} from '../../crds/index.ts';
import { splitKnown } from '../../crds/manifest/unknown-keys.ts';
import { jobSchema } from '../../crds/schema-tree.ts';

export interface Job {
  readonly namespace: string;
  /** `first`; a run of this machine is `first/3`. */
  readonly name: string;
  readonly uid: string;
  readonly createdAt: string;
  /** It is being deleted. */
  readonly deleting: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: FineTuneJobSpec;
  readonly status: FineTuneJobStatus;
  /** As its source has it, for `get`. */
  readonly object: object;
}

/** Namespace of the runs of this machine. No cluster has one of this name by itself. */
export const localNamespace = 'local';

export function keyOf({ namespace, name }: Pick<Job, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

export function phaseOf({ status }: Pick<Job, 'status'>): Phase {
  return status.phase ?? 'Pending';
}

/** An object of the cluster. Fields of a newer version are left out. */
export function readJobObject(object: object): Job {
  const { value } = splitKnown(object, jobSchema());
  const parsed = fineTuneJob.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TerminalError({
      code: 'E_INVALID_SPEC',
      message: `a job of the cluster cannot be read: ${issue?.path.join('.')}: ${issue?.message}`,
      hint: 'anneal version shows whether this program is older than the cluster',
    });
  }
  const { metadata, spec, status = {} } = parsed.data;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
    createdAt: metadata.creationTimestamp ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    labels: metadata.labels ?? {},
    spec,
    status,
    object,
  };
}

interface MethodWords {
  /** `lora`: for columns. */
  readonly name: string;
  readonly summary: string;
}

export function methodOf({ spec }: Pick<Job, 'spec'>): MethodWords {
  try {
    const method = resolveMethod(spec.method);
    return { name: methodName(method), summary: methodInWords(method) };
  } catch {
    // A method of a newer version: its own words are better than none.
    const { preset = '?' } = spec.method;
    return { name: preset.toLowerCase(), summary: preset };
  }
}

/** The model in a word or two. */
export function modelOf({ spec }: Pick<Job, 'spec'>): string {
  const { huggingFace, s3, persistentVolumeClaim: claim, local, image } = spec.model.source;
  const place =
    huggingFace?.repository ?? s3?.uri ?? claim?.path ?? local?.path ?? image?.reference ?? '';
  return place.replace(/\/+$/, '').split('/').at(-1) || claim?.claimName || '?';
}
