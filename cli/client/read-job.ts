// Reads a job file, with all problems that prevent running it here, each at its position in the
// file.
import { readFile } from 'node:fs/promises';
import {
  incompatibilities,
  type ParsedJob,
  parseJob,
  UserError,
  type Where,
} from '../../crds/index.ts';
import { invalidManifest } from '../../crds/manifest/manifest.ts';

export async function readJob(file: string, where: Where): Promise<ParsedJob> {
  const parsed = parseJob(await readText(file), file);
  const found = incompatibilities(parsed.job.spec, where);
  if (found.length === 0) return parsed;
  throw invalidManifest(
    found.map(({ path, code, message, hint }) => parsed.problemAt(path, { code, message, hint })),
  );
}

export async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new UserError({
      code: 'E_NOT_FOUND',
      path: file,
      message: `${file} ${readErrors[cause.code ?? ''] ?? `cannot be read (${cause.code})`}`,
      hint: 'a job file is YAML; crds/examples has some to begin with',
      cause,
    });
  });
}

const readErrors: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder; it must be a job file',
  EACCES: 'may not be read by this user',
};
