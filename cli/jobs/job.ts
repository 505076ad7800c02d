// A job as every command sees it, on a cluster or on this machine: spec and status of the contract.
// A run of this machine is converted to the same form (run-as-job.ts), so there is one list, one
// `describe`, one screen.
import {
  type FineTuneJobSpec,
  type FineTuneJobStatus,
  type ModelSource,
  methodInWords,
  methodName,
  type Phase,
  resolveMethod,
} from '../../crds/index.ts';

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
  /**
   * The part of the object that this program cannot read; `spec` and `status` do not contain it.
   */
  readonly unread?: Unread;
}

export interface Unread {
  /** The first problem: thing, value, rule. */
  readonly message: string;
  /** `spec.worker.labels`. */
  readonly paths: readonly string[];
}

/** Namespace of the runs of this machine. A cluster has none of this name by default. */
export const localNamespace = 'local';

export function keyOf({ namespace, name }: Pick<Job, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

export function phaseOf({ status }: Pick<Job, 'status'>): Phase {
  return status.phase ?? 'Pending';
}

interface MethodWords {
  /** `lora`: for columns. */
  readonly name: string;
  readonly summary: string;
}

/** Unknown: the object has it, but this program cannot read it. */
const unknown = '?';

export function isUnread(unread: Unread | undefined, path: string): boolean {
  return unread?.paths.some((one) => one === 'spec' || one.startsWith(path)) === true;
}

export function methodOf({ spec, unread }: Pick<Job, 'spec' | 'unread'>): MethodWords {
  if (isUnread(unread, 'spec.method')) return { name: unknown, summary: unknown };
  try {
    const method = resolveMethod(spec.method);
    return { name: methodName(method), summary: methodInWords(method) };
  } catch {
    // A method of a newer version: print its own name.
    const { preset = unknown } = spec.method;
    return { name: preset.toLowerCase(), summary: preset };
  }
}

/** What names a model: a job, a server. */
interface OfModel {
  readonly spec: { readonly model: { readonly source: ModelSource } };
  readonly unread?: Unread;
}

/** Short name of the model. */
export function modelOf({ spec, unread }: OfModel): string {
  if (isUnread(unread, 'spec.model')) return unknown;
  const { huggingFace, s3, persistentVolumeClaim: claim, local, image } = spec.model.source;
  const location =
    huggingFace?.repository ?? s3?.uri ?? claim?.path ?? local?.path ?? image?.reference ?? '';
  return location.replace(/\/+$/, '').split('/').at(-1) || claim?.claimName || unknown;
}
