// The kit of an adapter: found where the job of a transfer says that its data are.
import type { DataSource } from '../../crds/api/dataset.ts';
import { TerminalError, UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { type TransferKit, transferFiles, transferKit } from '../../crds/wire/transfer.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { resolveData } from '../prepare/resolve-source.ts';
import type { SourceEnvironment } from '../remote/source-environment.ts';

interface FoundKit {
  readonly kit: TransferKit;
  readonly sha256: string;
}

export async function readKit(
  source: DataSource,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<FoundKit> {
  const field = 'spec.job.dataset.train';
  const { files, origin } = await resolveData(source, field, environment, signal);
  const found = files.find(({ path }) => path.split('/').at(-1) === transferFiles.kit);
  if (found === undefined) throw invalid(`${origin} has no ${transferFiles.kit}`);
  const read = await readJsonFile(found.absolute, jsonLimits.runRecord).catch((cause: unknown) => {
    throw cause instanceof RefusedBytes ? invalid(`${found.absolute} ${cause.message}`) : cause;
  });
  const { data, error } = transferKit.safeParse(read);
  if (data !== undefined) return { kit: data, sha256: found.sha256 };
  const [issue] = error.issues;
  throw invalid(`${found.absolute} is no kit: ${issue?.path.join('.')} ${issue?.message ?? ''}`);
}

/** Hidden states of another base mean nothing to the discriminator. */
export function requireBase({ base }: TransferKit, digest: string, name: string): void {
  if (base.digest === digest) return;
  throw new TerminalError({
    code: 'E_DIGEST_MISMATCH',
    message: `the kit was made with the base ${base.name} (${base.digest}); spec.from.model is ${name}, ${digest}`,
    hint: 'name the base that the adapter was trained on, or make a kit with this one',
  });
}

function invalid(message: string): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.job.dataset.train',
    message,
    hint: 'a kit is made by: anneal transfer JOB --kit FOLDER, where JOB trained the adapter',
  });
}
