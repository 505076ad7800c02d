import { TerminalError } from '../../crds/failures/errors.ts';

interface ServedBase {
  readonly digest: string;
  /** Whether adapters that do not name their base are served. */
  readonly acceptsUnnamed: boolean;
}

/** Refuses an adapter that was trained on another base, or does not say on which. */
export function requireBase(
  name: string,
  folder: string,
  baseDigest: string | undefined,
  { digest, acceptsUnnamed }: ServedBase,
): void {
  if (baseDigest === undefined && !acceptsUnnamed) {
    throw new TerminalError({
      code: 'E_DIGEST_MISMATCH',
      message: `adapter ${name} in ${folder} does not say which base it was trained on`,
      hint: 'publish it with this version, or serve it with --any-base where you know that it fits',
    });
  }
  if (baseDigest === undefined || baseDigest === digest) return;
  throw new TerminalError({
    code: 'E_DIGEST_MISMATCH',
    message: `adapter ${name} in ${folder} was trained on the base ${baseDigest}; the base that is served is ${digest}`,
    hint: 'serve it on the base that it names',
  });
}
